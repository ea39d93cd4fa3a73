"""What every study of the benchmark can do: name its cells, and tell and draw what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from head_to_head.contests import Work


class Study(Protocol):
    """A question that cells answer."""

    @property
    def works(self) -> Sequence[Work]:
        """The cells that it needs."""

    def markdown(self) -> str:
        """Return its tables."""

    def to_json(self) -> dict[str, Any]:
        """Return its figures as plain values."""

    def draw(self, folder: Path) -> None:
        """Draw its figures into a folder."""
