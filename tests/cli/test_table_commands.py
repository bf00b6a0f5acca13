"""The commands for tables, as a user runs them: train, data, impute, score, explain, sample, evaluate."""

from __future__ import annotations

import datetime
import errno
import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from surveys import write_survey

import harmonium as hm
from harmonium import tabular
from harmonium.cli import run
from harmonium.io import read_frame
from harmonium.io.frames import missing

TINY = "--hidden 4 --updates 20 --set early_stopping=0 --json"  # as in test_readme.py, whose compiled code serves here too


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder made by the command line, its table, and what the command said."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_survey(Path("survey.csv"))
        assert run(shlex.split(f"train survey.csv --ignore id --as answer=categorical {TINY} --out run")) == 0
    return folder


@pytest.fixture
def said(trained, monkeypatch, capsys):
    """Run a command beside the trained model: its JSON, or its status and what it printed."""
    monkeypatch.chdir(trained)

    def call(command):
        capsys.readouterr()
        status = run(shlex.split(command))
        captured = capsys.readouterr()
        if status:
            assert captured.err.count("\n") == 1
            return captured.err
        return json.loads(captured.out) if "--json" in command else captured.out

    return call


def test_training_keeps_the_schema_and_can_be_repeated(said, trained):
    rbm, schema = tabular.load("run")
    assert {column.name: column.kind for column in schema.columns} == {
        "age": "real",
        "region": "categorical",
        "sex": "binary",
        "answer": "categorical",
    }
    assert [part.name for part in rbm.visible.parts] == ["binary", "categorical", "gaussian"]
    config = json.loads(Path("run/config.json").read_text())
    assert config["data"]["held_out"].startswith("1 rows without any value left out")
    assert "--as answer=categorical --ignore id" in config["repeat"]
    assert json.loads(Path("run/schema.json").read_text()) == schema.description()
    run([*shlex.split(config["repeat"])[1:], "--out", "again"])
    np.testing.assert_array_equal(tabular.load("again")[0].weights, rbm.weights)


def test_training_starts_from_a_model_with_its_columns(said):
    said("train survey.csv --start run --updates 20 --set estimator=pt-1 --set early_stopping=0 --out further --json")
    started, schema = tabular.load("run")
    further, same = tabular.load("further")
    config = json.loads(Path("further/config.json").read_text())
    assert same.description() == schema.description()
    assert "hidden" not in config["options"]
    dataset = hm.data.load_columns("survey.csv", schema=schema)
    wanted = hm.fit(started, dataset.train, hm.TrainConfig.from_dict(config["settings"]))
    np.testing.assert_array_equal(further.weights, wanted.weights)
    assert run([*shlex.split(config["repeat"])[1:], "--out", "further-again"]) == 0
    np.testing.assert_array_equal(tabular.load("further-again")[0].weights, further.weights)
    header = hm.io.load_with_header("further")
    for own, others in zip(header[1].parts, hm.io.load_with_header("run")[1].parts, strict=True):
        np.testing.assert_array_equal(own.bias, others.bias)  # of the rows alone, not of the model


def test_held_out_rows_that_a_start_may_know_are_said(said, capsys):
    train = "--start run --updates 20 --set early_stopping=0 --overwrite --json --out known"
    write_survey(Path("others.csv"), answers="54321")
    for data, words in (("survey.csv", ""), ("others.csv", "rows for validation and the test may be among those that run was")):
        capsys.readouterr()
        assert run(["train", data, *shlex.split(train)]) == 0
        errors = capsys.readouterr().err
        assert words in errors
        assert ("may be among" in errors) == bool(words)


def test_a_start_that_has_changed_cannot_be_resumed_from(said, capsys):
    said("train survey.csv --start run --updates 20 --set early_stopping=0 --out stopped --json")
    path = Path("stopped/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"start": "another", "finished": False}))
    assert run(["train", "--resume", "stopped"]) == 2
    assert "run holds another model than when the run began" in capsys.readouterr().err


def test_drawing_under_conditions(said):
    drawn = said('sample run --count 60 --where "age >= 40, region != north" --forbid "sex = m, age < 50" --json')
    cells = drawn["samples"]
    assert 0 < drawn["probability"] < 1
    assert min(cells["age"]) >= 40
    assert "north" not in cells["region"]
    assert all(sex != "m" or age >= 50 for sex, age in zip(cells["sex"], cells["age"], strict=True))
    assert "there is no column 'agee'; did you mean age?" in said('sample run --where "agee > 3"')


def test_completing_a_file(said):
    result = said("impute run survey.csv --method exact --out full.csv --json")
    frame = read_frame("full.csv")
    assert list(frame.columns) == ["id", "age", "region", "sex", "answer"]
    assert not any(missing(cells).any() for cells in frame.columns.values())
    filled = [(cell["row"], cell["column"]) for cell in result["cells"]]
    assert (1, "age") in filled
    assert all((61, name) in filled for name in ("age", "region", "sex", "answer"))
    before = read_frame("survey.csv")
    for name, cells in before.columns.items():
        present = ~missing(cells)
        assert cells[present].tolist() == frame.columns[name][present].tolist()


def test_refitting_on_another_table_is_said(said, monkeypatch):
    """The rows of the training table in another order are the same table."""
    monkeypatch.setattr(tabular.table_functions, "_draw_refitted", lambda _rbm, rows, *_: (np.nan_to_num(rows)[None], True))
    names, *rows = Path("survey.csv").read_text().splitlines()
    for name, lines, words in (("other", rows[::-1], []), ("fewer", rows[:40], ["it was trained on one of"])):
        Path(f"{name}.csv").write_text("\n".join([names, *lines]) + "\n")
        warnings = said(f"impute run {name}.csv --draws 1 --refit --json")["warnings"]
        assert len(warnings) == len(words)
        assert all(each in warning for each, warning in zip(words, warnings, strict=True))
    rbm, schema = tabular.load("run")
    with pytest.warns(UserWarning, match="not recorded on which table"):
        tabular.impute(rbm, replace(schema, fingerprint=None), read_frame("fewer.csv"), 1, refit=True)


def test_a_filled_table_keeps_its_delimiter(said):
    text = Path("survey.csv").read_text()
    Path("semicolons.csv").write_text(text.replace(",", ";"))
    said("impute run survey.csv --out commas_full.csv")
    said("impute run semicolons.csv --out semicolons_full.csv")
    assert Path("semicolons_full.csv").read_text() == Path("commas_full.csv").read_text().replace(",", ";")


def test_columns_that_the_model_does_not_have_come_through(said):
    """Also of kinds that no model has."""
    columns = read_frame("survey.csv").rows(np.arange(3)).columns
    days = [datetime.date(2020, 1, 1 + day) for day in range(3)]
    table = pa.table({"day": days, "list": [[1, 2]] * 3} | {name: cells.tolist() for name, cells in columns.items()})
    parquet.write_table(table, "days.parquet")
    said("impute run days.parquet --out days.csv --overwrite")
    assert read_frame("days.csv").columns["day"].tolist() == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert said("impute run days.parquet --json")["table"]["day"] == ["2020-01-01", "2020-01-02", "2020-01-03"]


def test_observed_cells_come_back_byte_for_byte(said):
    """Also codes with zeros before them, decimals as they were written, and marks of missing cells that are not filled."""
    lines = ["zip,note,age,region,sex,answer", "02138,NA,40.10,north,m,1", "00501,n/a,,south,NA,5", "10001,,+30,?,f,2"]
    Path("codes.csv").write_text("\n".join(lines) + "\n")
    said("impute run codes.csv --out codes_full.csv --overwrite")
    found = [line.split(",") for line in Path("codes_full.csv").read_text().splitlines()]
    filled = {(2, "age"), (2, "sex"), (3, "region")}
    for row, (before, after) in enumerate(zip(lines, found, strict=True)):
        for name, old, new in zip(lines[0].split(","), before.split(","), after, strict=True):
            assert (old != new) == ((row, name) in filled)
    said("impute run codes.csv --out codes.parquet --overwrite")
    columns = read_frame("codes.parquet").columns
    assert columns["zip"].tolist() == ["02138", "00501", "10001"]
    assert columns["answer"].tolist() == [1, 5, 2]


def test_filled_cells_are_written_as_the_table_writes_numbers(said):
    """Whole numbers of a table with decimal commas get such a comma too: a point would make texts of the other column."""
    Path("commas.csv").write_text("age;region;sex;answer;weight\n31;north;m;1;1,5\n;north;m;1;2,5\n")
    said("impute run commas.csv --draws 1 --out commas_full.csv --overwrite --json")
    columns = read_frame("commas_full.csv").columns
    assert columns["age"][0] == 31
    assert columns["age"][1] % 1
    assert columns["weight"].tolist() == [1.5, 2.5]


def test_a_column_without_any_value_gets_texts(said):
    Path("no_region.csv").write_text("age,region,sex,answer\n31.5,,m,1\n20,,f,2\n")
    result = said("impute run no_region.csv --out with_region.csv --overwrite --json")
    region = read_frame("with_region.csv").columns["region"].tolist()
    assert region == [cell["value"] for cell in result["cells"]]
    assert set(region) <= {"north", "south", "east"}


def test_values_not_met_in_training_count_as_missing(said, capsys):
    Path("west.csv").write_text("age,region,sex,answer\n31,west,m,9\n31,,m,\n20,north,f,high\n")
    result = said("impute run west.csv --out west_full.csv --overwrite --json")
    assert result["unseen"] == {"region": [1], "answer": [1, 3]}
    assert [(cell["row"], cell["column"]) for cell in result["cells"]] == [(2, "region"), (2, "answer")]
    assert read_frame("west_full.csv").columns["region"].tolist()[0] == "west"
    scored = said("score run west.csv --out west_scores.csv --overwrite --json")
    assert scored["unseen"] == result["unseen"]
    scores = [float(text) for text in read_frame("west_scores.csv").columns["score"]]
    assert scores[0] == pytest.approx(scores[1])
    assert run(shlex.split("evaluate run west.csv")) == 0
    words = "warning: 3 cells count as missing, of values not met in training: 'region' in row 1; 'answer' in rows 1, 3"
    assert words in capsys.readouterr().err
    explained = said("explain run west.csv --row 1 --json")
    assert set(explained["unseen"]) == {"region", "answer"}
    said("explain run west.csv --row 1")
    for command in ("score", "evaluate", "explain"):
        assert "'west' in row 1 is none of its values" in said(
            f"{command} run west.csv --unseen error{' --row 1' * (command == 'explain')}"
        )


def test_test_rows_with_values_not_met_in_training_are_counted(said):
    Path("west_test.csv").write_text("age,region,sex,answer\n31,west,m,1\n31,east,m,9\n20,north,f,2\n")
    dataset = hm.data.load_columns("survey.csv", {"answer": "categorical"}, ["id"]).replace_part("test", "west_test.csv")
    assert dataset.held_out.endswith("(2 cells count as missing, of values not met in training, in 'region', 'answer')")
    assert np.isnan(dataset.test).any(axis=1).tolist() == [True, True, False]
    command = f"train survey.csv --ignore id --as answer=categorical {TINY} --out run_west --test west_test.csv"
    assert "'west' in row 1 is none of its values" in said(f"{command} --strict")


@pytest.mark.slow
def test_drawing_completions(said):
    result = said("impute run survey.csv --draws 3 --out draws.parquet --json")
    frame = read_frame("draws.parquet")
    assert frame.columns["draw"].tolist() == [1] * 61 + [2] * 61 + [3] * 61
    assert result["draws"] == 3
    assert "row" in said("impute run survey.csv --sweeps 20")


def test_scores_of_draws_where_the_truth_is_known(said):
    said("impute run survey.csv --out truth.csv --overwrite")
    scores = said("impute run survey.csv --draws 2 --truth truth.csv --json")["scores"]
    rbm, schema = tabular.load("run")
    truth, frame = read_frame("truth.csv"), read_frame("survey.csv")
    log_scores = tabular.log_scores(rbm, schema, truth, frame)
    draws = tabular.impute(rbm, schema, frame, 2).draws
    found = tabular.score_draws(schema, truth, frame, draws)
    assert scores["log score"]["mean"] == pytest.approx(np.nanmean(log_scores))
    assert scores["energy score"]["mean"] == pytest.approx(np.nanmean(found.energy))
    assert (scores["rows"], scores["cells"]) == (np.isfinite(log_scores).sum(), found.cells)
    assert "--draws with --truth" in said("impute run survey.csv --truth truth.csv")


def test_predicting_a_column(said):
    result = said("predict run survey.csv --column region --out regions.csv --json")
    found = tabular.predict(*tabular.load("run"), read_frame("survey.csv"), "region")
    assert result["log loss"]["mean"] == pytest.approx(found.scores["log loss"].mean)
    assert result["known"] == found.known
    assert list(read_frame("regions.csv").columns) == ["region", "p(east)", "p(north)", "p(south)"]
    assert "standard deviation" in said("predict run survey.csv --column age")


def test_scoring_rows_and_cells(said):
    result = said("score run survey.csv --top 4 --cells 2 --out scores.csv --json")
    rbm, schema = tabular.load("run")
    value = hm.log_prob(rbm, schema.encode(read_frame("survey.csv"))).value
    assert [row["score"] for row in result["unlikeliest"]] == pytest.approx(np.sort(value)[:4])
    assert [row["row"] - 1 for row in result["unlikeliest"]] == np.argsort(value)[:4].tolist()
    assert result["score"] == "ln p"
    assert list(read_frame("scores.csv").columns)[:3] == ["score", "standard error", "surprisal sex"]
    assert all(len(row["cells"]) == 2 for row in result["unlikeliest"])
    assert "most surprising" in said("score run survey.csv --top 2")


@pytest.mark.parametrize("command", ["score run survey.csv --out lost.csv", "impute run survey.csv --out lost.csv"])
def test_a_file_that_cannot_be_written_costs_no_report(said, capsys, monkeypatch, command):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr("os.fsync", fail)
        assert run(shlex.split(command)) == 2
    captured = capsys.readouterr()
    assert "61 rows" in captured.out
    assert "written to" not in captured.out
    assert captured.err == "harmonium: error: lost.csv: cannot be written: No space left on device\n"


def test_explaining_a_row(said):
    result = said("explain run survey.csv --row 1 --units 2 --json")
    assert "age" in result["filled"]
    assert [unit["unit"][0] for unit in result["units"]] == ["h", "h"]
    printed = said("explain run survey.csv --row 2")
    assert "contributes" in printed
    assert "moves its input by" in printed


def test_explaining_a_row_of_a_named_source(said):
    hm.save(hm.initialize(hm.data.load("bars-and-stripes:2x2").train, 2), "patterns.safetensors")
    assert "row 3: -F = " in said("explain patterns.safetensors bars-and-stripes:2x2 --row 3")


@pytest.mark.slow
def test_comparing_a_table_with_samples(said):
    result = said("compare run survey.csv --train survey.csv --target region --count 60 --json")
    assert result["rows"] == {"samples": 60, "compared": 61, "floor": 61}
    assert set(result["columns"]) == {"age", "region", "sex", "answer"}
    assert set(result["samples"]["target"]) == {"accuracy", "AUC"}
    assert result["floor"]["column_shapes"] == 1
    assert any("gaps" in note for note in result["notes"])
    assert "prediction of region: AUC" in said("compare run survey.csv --target region --count 60")
    assert "--target must be a column of the model, but is 'zip'" in said("compare run survey.csv --target zip")


def test_drawing_rows(said):
    result = said('sample run --count 20 --sweeps 20 --clamp "region=north, sex=f" --json')
    assert result["samples"]["region"] == ["north"] * 20
    assert result["samples"]["sex"] == ["f"] * 20
    assert list(result["samples"]) == ["age", "region", "sex", "answer"]
    assert said("sample run --count 20 --sweeps 20").splitlines()[0] == "age,region,sex,answer"


def test_evaluating_by_the_schema(said):
    result = said("evaluate run survey.csv --json")
    rbm, schema = tabular.load("run")
    rows = schema.encode(read_frame("survey.csv"))
    assert result["log_likelihood"]["mean"] == pytest.approx(hm.evaluate(rbm, rows).mean)


def test_describing_a_table(said):
    assert said("data survey.csv --ignore id --json")["schema"]["columns"]["age"]["kind"] == "real"
    assert "read as" in said("data survey.csv --ignore id")
    table = said("data survey.csv --json")["schema"]
    assert sorted(table["columns"]) == ["age", "answer", "region", "sex"]
    assert table["ignore"]["id"].startswith("has 60 different texts")
    assert list(said("data survey.csv --ignore age,re* --json")["schema"]["columns"]) == ["sex", "answer"]
    assert "column 'id' has 61 different texts" in said("data survey.csv --strict")
    assert said("data survey.csv --csv missing=north --json")["schema"]["columns"]["region"]["kind"] == "binary"


@pytest.mark.slow
def test_a_schema_file_overrides(said):
    Path("s.toml").write_text('ignore = ["id", "age"]\n[columns]\nanswer = "real"\n')
    said(f"train survey.csv --schema s.toml {TINY} --out by_file")
    schema = tabular.load("by_file")[1]
    assert [column.kind for column in schema.columns] == ["categorical", "binary", "real"]


@pytest.mark.slow
def test_zeros_and_ones_alone_are_taken_as_they_are(said):
    bits = np.random.default_rng(0).integers(0, 2, (40, 4))
    np.savetxt("bits.csv", bits, fmt="%d", delimiter=",", header="a,b,c,d", comments="")
    np.save("bits.npy", bits)
    for kind in ("csv", "npy"):
        said(f"train bits.{kind} {TINY} --out {kind}")
    np.testing.assert_array_equal(hm.load("csv").weights, hm.load("npy").weights)
    assert hm.io.load_with_header("csv")[2]["notes"]["schema"] is None
    # Such a model completes tables too.
    Path("holes.csv").write_text("d,b,a,c\n1,,0,1\n")
    done = said("impute csv holes.csv --json")
    assert done["cells"][0]["column"] == "b"
    assert done["table"]["a"] == [0]


def test_arrays_may_have_missing_cells(said):
    random = np.random.default_rng(0)
    v = np.where(random.random((40, 4)) < 0.2, np.nan, random.integers(0, 2, (40, 4)))
    np.save("holes.npy", v)
    rbm = hm.RBM(hm.Binary(np.zeros(4)), hm.Binary(np.zeros(3)), random.standard_normal((4, 3)))
    hm.save(rbm, "array")
    result = said("evaluate array holes.npy --json")
    assert result["log_likelihood"]["mean"] == pytest.approx(hm.evaluate(rbm, v).mean)
    said("impute array holes.npy --out filled.npy")
    np.testing.assert_array_equal(np.load("filled.npy"), hm.impute(rbm, v).values)
    said("impute array holes.npy --draws 2 --out drawn.npy")
    np.testing.assert_array_equal(np.load("drawn.npy"), hm.impute(rbm, v, 2).draws)
    assert said("score array holes.npy --json")["mean"] == pytest.approx(hm.log_prob(rbm, v).value.mean())
    assert said("data holes.npy --json")["missing"] == np.isnan(v).sum()
    assert f"{np.isnan(v).sum()} cells are missing" in said("data holes.npy")
    # Text and Parquet of such a model too, and gray levels with holes.
    np.savetxt("holes.csv", v, delimiter=",", fmt="%g")
    assert said("evaluate array holes.csv --json")["log_likelihood"] | {"seconds": 0} == result["log_likelihood"] | {
        "seconds": 0
    }
    np.save("gray.npy", 0.3 + v / 2)
    gray = said("evaluate array gray.npy --binarize threshold=0.5 --json")
    assert gray["log_likelihood"]["mean"] == result["log_likelihood"]["mean"]


def test_one_hot_columns_and_numbers_of_categories_are_the_same_table(said):
    rbm = hm.RBM(hm.Categorical(np.arange(5.0), (3, 2)), hm.Binary(np.zeros(2)), np.ones((5, 2)))
    hm.save(rbm, "one_hot.safetensors")
    np.save("one_hot.npy", [[0, 0, 1, np.nan, np.nan]])
    Path("one_hot.csv").write_text("a,b,c,d,e\n0,0,1,,\n")
    Path("numbers.csv").write_text("x,y\n2,\n")
    done = [said(f"impute one_hot.safetensors {name} --json") for name in ("one_hot.npy", "one_hot.csv", "numbers.csv")]
    assert done[0] == done[1] == done[2]
    assert done[0]["table"] == {"v1": [2], "v2": [1]}


@pytest.mark.slow
def test_reconstructing_and_diagnosing_a_table(said):
    said("impute run survey.csv --out whole.csv --overwrite")
    said("reconstruct run whole.csv --draws 50 --out back.csv")
    rbm, schema = tabular.load("run")
    expected = schema.decode(hm.reconstruct(rbm, schema.encode(read_frame("whole.csv")), 50))
    back = read_frame("back.csv").columns
    assert list(back) == ["age", "region", "sex", "answer"]
    for name, cells in expected.items():
        assert back[name].tolist() == cells.tolist()
    found = said("diagnose run whole.csv --chains 40 --sweeps 40 --rungs 3 --out diagnosis --json")
    assert found["rows"] == {"held_out": 61, "train": None}
    assert Path("diagnosis/weights.png").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train survey.csv --as color=real", "no column 'color'"),
        ("train survey.csv --as age", "write NAME=KIND"),
        ("train survey.csv --ignore id --as age=odd", "the kind of column 'age' must be 'binary' or"),
        ("train survey.csv --ignore color", "no column 'color'"),
        ("train survey.csv --strict", "column 'id' has 61 different texts"),
        ("train survey.csv --ignore id --binarize threshold=1", "column 'region': 'south' in line 3 is not a number"),
        ("train survey.csv --as id=real --visible-units spin", "leave out --visible-units"),
        ("train survey.csv --start run --hidden 8 --as age=real", "leave out --hidden, --as"),
        ("train survey.csv --start run --out run --overwrite", "--out run is the folder of the model to start from"),
        ("train lacking.csv --start run", "lacks the column 'sex'"),
        ("train survey.csv --start nowhere", "nowhere: there is no such model file"),
        ("train digits --start run", "digits is a named source, but the model was trained on a table"),
        ("train survey.csv --start run --binarize threshold=1", "--binarize is not for a model"),
        ("train digits --ignore id", "is for the columns of a file, but digits is a named source"),
        ("train survey.csv --schema nowhere.toml", "nowhere.toml: there is no such schema file"),
        ("train bits.csv --test more.csv", "test data has 2.0 in row 2, column 1, but a binary unit is 0 or 1"),
        ("train bits.csv --test more.csv", "a column that takes more values: --as 'NAME=ordered:0..2'"),
        ("impute run new.csv --unseen error", "column 'region': 'west' in row 1 is none of its values (east, north, south)"),
        ("impute run lacking.csv", "lacks the column 'sex'"),
        ("score run mixed.csv", "column 'age': 'old' in row 1 is not a number"),
        ("score run infinite.csv", "column 'age' has inf in row 1"),
        ("score run twice.csv", "2 columns called 'age'"),
        ("score run header.csv", "has a header but no rows"),
        ("score run empty.csv", "empty.csv is empty"),
        ("score run nowhere.csv", "there is no such file"),
        ("score run survey.csv --top -1", "--top"),
        ("predict run survey.csv --column color", "the model has no column 'color'"),
        ("explain run survey.csv --row 62", "the table has 61 rows"),
        ("impute run survey.csv --out survey.csv", "exists already"),
        ("impute run survey.csv --out x.txt", "must end with .csv or .parquet"),
        ("impute run survey.csv --draws -1", "--draws"),
        ("sample run --clamp region", "write NAME=VALUE"),
        ("sample run --clamp color=red", "no column 'color'"),
        ("sample run --clamp region=west", "'west' in row 1 is none of its values"),
        ("sample run --out x.npy", "must end with .csv or .parquet"),
        ("evaluate run survey.csv --binarize threshold=1", "--binarize is not for a model"),
        ("evaluate run digits", "digits is a named source, but the model was trained on a table: name a file"),
        (
            "reconstruct run survey.csv",
            "column 'region' has no value in row 1; to fill missing cells first: harmonium impute",
        ),
        ("diagnose run survey.csv", "column 'region' has no value in row 1; to fill missing cells first: harmonium impute"),
        ("reconstruct run survey.csv --out x.npy", "must end with .csv or .parquet"),
        ("impute run survey.csv --out x.npy", "must end with .csv or .parquet"),
    ],
)
def test_mistakes(said, command, words):
    header = "age,region,sex,answer\n"
    Path("new.csv").write_text(header + "1,west,m,1\n")
    Path("lacking.csv").write_text("age,region,answer\n1,north,1\n")
    Path("mixed.csv").write_text(header + "old,north,m,1\n")
    Path("infinite.csv").write_text(header + "inf,north,m,1\n")
    Path("twice.csv").write_text("age,age,sex,answer\n1,2,m,1\n")
    Path("header.csv").write_text(header)
    Path("empty.csv").write_text("")
    Path("bits.csv").write_text("a,b\n0,1\n1,0\n1,1\n")
    Path("more.csv").write_text("a,b\n0,1\n2,0\n")
    assert words in said(command)


def test_pixels_are_binarized_without_their_label(said):
    images = Path(__file__).parents[1] / "inputs" / "digits.csv"
    text = said(f"data {images} --ignore label --binarize threshold=127")
    assert "26 rows of 16 columns" in text
    assert "zeros and ones (by threshold=127)" in text
    assert "no column 'lable'" in said(f"data {images} --ignore lable --binarize threshold=127")


def test_how_a_csv_file_is_written_can_be_said(said):
    rows = "".join(f"{1 + place},{234 + place};{'xy'[place % 2]}\n" for place in range(30))
    Path("marks.csv").write_text(rows)
    assert "decimal commas in 'c1'" in said("data marks.csv --csv header=no")
    assert "thousands commas in 'c1'" in said("data marks.csv --csv 'header=no decimal=.'")
    assert "decimal must be '.' or ','" in said("data marks.csv --csv decimal=x")


def test_a_model_of_a_table_is_described_by_its_columns(said):
    text = said("info run")
    assert "north, south" in text
    assert "learning_rate" in text
    assert "{" not in text


@pytest.mark.slow
def test_every_report_of_bins_has_the_density_of_their_values(trained, said):
    random = np.random.default_rng(0)
    amount = np.where(random.random(250) < 0.3, 0, np.exp(random.standard_normal(250))).round(4)
    text = "".join(f"{x},{int(x > 1)},{int(x * 10)}\n" for x in amount.tolist())
    Path("amounts.csv").write_text(f"amount,high,visits\n{text}")
    report = said(f"train amounts.csv --as visits=count --test amounts.csv {TINY} --out amounts")
    rbm, schema = tabular.load("amounts")
    assert {column.name: column.kind for column in schema.columns} == {"amount": "binned", "high": "binary", "visits": "count"}
    assert schema.columns[0].bins.spikes == (0.0,)
    frame = read_frame("amounts.csv")
    value = tabular.log_prob(rbm, schema, frame).rows.value
    found = [report["log_likelihood"], said("evaluate amounts amounts.csv --json")["log_likelihood"]]
    for each in found:
        assert each["mean"] == pytest.approx(value.mean())
        assert each["standard_error"] == pytest.approx(value.std(ddof=1) / np.sqrt(250))
    density = schema.log_density(frame)
    rows = hm.log_prob(rbm, schema.encode(frame)).value
    np.testing.assert_allclose(value - rows, density)
    assert report["gain"]["mean"] == pytest.approx(report["log_likelihood"]["mean"] - report["baseline"])
    assert said("score amounts amounts.csv --json")["mean"] == pytest.approx(value.mean())
    log_loss = said("predict amounts amounts.csv --column amount --json")["log loss"]
    assert log_loss["mean"] == pytest.approx(tabular.log_prob(rbm, schema, frame).surprisal["amount"].mean())
    assert log_loss["mean"] < log_loss["baseline"] + 1
    assert said("data amounts.csv --json")["schema"]["columns"]["amount"]["spikes"] == [0]
