"""Durations as a person writes them: 90s, 10m, 1h, 1h30m."""

from __future__ import annotations

import re

from features.errors import RecipeError

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_PART = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh])")


def duration_seconds(text: str) -> float:
    """Return the seconds of a duration; raises RecipeError for anything else and for nothing at all."""
    written = text.strip().lower()
    parts = _PART.findall(written)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != written or not seconds:
        raise RecipeError(
            f"'{text[:40]}' is no duration. Write a number above zero and its unit, s, m or h, as in 90s, 10m or 1h30m."
        )
    return seconds
