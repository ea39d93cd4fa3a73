"""When a helpdesk is at work: office hours in its own time zone, without weekends and public holidays. Pure.

Korean holidays come with their substitutes from a library, whose release knows those that the law has set by then;
days of a site's own are stated besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

SEOUL = ZoneInfo("Asia/Seoul")
_MONDAY_TO_FRIDAY = frozenset(range(5))
# Nobody is due after so many days without a single one of work.
_LONGEST_PAUSE = timedelta(days=366)


@dataclass(frozen=True)
class BusinessCalendar:
    """Office hours on workdays, which are numbered from Monday, 0; `country` names whose public holidays are kept.

    `closed_on` are days off besides, `open_on` are holidays and weekends on which there is work all the same.
    """

    zone: ZoneInfo = SEOUL
    opens: time = time(9)
    closes: time = time(18)
    workdays: frozenset[int] = _MONDAY_TO_FRIDAY
    country: str = "KR"
    closed_on: frozenset[date] = frozenset()
    open_on: frozenset[date] = frozenset()

    def is_workday(self, day: date) -> bool:
        """Tell whether there is work on a day."""
        if day in self.open_on:
            return True
        if day in self.closed_on or day.weekday() not in self.workdays:
            return False
        return not self.country or day not in _public_holidays(self.country, day.year)

    def after(self, begin: datetime, work: timedelta) -> datetime:
        """Return the moment, in UTC, by which so much time of office hours has passed since another."""
        local, left = begin.astimezone(self.zone), work
        day, last = local.date(), local.date() + _LONGEST_PAUSE
        while day < last:
            if self.is_workday(day):
                opens, closes = (datetime.combine(day, at, self.zone) for at in (self.opens, self.closes))
                start = max(opens, local)
                if start < closes:
                    if left <= closes - start:
                        return (start + left).astimezone(UTC)
                    left -= closes - start
                    last = day + _LONGEST_PAUSE
            day += timedelta(days=1)
        return datetime.combine(last, self.opens, self.zone).astimezone(UTC)


@cache
def _public_holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))


KOREAN_OFFICE = BusinessCalendar()
