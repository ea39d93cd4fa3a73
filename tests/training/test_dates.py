"""A column of dates is read in one order of day, month and year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.date_formats import DateOrder
from training.dates import parse_dates

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_SEOUL = timezone(timedelta(hours=9))


def _at(*numbers: int) -> datetime:
    year, month, day, *clock = numbers
    return datetime(year, month, day, tzinfo=UTC) + timedelta(
        **dict(zip(("hours", "minutes", "seconds"), clock, strict=False))
    )


@pytest.mark.parametrize(
    ("cell", "expected", "order"),
    [
        ("2026-05-14", _at(2026, 5, 14), DateOrder.YEAR_FIRST),
        ("2026-05-14T09:12:00+09:00", _at(2026, 5, 14, 0, 12), DateOrder.YEAR_FIRST),
        ("2026-05-14T09:12:00Z", _at(2026, 5, 14, 9, 12), DateOrder.YEAR_FIRST),
        ("2026-05-14 09:12:33", _at(2026, 5, 14, 9, 12, 33), DateOrder.YEAR_FIRST),
        ("2026-05-14 09:12:33 +0900", _at(2026, 5, 14, 0, 12, 33), DateOrder.YEAR_FIRST),
        ("2026-05-14 09:12 UTC", _at(2026, 5, 14, 9, 12), DateOrder.YEAR_FIRST),
        ("2026/5/14 9:12", _at(2026, 5, 14, 9, 12), DateOrder.YEAR_FIRST),
        ("2026-05-14 오후 3:12", _at(2026, 5, 14, 15, 12), DateOrder.YEAR_FIRST),
        ("2026-05-14 오전 12:05", _at(2026, 5, 14, 0, 5), DateOrder.YEAR_FIRST),
        ("2026. 5. 14.", _at(2026, 5, 14), DateOrder.YEAR_FIRST),
        ("2026. 5. 14. (목) 오후 3:12:33", _at(2026, 5, 14, 15, 12, 33), DateOrder.YEAR_FIRST),
        ("2026년 5월 14일 15시 12분", _at(2026, 5, 14, 15, 12), DateOrder.YEAR_FIRST),
        ("20260514", _at(2026, 5, 14), DateOrder.YEAR_FIRST),
        ("20260514091233", _at(2026, 5, 14, 9, 12, 33), DateOrder.YEAR_FIRST),
        ("3/25/07", _at(2007, 3, 25), DateOrder.MONTH_FIRST),
        ("5/14/2026, 3:12:07\u202fPM", _at(2026, 5, 14, 15, 12, 7), DateOrder.MONTH_FIRST),
        ("29/2/2016 01:16", _at(2016, 2, 29, 1, 16), DateOrder.DAY_FIRST),
        ("14.05.2026 09:12", _at(2026, 5, 14, 9, 12), DateOrder.DAY_FIRST),
        ("14/May/26 3:12 PM", _at(2026, 5, 14, 15, 12), DateOrder.NAMED_MONTH),
        ("May 14, 2026 3:12 PM", _at(2026, 5, 14, 15, 12), DateOrder.NAMED_MONTH),
        ("Thu, 14 May 2026 09:12:00 +0900", _at(2026, 5, 14, 0, 12), DateOrder.NAMED_MONTH),
        ("1715000000", _at(2024, 5, 6, 12, 53, 20), DateOrder.EPOCH_SECONDS),
        ("1715000000000", _at(2024, 5, 6, 12, 53, 20), DateOrder.EPOCH_MILLISECONDS),
    ],
)
def test_reads_the_usual_forms(cell: str, expected: datetime, order: DateOrder) -> None:
    """A date is read in the forms that exports, spreadsheets and Korean programs write."""
    column = parse_dates([cell, " "], now=_NOW)
    assert column.values == (expected, None)
    assert column.order is order
    assert column.unreadable == ()


@pytest.mark.parametrize(
    "cell", ["soon", "2026-02-30", "2026-05-14 25:00", "13/13/2026", "12", "9999-12-31T23:59:59-09:00", "14 Foo 2026"]
)
def test_what_is_no_date_is_unreadable(cell: str) -> None:
    """A word, a day that no calendar has and an hour that no clock shows are no dates."""
    column = parse_dates([cell, "2026-05-14"], now=_NOW)
    assert column.values[0] is None
    assert column.unreadable == (0,)


def test_one_clear_date_decides_for_the_column() -> None:
    """A day above 12 tells how the ambiguous dates of its column are meant."""
    assert parse_dates(["5/3/2016", "29/2/2016"], now=_NOW).values == (_at(2016, 3, 5), _at(2016, 2, 29))
    assert parse_dates(["5/3/2016", "2/29/2016"], now=_NOW).values == (_at(2016, 5, 3), _at(2016, 2, 29))


def test_the_order_of_most_dates_holds() -> None:
    """A date in another order than most of its column is unreadable rather than guessed."""
    column = parse_dates(["25/3/2016", "26/3/2016", "3/27/2016"], now=_NOW)
    assert column.unreadable == (2,)


def test_dates_that_fit_two_orders_are_read_close_together_and_said() -> None:
    """Where every date fits two orders, the order that puts them close together is taken, the other named."""
    column = parse_dates(["01/05/2026", "02/05/2026", "03/05/2026"], now=_NOW)
    assert column.values == (_at(2026, 5, 1), _at(2026, 5, 2), _at(2026, 5, 3))
    assert column.also_fits is DateOrder.MONTH_FIRST


def test_no_order_that_lies_in_the_future_is_preferred() -> None:
    """An order that puts dates after the present gives way to one that does not."""
    column = parse_dates(["11/10/2026", "01/09/2026"], now=_NOW)
    assert column.values == (_at(2026, 10, 11), _at(2026, 9, 1))


def test_a_year_of_two_digits_first_is_told() -> None:
    """The short Korean form 26.05.14 is told from days and months by where its dates lie."""
    column = parse_dates(["26.05.14", "26.06.02", "26.06.11"], now=_NOW)
    assert column.values[0] == _at(2026, 5, 14)


def test_times_without_an_offset_are_counted() -> None:
    """A time without an offset counts as UTC, and how many there are is known; a mere day is not among them."""
    cells = ["2026-05-14", "2026. 5. 14.", "20260514", "2026-05-14T00:00Z", "", "2026/5/14 9:12 +0900"]
    assert parse_dates(cells, now=_NOW).without_offset_count == 0
    cells += ["2026-05-14 09:12", "2026-05-14 09:12", "2026/5/14 9:12", "202605140912"]
    assert parse_dates(cells, now=_NOW).without_offset_count == 4


@given(
    st.lists(
        st.datetimes(datetime(1990, 1, 1), datetime(2025, 12, 31), timezones=st.just(_SEOUL)),  # noqa: DTZ001
        min_size=1,
        max_size=10,
    ),
    st.sampled_from(
        ["%Y-%m-%dT%H:%M:%S%z", "%d %b %Y %H:%M:%S %z", "%Y/%m/%d %H:%M:%S%z", "%Y년 %m월 %d일 %H:%M:%S %z"]
    ),
)
@settings(max_examples=60, deadline=None)
def test_any_moment_survives_being_written(moments: list[datetime], form: str) -> None:
    """A moment written with its offset is read as the same moment in UTC."""
    whole = [moment.replace(microsecond=0) for moment in moments]
    assert parse_dates([moment.strftime(form) for moment in whole], now=_NOW).values == tuple(whole)


@given(st.lists(st.text(max_size=20), max_size=10))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_date_or_unreadable(cells: list[str]) -> None:
    """Whatever stands in a cell is a date in UTC, nothing, or reported: never an error."""
    column = parse_dates(cells, now=_NOW)
    for place, (cell, value) in enumerate(zip(cells, column.values, strict=True)):
        assert (value is None) == (not cell.strip() or place in column.unreadable)
        assert value is None or value.utcoffset() == timedelta(0)
