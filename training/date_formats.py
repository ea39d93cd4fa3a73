"""What one cell means as a date, under each order of day, month and year that it can be read in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OFFSET_HOURS = {"z": 0, "utc": 0, "gmt": 0, "kst": 9}
# Years of two digits belong to 1970 up to 2069.
_CENTURY_TURNS_AT = 70

_TIME = r"""
    (?:[T,\s]\s*
       (?P<half_before>오전|오후|AM|PM)?\s*
       (?P<hour>\d{1,2})\s*(?::|시)\s*
       (?:(?P<minute>\d{1,2})\s*분?(?:\s*:?\s*(?P<second>\d{1,2})초?(?:[.,](?P<fraction>\d{1,9}))?)?)?
       \s*(?P<half_after>오전|오후|AM|PM|a\.m\.|p\.m\.)?
       \s*(?P<offset>Z|UTC|GMT|KST|[+-]\d{2}:?\d{2})?
    )?$
"""
_OF_NUMBERS = re.compile(
    r"^(?P<one>\d{1,4})\s*[-/.년]\s*(?P<two>\d{1,2})\s*[-/.월]\s*(?P<three>\d{1,4})\s*[.일]?"
    r"(?:\s*\(?[월화수목금토일](?:요일)?\)?)?" + _TIME,
    re.VERBOSE | re.IGNORECASE,
)
_OF_MONTH_NAME = re.compile(
    r"^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
    r"(?: (?P<day>\d{1,2})[-/.\s]\s*(?P<month>[a-z]{3,9})\.?[-/.,\s]\s*"
    r"  | (?P<month_first>[a-z]{3,9})\.?\s+(?P<day_second>\d{1,2}),?\s+ )"
    r"(?P<year>\d{4}|\d{2})" + _TIME,
    re.VERBOSE | re.IGNORECASE,
)
_OF_DIGITS = re.compile(r"^\d{8,14}(?:\.\d+)?$")
_COMPACT = re.compile(r"^((?:19|20)\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?$")


class DateOrder(StrEnum):
    """How a date is written; of two that fit a column equally well the earlier in this list is taken."""

    YEAR_FIRST = "year first"
    NAMED_MONTH = "with the month's name"
    EPOCH_SECONDS = "as seconds since 1970"
    EPOCH_MILLISECONDS = "as milliseconds since 1970"
    MONTH_FIRST = "month first"
    DAY_FIRST = "day first"
    SHORT_YEAR_FIRST = "a year of two digits first"


@dataclass(frozen=True, slots=True)
class Reading:
    """A moment in UTC, and whether the cell states a time of day without its offset, which is then taken for UTC."""

    at: datetime
    lacks_offset: bool


def readings(cell: str) -> dict[DateOrder, Reading]:
    """Return what a stripped, non-empty cell means under each order that it can be read in; none for no date."""
    if _OF_DIGITS.match(cell):
        return dict(_readings_of_digits(cell))
    try:
        return {DateOrder.YEAR_FIRST: _in_utc(datetime.fromisoformat(cell), has_clock=len(cell) > len("2026-05-14"))}
    except (ValueError, OverflowError):
        pass
    numbers = _OF_NUMBERS.match(cell)
    if numbers:
        return dict(_readings_of_numbers(numbers))
    named = _OF_MONTH_NAME.match(cell)
    return dict(_readings_of_month_name(named)) if named else {}


def _readings_of_digits(cell: str) -> Iterator[tuple[DateOrder, Reading]]:
    compact = _COMPACT.match(cell)
    whole_digits = len(cell.partition(".")[0])
    if compact:
        year, month, day, hour, minute, second = (int(part) for part in compact.groups(default="0"))
        moment = _moment(year, month, day, clock=timedelta(hours=hour, minutes=minute, seconds=second))
        if moment:
            yield DateOrder.YEAR_FIRST, Reading(moment, lacks_offset=compact[4] is not None)
    elif whole_digits in (9, 10):
        yield DateOrder.EPOCH_SECONDS, Reading(_EPOCH + timedelta(seconds=float(cell)), lacks_offset=False)
    elif whole_digits in (12, 13):
        yield DateOrder.EPOCH_MILLISECONDS, Reading(_EPOCH + timedelta(milliseconds=float(cell)), lacks_offset=False)


def _readings_of_numbers(match: re.Match[str]) -> Iterator[tuple[DateOrder, Reading]]:
    one, two, three = match["one"], match["two"], match["three"]
    if len(one) == 4:
        yield from _reading(DateOrder.YEAR_FIRST, match, year=one, month=two, day=three)
    elif len(one) <= 2 and len(three) in (2, 4):
        yield from _reading(DateOrder.MONTH_FIRST, match, year=three, month=one, day=two)
        yield from _reading(DateOrder.DAY_FIRST, match, year=three, month=two, day=one)
        if len(one) == len(three) == 2:
            yield from _reading(DateOrder.SHORT_YEAR_FIRST, match, year=one, month=two, day=three)


def _readings_of_month_name(match: re.Match[str]) -> Iterator[tuple[DateOrder, Reading]]:
    name = (match["month"] or match["month_first"]).casefold()
    if name[:3] in _MONTHS:
        month = str(_MONTHS.index(name[:3]) + 1)
        yield from _reading(
            DateOrder.NAMED_MONTH, match, year=match["year"], month=month, day=match["day"] or match["day_second"]
        )


def _reading(
    order: DateOrder, match: re.Match[str], *, year: str, month: str, day: str
) -> Iterator[tuple[DateOrder, Reading]]:
    clock, offset = _clock(match), _offset(match["offset"])
    full_year = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < _CENTURY_TURNS_AT else 1900)
    if clock is None:
        return
    moment = _moment(full_year, int(month), int(day), clock=clock - (offset or timedelta()))
    if moment:
        yield order, Reading(moment, lacks_offset=offset is None and match["hour"] is not None)


def _clock(match: re.Match[str]) -> timedelta | None:
    """Return the time of day, nothing for one that no clock shows."""
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    half = (match["half_before"] or match["half_after"] or "").casefold()
    if hour > 23 or minute > 59 or second > 59 or (half and hour > 12):
        return None
    if half:
        hour = hour % 12 + (12 if half in ("오후", "pm", "p.m.") else 0)
    microseconds = int((match["fraction"] or "0").ljust(6, "0")[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microseconds)


def _offset(text: str | None) -> timedelta | None:
    if not text:
        return None
    if text.casefold() in _OFFSET_HOURS:
        return timedelta(hours=_OFFSET_HOURS[text.casefold()])
    sign = -1 if text[0] == "-" else 1
    return sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))


def _moment(year: int, month: int, day: int, *, clock: timedelta) -> datetime | None:
    try:
        return datetime(year, month, day, tzinfo=UTC) + clock
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime, *, has_clock: bool) -> Reading:
    if moment.tzinfo is None:
        return Reading(moment.replace(tzinfo=UTC), lacks_offset=has_clock)
    return Reading(moment.astimezone(UTC), lacks_offset=False)
