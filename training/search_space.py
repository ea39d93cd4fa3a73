"""The numbers of a recipe that a search may change, how far, and the family whose scores each of them decides.

What is not here is not searched. Whether a family is heard at all, and how far, is the pool's weight, which is fitted
anyway; how text becomes features decides the size of the bundle more than it decides the loss.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from training.recipe import Recipe

_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Range:
    """From where to where a number may go, drawn by its logarithm: what counts is by how much it is multiplied.

    `path` is its place in the recipe's TOML, `family` the name of the candidate that it belongs to.
    """

    path: str
    family: str
    low: float
    high: float
    is_whole: bool = False

    def rounded(self, value: float) -> float:
        """Return the value with as many digits as a person would write down."""
        if self.is_whole:
            return int(value)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


RANGES = (
    Range("linear.margin_penalty", "linear", 0.03, 3.0),
    Range("linear.ratio_penalty", "ratio", 0.03, 10.0),
    Range("boosted.rounds", "boosted", 40, 400, is_whole=True),
    Range("boosted.learning_rate", "boosted", 0.02, 0.3),
    Range("boosted.leaves", "boosted", 4, 63, is_whole=True),
    Range("boosted.columns", "boosted", 500, 8000, is_whole=True),
    Range("boosted.column_share", "boosted", 0.05, 1.0),
    Range("linear.ordinal_penalty", "ordinal", 0.3, 100.0),
    Range("encoder.penalty", "embedding", 0.03, 30.0),
)


def ranges_of(recipe: Recipe, *, families: Collection[str]) -> tuple[Range, ...]:
    """Return the ranges of the families that are tried, each wide enough for the recipe's own number."""
    own = values_of(recipe, RANGES)
    return tuple(
        replace(each, low=min(each.low, own[each.path]), high=max(each.high, own[each.path]))
        for each in RANGES
        if each.family in families
    )


def values_of(recipe: Recipe, ranges: Sequence[Range]) -> dict[str, float]:
    """Return the recipe's own numbers by their paths."""
    return {each.path: _at(recipe, each.path) for each in ranges}


def with_values(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """Return the recipe with other numbers at these paths."""
    changed: Any = recipe
    for path, value in values.items():
        section, _, name = path.partition(".")
        changed = replace(changed, **{section: replace(getattr(changed, section), **{name: value})})
    return changed  # type: ignore[no-any-return]


def _at(recipe: Recipe, path: str) -> float:
    section, _, name = path.partition(".")
    value: float = getattr(getattr(recipe, section), name)
    return value
