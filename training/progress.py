"""How far a training run is: bars on standard error, for a person who waits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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

    @contextmanager
    def of_seconds(self, budget: float, *, doing: str) -> Iterator[Callable[[float, str], None]]:
        """Yield what redraws a bar of a time that is given: the seconds used so far, and what is being done."""
        line = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s{postfix}"
        with tqdm(desc=doing, total=budget, disable=not self._is_shown, file=sys.stderr, bar_format=line) as bar:

            def show(seconds: float, sentence: str) -> None:
                bar.n = min(seconds, budget)
                bar.set_postfix_str(sentence)

            yield show

    def say(self, sentence: str) -> None:
        """Show a line without disturbing a bar."""
        if self._is_shown:
            tqdm.write(sentence, file=sys.stderr)
