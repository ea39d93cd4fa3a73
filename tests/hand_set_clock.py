"""A clock that tests set by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 5, 14, 9, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return the moment."""
        return self.now

    def move(self, **by: float) -> None:
        """Move on."""
        self.now += timedelta(**by)
