"""Dates and times as numbers, days or seconds since 1970, and the way back to what came in.

The numbers are those of the proleptic Gregorian calendar, without leap seconds: times with an offset or a time zone in UTC,
others as they stand. Texts of ISO 8601 are read by themselves, others by a format that is said: whether 05/03/2021 is in May or
in March is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cached_property
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from jaxtyping import Float, Shaped

from harmonium.errors import InputError
from harmonium.io.frames import count_values, missing, value_text

NATIVE_DATE, NATIVE_TIME, DIGITS = "date", "time", "YYYYMMDD"
"""Formats that are no texts: the dates and the times of a library of frames, and numbers such as 20210305."""
DAY = 86400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800.0, 253_402_300_799.0
"""The seconds of 0001-01-01 and of the last second of 9999, beyond which there are no dates."""
FIRST_DIGITS = 19000101
FEW = 20
"""Cells of which one must look like a date for all of them to be looked at."""
_ISO = re.compile(r"\d{4}([-/.])\d\d\1\d\d(?:([T ])\d\d:\d\d(:\d\d(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:?\d\d)?)?")
_OTHER = re.compile(r"(\d{1,4})([-/.])\d{1,2}\2(\d{4}|\d\d?)(?:([T ])\d\d?:\d\d(:\d\d)?)?")
_YMD = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")


class Dates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """How the dates or times of a column are written, and what its numbers count.

    `format`: of `datetime.strptime`, with %3f for three digits of a second, or one of NATIVE_DATE, NATIVE_TIME and DIGITS.
    `unit`: of the numbers. `zone`: of times in UTC, what they are written in: Z, an offset such as +01:00, or a time zone.
    """

    format: str
    unit: Literal["day", "second"] = "day"
    zone: str | None = None

    @cached_property
    def tz(self) -> tzinfo | None:
        """What `zone` names."""
        if self.zone is None:
            return None
        return _offset(self.zone) or ZoneInfo(self.zone)

    @property
    def size(self) -> int:
        """Of the unit, in seconds."""
        return DAY if self.unit == "day" else 1

    @property
    def is_text(self) -> bool:
        return self.format not in (NATIVE_DATE, NATIVE_TIME, DIGITS)

    def validation_error(self) -> str | None:
        """What is wrong, in words; None if nothing is."""
        try:
            _ = self.tz
        except (OSError, ValueError, KeyError):
            return f"there is no time zone {self.zone!r}"
        when = datetime(2013, 11, 30)  # of which no two parts are alike
        with suppress(ValueError):
            if not self.is_text or self._parse(self._write(when)) == when.replace(tzinfo=self.tz):
                return None
        return f"{self.format!r} is no format of a year, a month and a day, as %d/%m/%Y is"

    # ---- to numbers

    def numbers(self, cells: Shaped[np.ndarray, " rows"], name: str, unseen: str = "error") -> Float[np.ndarray, " rows"]:
        """Cells as numbers, NaN where missing; cells that are no dates are `missing`, or an `error`.

        Raises:
            InputError: a cell is no date; it is named.
        """
        read = {value: self.number(value) for value in count_values(cells)}
        wrong = next((value for value, number in read.items() if number is None), None)
        if wrong is not None and unseen == "error":
            row = next(row for row, cell in enumerate(cells.tolist()) if cell == wrong)
            raise InputError(f"column {name!r}: {value_text(wrong)!r} in row {row + 1} is no date like {self.text(0.0)}")
        of = {value: np.nan if number is None else number for value, number in read.items()}
        absent = missing(cells)
        numbers = np.full(len(cells), np.nan)
        numbers[~absent] = [of[cell] for cell in cells[~absent].tolist()]
        return numbers

    def number(self, value: object) -> float | None:
        """Of one cell, or of a text; None if it is no date."""
        if isinstance(value, float):
            value = value_text(value)
        when = _native(value) if isinstance(value, date) else self._parse(value) if isinstance(value, str) else None
        if when is None or (when.tzinfo is not None and self.zone is None):
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=self.tz or UTC)
        since = when - EPOCH
        return (since.days * DAY + since.seconds + since.microseconds / 1e6) / self.size

    def _parse(self, text: str) -> datetime | None:
        is_swapped = self.format.startswith("%Y") and 0 < self.format.find("%d") < self.format.find("%m")
        try:
            if _ISO.fullmatch(text) and not is_swapped:
                return datetime.fromisoformat(text[:10].replace("/", "-").replace(".", "-") + text[10:])
            if self.format == DIGITS:
                return datetime.strptime(text, "%Y%m%d") if _YMD.fullmatch(text) else None
            return datetime.strptime(text, re.sub(r"%\df", "%f", self.format)) if self.is_text else None
        except (ValueError, re.error):
            return None

    # ---- and back

    def cells(self, numbers: Float[np.ndarray, " rows"]) -> Shaped[np.ndarray, " rows"]:
        """Numbers as the column's own cells: texts, dates or times, None where missing, or numbers such as 20210305."""
        known = ~np.isnan(numbers)
        if self.format == DIGITS:
            found = np.full(len(numbers), np.nan)
            found[known] = [float(self.text(number)) for number in numbers[known].tolist()]
            return found
        cells = np.full(len(numbers), None, dtype=object)
        cells[known] = [self._cell(number) for number in numbers[known].tolist()]
        return cells

    def text(self, number: float) -> str:
        """One number as text."""
        cell = self._cell(number)
        return cell if isinstance(cell, str) else cell.isoformat()

    def _cell(self, number: float) -> Any:
        step = self.size
        if self.is_text and self.unit == "second":
            step = 60 if "%S" not in self.format else 1
        number *= self.size
        is_fine = self.unit == "second" and (self.format == NATIVE_TIME or re.search(r"%\d?f", self.format))
        seconds = number if is_fine else round(number / step) * step
        margin = 0 if self.tz in (None, UTC) else DAY  # an offset may move a time beyond the last one
        when = EPOCH + timedelta(seconds=min(max(seconds, FIRST + margin), LAST - margin))
        when = when.replace(tzinfo=None) if self.tz is None else when.astimezone(self.tz)
        if self.format == NATIVE_DATE:
            return when.date()
        return when if self.format == NATIVE_TIME else self._write(when)

    def _write(self, when: datetime) -> str:
        form = "%Y%m%d" if self.format == DIGITS else self.format
        form = form.replace("%Y", f"{when.year:04d}")  # strftime writes the year 987 with three digits
        form = re.sub(r"%(\d)f", lambda match: f"{when.microsecond:06d}"[: int(match[1])], form)
        return when.strftime(form) + (self.zone or "")


# ---- from cells


def find_dates(cells: Shaped[np.ndarray, " rows"]) -> Dates | str | None:
    """How a column writes dates; in words why they are of no use; None if it holds no dates.

    Most of the cells must be dates, and all of them for `Dates`.
    """
    if cells.dtype.kind == "f":
        if not FIRST_DIGITS <= np.nanmin(cells, initial=np.inf) < np.inf:
            return None
        numbers = list(count_values(cells))
        return _checked(Dates(DIGITS), numbers) if all(_YMD.fullmatch(value_text(number)) for number in numbers) else None
    some_cells = list(islice((cell for cell in cells.tolist() if cell is not None), FEW))
    if some_cells and isinstance(some_cells[0], date):
        return _of_native(list(count_values(cells)))
    if not any(isinstance(cell, str) and (_YMD.fullmatch(cell) or _form(cell)) for cell in some_cells):
        return None
    counts = count_values(cells)
    texts = [value for value in counts if isinstance(value, str)]
    if all(map(_YMD.fullmatch, texts)):
        return _checked(Dates("%Y%m%d"), texts)
    forms = {text: _form(text) for text in texts}
    some = [text for text, form in forms.items() if form]
    if 2 * sum(counts[text] for text in some) <= sum(counts.values()):
        return None
    odd = next((text for text, form in forms.items() if not form), None)
    if odd is not None:
        return f"holds dates such as {some[0]!r}, but also {odd!r}: say so if that marks missing cells, or mend it"
    longest = max(forms.values(), key=len)
    # Zeros at the end of a time are often not written.
    other = next((text for text, form in forms.items() if not longest.startswith(form)), None)
    if other is not None:
        of_longest = next(text for text, form in forms.items() if form == longest)
        return f"mixes dates such as {of_longest!r} and {other!r}: write all of them in one form"
    if not _ISO.fullmatch(some[0]):
        formats = _suggest(some[0])
        doubt = ", of which day and month are not known" if len(formats) > 1 else ""
        return f"holds dates such as {some[0]!r}{doubt}: give it the kind {' or '.join(f'date:{each}' for each in formats)}"
    form = longest.removeprefix("zone ")
    zones = {match[5] for text in texts if (match := _ISO.fullmatch(text))}
    zone = None if zones == {None} else zones.pop() if len(zones) == 1 else "+00:00"
    return _checked(Dates(form, "second" if "%H" in form else "day", zone), texts)


def said_dates(form: str) -> Dates:
    """The dates of a format that a caller says; raises `InputError` where that is none."""
    found = Dates(form, "second" if re.search("%[HIMSf]", form) else "day")
    if problem := found.validation_error():
        raise InputError(problem)
    return found


def _checked(found: Dates, values: Sequence[object]) -> Dates | str:
    wrong = next((value for value in values if found.number(value) is None), None)
    return (
        found
        if wrong is None
        else f"holds dates, but {value_text(wrong)!r} is none: say so if that marks missing cells, or mend it"
    )


def _form(text: str) -> str:
    """The format of a text that looks like a date; of one in another order what does not depend on its digits; else nothing."""
    if match := _ISO.fullmatch(text):
        mark, between, seconds, fraction, zone = match.groups()
        form = f"%Y{mark}%m{mark}%d"
        if between:
            form += f"{between}%H:%M" + (":%S" if seconds else "") + (f".%{len(fraction)}f" if fraction else "")
        return form if zone is None else f"zone {form}"
    match = _OTHER.fullmatch(text)
    return f"{match[2]} {len(match[1]) > 2} {len(match[3]) > 2} {match[4]} {match[5] is not None}" if match else ""


def _suggest(text: str) -> list[str]:
    """Formats that a date in another order may have."""
    match = _OTHER.fullmatch(text)
    if match is None:
        return []
    first, mark, last, between, seconds = match.groups()
    time = f"{between}%H:%M{':%S' if seconds else ''}" if between else ""
    if len(first) > 2:
        return [f"%Y{mark}%m{mark}%d{time}"]
    year = "%Y" if len(last) > 2 else "%y"
    return [f"%d{mark}%m{mark}{year}{time}", f"%m{mark}%d{mark}{year}{time}"]


def _of_native(values: Sequence[Any]) -> Dates:
    """Of dates and times of a library of frames."""
    if not isinstance(values[0], datetime):
        return Dates(NATIVE_DATE)
    tz = values[0].tzinfo
    if tz is not None:
        zone = getattr(tz, "key", None) or getattr(tz, "zone", None)  # of zoneinfo, and of pytz
        found = Dates(NATIVE_TIME, "second", "+00:00" if zone in (None, "UTC") else zone)
        return found if found.validation_error() is None else Dates(NATIVE_TIME, "second", "+00:00")
    whole = all((when.hour, when.minute, when.second, when.microsecond) == (0, 0, 0, 0) for when in values)
    return Dates(NATIVE_TIME, "day" if whole else "second")


def _native(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)


def _offset(text: str) -> tzinfo | None:
    """Of Z, +01:00 or +0100."""
    if text == "Z":
        return UTC
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text)
    if match is None:
        return None
    return timezone((-1 if match[1] == "-" else 1) * timedelta(hours=int(match[2]), minutes=int(match[3])))
