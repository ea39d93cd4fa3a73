"""How far a training run is: bars on standard error, for a person who waits."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


class Progress:
    """Draws progress bars on standard error, or nothing at all."""

    def __init__(self, *, is_shown: bool = True) -> None:
        self._is_shown = is_shown

    def over(self, items: Iterable[Item], *, doing: str, total: int | None = None) -> Iterator[Item]:
        """Yield the items while a bar shows how many are done."""
        yield from tqdm(items, desc=doing, total=total, disable=not self._is_shown, file=sys.stderr, mininterval=0.5)

    def say(self, sentence: str) -> None:
        """Show a line without disturbing a bar."""
        if self._is_shown:
            tqdm.write(sentence, file=sys.stderr)
