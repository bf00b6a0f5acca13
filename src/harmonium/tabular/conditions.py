"""Conditions on the columns of a table, as text: `age >= 18`, `region = north|south`, `age < 16, married = yes`.

A condition is a column, one of = != < <= > >=, and a value, or after = and != several with | between them. Several conditions
with commas between them hold together. Of a column whose values are rounded it is the rounded value that fulfills them: if
ages are whole, `age > 18` leaves 18.5 and more, which is 19 and more in the table.

Dates are written as in the table, or by ISO 8601: `day >= 2021-01-01`.

The units of a binned column tell only bins apart: as conditions on units these keep the bins in which some value fulfills them,
and forbid those in which all values do. `fulfills` decides on the values that are drawn.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float, Shaped

from harmonium import _checks
from harmonium.conditioning import Conditions, Intervals, Values, after, before, intersect, overlap
from harmonium.errors import InputError
from harmonium.io.frames import Value, parse_number, value_text
from harmonium.tabular.bins import Bins
from harmonium.tabular.schema import Column, Schema

COMPARISONS: dict[str, Callable[[Any, float], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
SYNTAX = "write a column, one of = != < <= > >=, and a value, as in age >= 18 or region = north|south"
GRID = 1e-9
"""How near a number must be to a rounded one to be it, in steps."""


NEGATIONS = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "=": "!=", "!=": "="}


class Condition(NamedTuple):
    """A condition on one column, and its text."""

    column: Column
    comparison: str
    value: str
    text: str


class Asked(NamedTuple):
    """Conditions that every row fulfills, and combinations of several that no row fulfills together."""

    required: list[Condition]
    combinations: list[list[Condition]]


def conditions(schema: Schema, where: str | Sequence[str] = (), forbid: str | Sequence[str] = ()) -> Conditions:
    """Conditions on the columns of a table as those on a model's units, which `harmonium.sample` takes.

    Args:
        schema: of the table (`infer`, or `load` of a trained model).
        where: conditions that every row fulfills, such as `age >= 18, sex = female`; all of several texts.
        forbid: of each text, the combination of conditions that no row fulfills together, such as `age < 16, married =
            yes`.

    Raises:
        InputError: a text is no condition, its column or value is unknown, its column has no order, or no value fulfills it.

    Example:
        >>> import harmonium as hm
        >>> schema = hm.tabular.infer({"smokes": ["yes", "no", "yes", "no"], "coughs": ["yes", "no", "yes", "no"]})
        >>> rbm = hm.RBM(hm.tabular.units_of(schema), hm.Spin([-4.0]), [[4.0], [4.0]])
        >>> hm.sample(rbm, 3, where=hm.tabular.conditions(schema, "smokes = yes"), seed=0)[:, 0]
        array([1., 1., 1.])
    """
    return conditions_on_units(_checks.instance(schema, Schema, "schema"), read_conditions(schema, where, forbid))


def read_conditions(
    schema: Schema,
    where: str | Sequence[str],
    forbid: str | Sequence[str],
    given: Mapping[str, Shaped[np.ndarray, " 1"]] | None = None,
) -> Asked:
    """The conditions in texts, without those on columns whose values are `given`, which are decided.

    Args:
        where, forbid: as in `conditions`. given: the cell of each column that is fixed.

    Raises:
        InputError: as `conditions`, or the given values contradict a condition.
    """
    given = given or {}
    required: list[Condition] = []
    for condition in (each for text in _texts(where, "where") for each in _read(schema, text)):
        if condition.column.name not in given:
            required.append(condition)
        elif not _is_fulfilled(condition, given):
            raise InputError(f"{condition.text!r:.80} contradicts what is given, {_list_given([condition], given)}")
    combinations = []
    for text in _texts(forbid, "forbid"):
        combination = list(_read(schema, text))
        left = [condition for condition in combination if condition.column.name not in given]
        if not all(_is_fulfilled(condition, given) for condition in combination if condition.column.name in given):
            continue
        if not left:
            raise InputError(f"{text!r:.80} is forbidden, but given: {_list_given(combination, given)}")
        if len(left) == 1:
            (column, comparison, value, own), beside = left[0], combination != left
            words = f"not {own}" + (f" (as {_list_given(combination, given)})" if beside else "")
            required.append(Condition(column, NEGATIONS[comparison], value, words))
        else:
            combinations.append(left)
    return Asked(required, combinations)


def _is_fulfilled(condition: Condition, given: Mapping[str, Shaped[np.ndarray, " 1"]]) -> bool:
    return bool(_holds(condition, given[condition.column.name])[0])


def _list_given(conditions: Sequence[Condition], given: Mapping[str, Shaped[np.ndarray, " 1"]]) -> str:
    """The given values of the columns of conditions, in words."""
    names = dict.fromkeys(condition.column.name for condition in conditions if condition.column.name in given)
    return ", ".join(f"{name} = {value_text(given[name][0])}" for name in names)


def conditions_on_units(schema: Schema, asked: Asked) -> Conditions:
    """Conditions on columns as those on the units of a model; raises as `conditions`."""
    units = {name: unit for unit, name in enumerate(schema.column_slices)}
    allowed: dict[int, Values] = {}
    spans: dict[int, Intervals] = {}
    for condition in asked.required:
        unit, values = units[condition.column.name], _values(condition)
        allowed[unit] = intersect(allowed[unit], values) if unit in allowed else values
        if bins := condition.column.bins:
            spans[unit] = overlap(spans.get(unit, ((-math.inf, math.inf),)), _spans(condition))
            if not spans[unit]:  # also where one bin has values for each of the conditions
                allowed[unit] = frozenset(range(len(bins.spikes))) & cast(frozenset[int], allowed[unit])
        if not allowed[unit]:
            name = condition.column.name
            raise InputError(f"{condition.text!r:.80}: no value of column {name!r} fulfills all conditions on it")
    combinations = []
    for combination in asked.combinations:
        forbidden: dict[int, Values] = {}
        for condition in combination:
            unit, values = units[condition.column.name], _values(condition, surely=True)
            forbidden[unit] = intersect(forbidden[unit], values) if unit in forbidden else values
        combinations.append(forbidden)
    return Conditions(allowed, combinations)


def fulfills(schema: Schema, columns: Mapping[str, Shaped[np.ndarray, " rows"]], asked: Asked) -> Bool[np.ndarray, " rows"]:
    """Which rows of decoded columns fulfill conditions on binned columns, which may part a bin; all others are taken to be
    fulfilled."""
    mask = np.ones(len(columns[schema.columns[0].name]), bool)
    for condition in asked.required:
        if condition.column.bins is not None:
            mask &= _holds(condition, columns[condition.column.name])
    for combination in asked.combinations:
        if any(condition.column.bins is not None for condition in combination):
            mask &= ~np.all([_holds(condition, columns[condition.column.name]) for condition in combination], axis=0)
    return mask


def _holds(condition: Condition, cells: Shaped[np.ndarray, " rows"]) -> Bool[np.ndarray, " rows"]:
    """Which cells fulfill a condition."""
    column = condition.column
    if column.is_number:
        return _compare(condition, cells if column.dates is None else column.numbers(cells))
    values = _values(condition)
    chosen = [level for index, level in enumerate(column.levels) if index in cast(frozenset[int], values)]
    return np.isin(cells, chosen)


def _compare(condition: Condition, numbers: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which numbers fulfill a condition."""
    bounds = [_number(condition, option) for option in _options(condition)]
    each = [COMPARISONS[condition.comparison](numbers, bound) for bound in bounds]
    return np.all(each, axis=0) if condition.comparison == "!=" else np.any(each, axis=0)


def _texts(given: str | Sequence[str], name: str) -> list[str]:
    texts = [given] if isinstance(given, str) else list(_checks.instance(given, Sequence, name, "a text or a list of texts"))
    return [_checks.instance(text, str, f"each of {name}", "a text such as 'age >= 18'") for text in texts]


# ---- from text


def _read(schema: Schema, text: str) -> Iterator[Condition]:
    """The conditions in one text."""
    parts: list[str] = []
    for part in text.split(","):
        # A part without a comparison belongs to a value with a comma in it.
        if parts and not re.search("[=<>]", part):
            parts[-1] += f",{part}"
        else:
            parts.append(part.strip())
    for part in parts:
        yield _read_one(schema, part)


def _read_one(schema: Schema, text: str) -> Condition:
    comparisons = "|".join(map(re.escape, COMPARISONS))
    # Names may have signs in them: the longest that fits is meant.
    for column in sorted(schema.columns, key=lambda column: -len(column.name)):
        if text.startswith(column.name):
            match = re.fullmatch(rf"\s*(==|{comparisons})\s*(.+)", text[len(column.name) :])
            if match:
                return Condition(column, match[1].replace("==", "="), match[2].strip(), text)
    match = re.match(rf"(.+?)\s*(?:==|{comparisons})", text)
    if not match or match[1] in schema.column_slices:
        raise InputError(f"{text!r:.80} is no condition: {SYNTAX}")
    name, names = match[1], [column.name for column in schema.columns]
    if name in schema.ignored:
        raise InputError(f"{text!r:.80}: column {name!r} is not in the model: {schema.ignored[name]}")
    more = _checks.suggest(name, names) or f"; the model has {', '.join(map(repr, names[:20]))}"
    raise InputError(f"{text!r:.80}: there is no column {name!r:.40}{more}")


# ---- to values


def _options(condition: Condition) -> list[str]:
    """The values of a condition: several after = and !=, unless there are signs between them in a level itself."""
    whole = condition.comparison not in ("=", "!=") or condition.value in map(value_text, condition.column.levels)
    return [option.strip() for option in ([condition.value] if whole else condition.value.split("|"))]


def _values(condition: Condition, *, surely: bool = False) -> Values:
    """The values of the column's unit that fulfill the condition; of bins those in which some values do, or `surely` all."""
    column, comparison, value, text = condition
    options = _options(condition)
    if column.is_number:
        intervals = _spans(condition)
        return intervals if column.bins is None else _bins(condition, column.bins, intervals, surely)
    if comparison in ("=", "!="):
        named = {_level(condition, option) for option in options}
        fulfilling = [index for index in range(len(column.levels)) if (index in named) == (comparison == "=")]
    elif column.numeric:
        bound = _number(condition, value)
        fulfilling = [i for i, level in enumerate(column.levels) if COMPARISONS[comparison](float(level), bound)]
    elif column.kind == "ordered":
        bound = _level(condition, value)
        fulfilling = [i for i in range(len(column.levels)) if COMPARISONS[comparison](i, bound)]
    else:
        raise InputError(f"{text!r:.80}: the values of column {column.name!r} have no order: use = or !=")
    if not fulfilling:
        raise InputError(f"{text!r:.80}: no value of column {column.name!r} fulfills it; it has {_list(column.levels)}")
    return frozenset(fulfilling)


def _spans(condition: Condition) -> Intervals:
    """The intervals of a column of numbers that fulfill the condition."""
    each = [_intervals(condition, _number(condition, option)) for option in _options(condition)]
    return reduce(overlap, each) if condition.comparison == "!=" else tuple(sorted({one for many in each for one in many}))


def _bins(condition: Condition, bins: Bins, intervals: Intervals, surely: bool) -> Values:
    """The spikes that fulfill the condition, and the bins of which some values lie in the intervals, or all."""
    edges = list(bins.edges)
    if len(edges) > 1:
        edges[0] = -math.inf if bins.tails[0][0] else edges[0]
        edges[-1] = math.inf if bins.tails[1][0] else edges[-1]
    states = np.flatnonzero(_compare(condition, np.array(bins.spikes))).tolist()
    for state, (a, b) in enumerate(pairwise(edges), len(bins.spikes)):
        # A point that bin and interval have in common has no probability.
        if any((low <= a and b <= high) if surely else max(low, a) < min(high, b) for low, high in intervals):
            states.append(state)
    return frozenset(states)


def _level(condition: Condition, text: str) -> int:
    """The index of the level that a text spells."""
    number = parse_number(text)
    for index, level in enumerate(condition.column.levels):
        if value_text(level) == text or (condition.column.numeric and number is not None and float(level) == number):
            return index
    levels = condition.column.levels
    more = _checks.suggest(text, list(map(value_text, levels))) or f"; it has {_list(levels)}"
    raise InputError(f"{condition.text!r:.80}: column {condition.column.name!r} has no value {text!r:.40}{more}")


def _list(levels: Sequence[Value]) -> str:
    return ", ".join(map(value_text, levels[:8])) + (", ..." if len(levels) > 8 else "")


def _number(condition: Condition, text: str) -> float:
    column = condition.column
    if column.dates is not None:
        number = column.dates.number(text)
        if number is None:
            like = column.dates.text(column.mean)
            raise InputError(f"{condition.text!r:.80}: {text!r:.40} is no date like those of {column.name!r}, such as {like}")
        return number
    number = parse_number(text)
    if number is None or not math.isfinite(number):
        raise InputError(f"{condition.text!r:.80}: {text!r:.40} is no number, but the values of {condition.column.name!r} are")
    return number


def _intervals(condition: Condition, number: float) -> Intervals:
    """The intervals of a real column's values in the model that fulfill the condition with this number."""
    column, comparison, inf = condition.column, condition.comparison, math.inf
    if column.decimals is None:
        low = high = number
    else:
        # The two values between which the comparison changes are half a step from the rounded ones.
        step = 10.0**-column.decimals
        place = number / step
        is_rounded = abs(place - round(place)) < GRID * max(1, abs(place))
        last, first = (round(place), round(place)) if is_rounded else (math.ceil(place), math.floor(place))
        low, high = (last - 0.5) * step, (first + 0.5) * step
        if comparison == "=" and not is_rounded:
            raise InputError(
                f"{condition.text!r:.80}: the values of column {column.name!r} have {column.decimals} decimals, so none is "
                f"{condition.value:.40}"
            )
        if comparison == "!=" and not is_rounded:
            low = high = number
    if column.bins and comparison == "=" and low == high and number not in column.bins.spikes:
        raise InputError(f"{condition.text!r:.80}: no single value of column {column.name!r} has a probability: give a range")
    ends = {
        "=": [(low, high)],
        "!=": [(-inf, low), (high, inf)],
        "<": [(-inf, low)],
        "<=": [(-inf, high)],
        ">": [(high, inf)],
        ">=": [(low, inf)],
    }[comparison]
    if column.bins:
        return tuple(ends)
    in_model = [((first - column.mean) / column.scale, (last - column.mean) / column.scale) for first, last in ends]
    if comparison in ("<", ">", "!="):  # without the ends themselves, which a fixed value may be
        return tuple((after(first), before(last)) for first, last in in_model)
    return tuple(in_model)
