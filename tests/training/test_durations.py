"""Durations on the command line."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import RecipeError
from training.durations import duration_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h", 3600), ("1h30m", 5400), ("1.5h", 5400), (" 10M ", 600), ("0.5s", 0.5)],
)
def test_a_duration_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    """Seconds, minutes and hours can be told apart and put together."""
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "ten minutes", "10 m", "10min", "-5m", "0s", "5d", "m", "1h-3m", "٣m", "1e9s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The message says what was read and how a duration is written."""
    with pytest.raises(RecipeError, match=r"is no duration\. Write a number above zero and its unit") as raised:
        duration_seconds(text)
    assert str(raised.value).startswith(f"'{text}'")


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    """Nothing else ever comes out than seconds above zero or an error that a user can act on."""
    seconds = None
    with suppress(RecipeError):
        seconds = duration_seconds(text)
    assert seconds is None or 0 < seconds < 1e11
