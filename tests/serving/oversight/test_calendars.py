"""Office hours, weekends and Korean holidays with their substitutes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.oversight.calendars import KOREAN_OFFICE, SEOUL, BusinessCalendar


def seoul(day: int, hour: int, minute: int = 0, *, month: int = 5) -> datetime:
    """A moment of 2026 in Seoul."""
    return datetime(2026, month, day, hour, minute, tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        (seoul(14, 10), 4, seoul(14, 14)),
        (seoul(14, 16), 4, seoul(15, 11)),
        (seoul(14, 7), 1, seoul(14, 10)),
        (seoul(14, 9), 9, seoul(14, 18)),
        (seoul(15, 17), 2, seoul(18, 10)),
        # Buddha's birthday falls on a Sunday: the Monday after it stands in.
        (seoul(22, 17), 2, seoul(26, 10)),
        # Chuseok takes two working days.
        (seoul(23, 18, month=9), 1, seoul(28, 10, month=9)),
    ],
)
def test_only_office_hours_count(begin: datetime, hours: int, end: datetime) -> None:
    """Nights, weekends, holidays and their substitutes are left out."""
    assert KOREAN_OFFICE.after(begin, timedelta(hours=hours)) == end


def test_days_of_the_site_are_kept() -> None:
    """A day off of the site's own is left out; a holiday on which it works is not."""
    calendar = BusinessCalendar(closed_on=frozenset({date(2026, 5, 14)}), open_on=frozenset({date(2026, 5, 25)}))
    assert not calendar.is_workday(date(2026, 5, 14))
    assert calendar.is_workday(date(2026, 5, 25))


def test_calendar_without_work_ends() -> None:
    """Where no day is a workday, a moment is named all the same."""
    assert BusinessCalendar(workdays=frozenset()).after(seoul(14, 9), timedelta(hours=1)) > seoul(14, 9)


@given(
    later=st.timedeltas(timedelta(0), timedelta(days=900)),
    minutes=st.integers(1, 3000),
)
def test_end_lies_in_office_hours(later: timedelta, minutes: int) -> None:
    """Whenever a ticket comes in, it is due within office hours, no sooner than the time it has."""
    begin = datetime(2025, 1, 1, tzinfo=UTC) + later
    end = KOREAN_OFFICE.after(begin, timedelta(minutes=minutes))
    assert end >= begin + timedelta(minutes=minutes)
    assert KOREAN_OFFICE.is_workday(end.astimezone(SEOUL).date())
    assert KOREAN_OFFICE.opens < end.astimezone(SEOUL).time() <= KOREAN_OFFICE.closes
