"""Dates and times as numbers: the way there and back, what is refused, and conditions on them."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from harmonium import tabular
from harmonium.errors import InputError
from harmonium.io.frames import from_native, to_native
from harmonium.tabular.conditions import conditions_on_units, fulfills, read_conditions
from harmonium.tabular.dates import find_dates, said_dates
from harmonium.tabular.schema import from_description
from harmonium.tabular.table_functions import fill

DAYS = [datetime.date(1968, 1, 1) + datetime.timedelta(days=37 * n) for n in range(40)]
TIMES = [datetime.datetime(2021, 3, 5, 10, 20, 3) + datetime.timedelta(seconds=997 * n) for n in range(40)]
HOURS = pd.date_range("2021-03-27 20:00", periods=40, freq="h", tz="Europe/Berlin")
"""Across the night in which the clocks go forward."""
SEX = ["m", "f"] * 20


def cells_of(values):
    return from_native({"d": values}).columns["d"]


@pytest.mark.parametrize(
    ("values", "numbers", "unit"),
    [
        (["2021-03-05", None, "1969-12-30"], [18691, np.nan, -2], "day"),
        (["2021/03/05", "1600/02/29"], [18691, -135081], "day"),
        (["2021-03-05T10:20", "1969-12-31T23:59"], [1614939600, -60], "second"),
        (["2021-03-05 10:20:01.250", "2021-03-05 10:20:01.500"], [1614939601.25, 1614939601.5], "second"),
        (["2021-03-05T10:20Z", "2021-03-06T10:20Z"], [1614939600, 1615026000], "second"),
        (["2021-03-05T10:20+01:00", "2021-03-05T11:20+01:00"], [1614936000, 1614939600], "second"),
        (["20210305", "20210306"], [18691, 18692], "day"),
        ([20210305.0, np.nan, 19700101.0], [18691, np.nan, 0], "day"),
        (DAYS[:2], [-731, -694], "day"),
        ([datetime.datetime(2021, 3, 5), datetime.datetime(2021, 3, 6)], [18691, 18692], "day"),
        (TIMES[:2], [1614939603, 1614940600], "second"),
    ],
)
def test_dates_come_back_as_they_were(values, numbers, unit):
    cells = cells_of(values)
    dates = find_dates(cells)
    assert dates.unit == unit
    np.testing.assert_array_equal(dates.numbers(cells, "d"), numbers)
    assert dates.validation_error() is None
    np.testing.assert_array_equal(dates.cells(np.array(numbers, float)), cells)


def test_changing_offsets_are_written_in_utc_and_formats_may_be_said():
    cells = cells_of(["2021-03-05T10:20+01:00", "2021-07-05T10:20+02:00"])
    dates = find_dates(cells)
    assert dates.cells(dates.numbers(cells, "d")).tolist() == ["2021-03-05T09:20+00:00", "2021-07-05T08:20+00:00"]
    shortened = cells_of(["2021-03-05", "2021-03-05 10:20:03", "2021-03-05 10:20:03.250000"])
    found = find_dates(shortened).numbers(shortened, "d") - 1614902400
    assert found.tolist() == [0, 37203, 37203.25]
    assert said_dates("%d.%m.%y %H:%M").text(18691 * 86400 + 37200.0) == "05.03.21 10:20"
    assert said_dates("%d/%m/%Y").number("05/03/2021") == 18691
    assert said_dates("%Y-%d-%m").number("2021-05-03") == 18691
    assert said_dates("%d/%m/%Y").text(-1e9) == "01/01/0001"
    for form in ("%d", "%d %d", "%q", "day"):
        with pytest.raises(InputError, match=f"'{form}' is no format of a year, a month and a day"):
            said_dates(form)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["05/03/2021", "13/03/2021"], "day and month are not known: give it the kind date:%d/%m/%Y or date:%m/%d/%Y"),
        (["5.3.21 9:30", "6.3.21 9:30"], "date:%d.%m.%y %H:%M or date:%m.%d.%y %H:%M"),
        (["2021-3-5", "2021-3-16"], "holds dates such as '2021-3-5': give it the kind date:%Y-%m-%d"),
        (["2021-03-05", "2021/03/06"], "mixes dates such as '2021-03-05' and '2021/03/06'"),
        (["2021-03-05T10:20Z", "2021-03-05T10:20"], "mixes dates"),
        (["2021-03-05", "2021-02-30"], "holds dates, but '2021-02-30' is none"),
        ([20210305.0, 20210230.0], "holds dates, but '20210230' is none"),
        (["2021-03-05", "2021-03-06", "n.d."], "but also 'n.d.': say so if that marks missing cells"),
    ],
)
def test_dates_that_are_not_guessed(values, words):
    """They are left out with the reason, which says how to mend it."""
    assert words in find_dates(cells_of(values))
    table = {"d": values * 10, "a": list(range(10 * len(values)))}
    assert words in tabular.infer(table).ignored["d"]
    with pytest.raises(InputError, match="column 'd' "):
        tabular.infer(table, {"d": "real"})


@pytest.mark.parametrize("values", [["a", "b"], [1, 2], ["12:30", "13:40"], [19000101.5, 2e7], [True, False], [None, None]])
def test_other_cells_are_no_dates(values):
    assert find_dates(cells_of(values)) is None


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "dict"])
def test_tables_get_dates_of_their_own_library(library):
    """Gaps filled and rows decoded, in the table's dtypes; the schema is the same from its description."""
    gaps = {"day": DAYS, "time": TIMES, "zone": [hour.to_pydatetime() for hour in HOURS]}
    columns = {"sex": SEX} | {name: [None, *values[1:]] for name, values in gaps.items()}
    if library == "pandas":
        table = pd.DataFrame(columns | {"day": pd.to_datetime(columns["day"])})
    else:
        table = {"polars": pl.DataFrame, "pyarrow": pa.table, "dict": dict}[library](columns)
    schema = tabular.infer(table)
    assert [(column.kind, column.unit) for column in schema.columns[1:]] == [("real", "days")] + [("real", "seconds")] * 2
    description = json.loads(json.dumps(schema.description()))
    assert description["version"] == 3
    assert from_description(description) == schema
    rows = schema.encode(from_native(table))
    rows[0] = rows[1]
    filled, decoded = fill(schema, table, rows), to_native(schema.decode(rows), table)
    for back in (filled, decoded):
        read = from_native(back)
        for name, values in gaps.items():
            moved = [value.astimezone(datetime.UTC) if name == "zone" else value for value in [values[1], *values[1:]]]
            found = [value.astimezone(datetime.UTC) if name == "zone" else value for value in read.columns[name].tolist()]
            assert [value.date() if name == "day" and library == "pandas" else value for value in found] == moved
        if library == "pandas":
            assert back.dtypes[list(gaps)].tolist() == table.dtypes[list(gaps)].tolist()
        elif library != "dict":
            assert back.schema == table.schema


def test_conditions_on_dates():
    """In the model's units, on decoded cells, with bins of dates, and as given values at the end of a range."""
    table = {"day": [day.isoformat() for day in DAYS], "time": TIMES, "sex": SEX}
    schema = tabular.infer(table, {"time": {"kind": "binned", "levels": [1614950000]}})
    day, time = schema.columns[:2]
    (_, _, unit) = schema.model_columns
    assert unit == day
    ((low, high),) = tabular.conditions(schema, "day >= 1970-01-01, day < 1970-02-01").where[2]
    np.testing.assert_allclose([day.mean + day.scale * end for end in (low, high)], [-0.5, 30.5])
    asked = read_conditions(schema, "time >= 2021-03-05T12:00, time != 2021-03-05T10:20:03", ())
    kept = fulfills(schema, from_native(table).columns, asked)
    assert kept.tolist() == [value >= datetime.datetime(2021, 3, 5, 12) for value in TIMES]
    assert {name.partition("..")[0] for name in time.state_names[1:]} == {"2021-03-05T13:13:20"}
    given = {"day": np.array(["1970-02-01"], dtype=object)}
    assert conditions_on_units(schema, read_conditions(schema, "day <= 1970-02-01", (), given)).where == {}
    with pytest.raises(InputError, match="'day < 1970-02-01' contradicts what is given, day = 1970-02-01"):
        read_conditions(schema, "day < 1970-02-01", (), given)
    with pytest.raises(InputError, match="'01/02/1970' is no date like those of 'day', such as 19"):
        tabular.conditions(schema, "day > 01/02/1970")


def test_columns_of_dates_may_be_of_any_kind(tmp_path):
    days = [f"{day:%d/%m/%Y}" for day in DAYS]
    path = tmp_path / "schema.toml"
    path.write_text('[columns]\nday = {kind = "real", dates = "%d/%m/%Y"}\n')
    for kinds in ({"day": "date:%d/%m/%Y"}, tabular.read_schema_file(path)[0]):
        schema = tabular.infer({"day": days, "sex": SEX}, kinds)
        (day, _) = schema.columns
        assert day.kind == "real"
        assert schema.decode(schema.encode(from_native({"day": days, "sex": SEX})))["day"].tolist() == days
    marked = tabular.infer({"day": [*map(str, DAYS[2:]), *["9999-12-31"] * 2], "sex": SEX})
    assert marked.notes["day"].startswith("9999-12-31 in 2 rows is unlike all other values")
    cut = tabular.infer({"day": DAYS, "sex": SEX}, {"day": "binned:1969-01-01,1970-01-01"}).columns[0]
    assert cut.bins.states(np.array([-366.0, -365.0, -1.0, 0.0])).tolist() == [0, 1, 1, 2]
    assert cut.state_names[1] == "1969-01-01..1970-01-01"
    for kind in ("categorical", "ordered"):
        assert tabular.infer({"day": DAYS, "sex": SEX}, {"day": kind}).columns[0].levels[0] == "1968-01-01"
    many = [(DAYS[0] + datetime.timedelta(days=int(n**1.7))).isoformat() for n in range(300)]
    assert tabular.infer({"day": many, "sex": ["m", "f"] * 150}).columns[0].kind in ("real", "binned")
    with pytest.raises(InputError, match=r"column 'day': '2021-02-30' in row 2 is no date like 01/01/1970"):
        schema.encode(from_native({"day": ["01/02/2021", "2021-02-30"], "sex": ["m", "f"]}))
    wrong = {"kind": "count", "dates": "%d"}, "date:%d", "count", "binned:a,b"
    for kinds in ({"day": kind} for kind in wrong):
        with pytest.raises(InputError, match="column 'day'"):
            tabular.infer({"day": days, "sex": SEX}, kinds)
