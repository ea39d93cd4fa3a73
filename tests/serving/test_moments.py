"""Moments as a person writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import RecipeError
from serving.moments import moment_of

SEOUL = timezone(timedelta(hours=9))
NOW = datetime(2026, 5, 14, 9, 30, tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("24h", datetime(2026, 5, 13, 9, 30, tzinfo=SEOUL)),
        ("365d", datetime(2025, 5, 14, 9, 30, tzinfo=SEOUL)),
        ("1h30m", datetime(2026, 5, 14, 8, 0, tzinfo=SEOUL)),
        (" 2W ", datetime(2026, 4, 30, 9, 30, tzinfo=SEOUL)),
        ("9:15", datetime(2026, 5, 14, 9, 15, tzinfo=SEOUL)),
        ("10:00", datetime(2026, 5, 13, 10, 0, tzinfo=SEOUL)),
        ("2026-05-14", datetime(2026, 5, 14, 0, 0, tzinfo=SEOUL)),
        ("2026-05-14T00:12:00Z", datetime(2026, 5, 14, 9, 12, tzinfo=SEOUL)),
    ],
)
def test_a_moment_is_understood(written: str, meant: datetime) -> None:
    """A span counts back from now, a time of day is the last one, a date is midnight where the person is."""
    moment = moment_of(written, now=NOW)
    assert moment == meant
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("written", ["", "soon", "24", "h", "24h ago", "25:00", "10:61", "999999w", "2026-13-01"])
def test_what_is_no_moment_is_refused(written: str) -> None:
    """The refusal shows what can be written."""
    with pytest.raises(RecipeError, match="is no moment"):
        moment_of(written, now=NOW)


def test_the_future_is_refused() -> None:
    """Nothing can have happened since a moment that has not come."""
    with pytest.raises(RecipeError, match="has not come yet"):
        moment_of("2026-05-15", now=NOW)


@given(st.text(max_size=20))
def test_any_text_is_a_past_moment_or_refused(written: str) -> None:
    """Whatever is written, no other error comes of it, and never a moment to come."""
    try:
        moment = moment_of(written, now=NOW)
    except RecipeError:
        return
    assert moment <= NOW
