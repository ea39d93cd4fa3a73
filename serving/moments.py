"""Moments in the past as a person writes them: `24h`, `365d`, `1h30m`, `10:00`, `2026-05-14`. Knows no command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from features.errors import RecipeError

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_SPAN = re.compile(r"([0-9]{1,6})([wdhms])")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
_EXPECTED = (
    "Write how long ago it was (24h, 365d, 1h30m), the time of day (10:00) or a date (2026-05-14, 2026-05-14T09:12)."
)


def moment_of(text: str, *, now: datetime) -> datetime:
    """Return the moment that is meant, in UTC; raise RecipeError for one that is none or has not come yet.

    A time of day is the last one before now, and a date is midnight, both in the time zone of `now`.
    """
    written = text.strip()
    moment = _ago(written.lower(), now=now) or _time_of_day(written, now=now) or _date(written, now=now)
    if moment is None:
        raise RecipeError(f"'{text[:40]}' is no moment. {_EXPECTED}")
    if moment > now:
        raise RecipeError(f"'{text[:40]}' has not come yet. {_EXPECTED}")
    return moment.astimezone(UTC)


def _ago(written: str, *, now: datetime) -> datetime | None:
    parts = _SPAN.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        return None
    try:
        return now - sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        return None


def _time_of_day(written: str, *, now: datetime) -> datetime | None:
    if not _CLOCK.fullmatch(written):
        return None
    try:
        stated = time.fromisoformat(written.rjust(len("00:00" if written.count(":") == 1 else "00:00:00"), "0"))
    except ValueError:
        return None
    moment = datetime.combine(now.date(), stated, tzinfo=now.tzinfo)
    return moment if moment <= now else moment - timedelta(days=1)


def _date(written: str, *, now: datetime) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        return None
