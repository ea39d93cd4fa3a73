"""Deals groups of rows out to the parts of a split: every part with its share of every label, no group torn apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.near_duplicates import IntArray

TRAIN = 0
# A group that large would leave nothing of its labels for the other parts.
LARGEST_GROUP_SHARE = 0.05
_ALWAYS_SMALL = 2


@dataclass(frozen=True, slots=True)
class Parts:
    """The number of the part of each row, and how many rows went to training because their group is too large."""

    part: IntArray
    oversized_count: int


@dataclass(slots=True)
class _Deal:
    """What is dealt so far: the part of each group, and how many rows of each label each part still takes."""

    part_of_group: IntArray
    open_places: dict[int, IntArray]
    label_counts: Sequence[Mapping[int, int]]

    def groups_of(self, part: int) -> list[int]:
        """Return the groups that lie in a part."""
        return [int(group) for group in np.flatnonzero(self.part_of_group == part)]

    def takes(self, part: int, group: int) -> bool:
        """Return whether the part has places left for all rows of the group."""
        places = self.open_places[part]
        return all(places[label] >= count for label, count in self.label_counts[group].items())

    def give(self, part: int, group: int) -> None:
        """Put a group that still lies with training into another part."""
        self.part_of_group[group] = part
        for label, count in self.label_counts[group].items():
            self.open_places[part][label] -= count


def stratified_parts(
    groups: IntArray, labels: Sequence[str | None], *, shares: Mapping[int, float], seed: int
) -> Parts:
    """Return a part for every row; `shares` gives the share of each part other than training (0).

    Rows of one group stay together. A label gets a row in the first part of `shares` where it has two
    groups, whatever its share.
    """
    rng = np.random.default_rng(seed)
    _, group_of_row = np.unique(groups, return_inverse=True)
    names = [label or "" for label in labels]
    _, label_of_row = np.unique(names, return_inverse=True)
    sizes = np.bincount(group_of_row)
    largest = max(_ALWAYS_SMALL, LARGEST_GROUP_SHARE * len(names))
    deal = _Deal(
        part_of_group=np.full(len(sizes), TRAIN),
        open_places=_places(np.bincount(label_of_row), shares),
        label_counts=_label_counts(group_of_row, label_of_row),
    )
    several = rng.permutation(np.flatnonzero((sizes > 1) & (sizes <= largest)))
    single = rng.permutation(np.flatnonzero(sizes == 1))
    _deal_by_chance(deal, several, shares=shares, rng=rng)
    _fill(deal, [*single, *several], parts=tuple(shares))
    _represent_every_label(
        deal, [*single, *several[np.argsort(sizes[several], kind="stable")]], part=next(iter(shares))
    )
    return Parts(deal.part_of_group[group_of_row], int(sizes[sizes > largest].sum()))


def _places(label_sizes: IntArray, shares: Mapping[int, float]) -> dict[int, IntArray]:
    """Return how many rows of each label each part takes; common labels make up for what rounding gives rare ones."""
    places = {part: np.zeros(len(label_sizes), np.int64) for part in shares}
    for part, share in shares.items():
        owed = 0.0
        for label in np.argsort(label_sizes, kind="stable"):
            # One row of each label is training's.
            free = int(label_sizes[label]) - 1 - sum(int(places[other][label]) for other in shares)
            ideal = share * label_sizes[label] + owed
            places[part][label] = min(max(round(ideal), 1), max(free, 0))
            owed = ideal - places[part][label]
    return places


def _label_counts(group_of_row: IntArray, label_of_row: IntArray) -> list[dict[int, int]]:
    counts: list[dict[int, int]] = [{} for _ in range(int(group_of_row.max()) + 1)]
    for group, label in zip(group_of_row.tolist(), label_of_row.tolist(), strict=True):
        counts[group][label] = counts[group].get(label, 0) + 1
    return counts


def _deal_by_chance(
    deal: _Deal, several: NDArray[np.int64], *, shares: Mapping[int, float], rng: np.random.Generator
) -> None:
    """Draw a part for each group of several rows, so that no part is made of groups alone."""
    parts = (TRAIN, *shares)
    drawn = rng.choice(len(parts), size=len(several), p=[1 - sum(shares.values()), *shares.values()])
    for group, place in zip(several.tolist(), drawn.tolist(), strict=True):
        if parts[place] != TRAIN and deal.takes(parts[place], group):
            deal.give(parts[place], group)


def _fill(deal: _Deal, groups: Sequence[int], *, parts: Sequence[int]) -> None:
    """Give the parts what they still lack, single rows first."""
    for group in groups:
        if deal.part_of_group[group] == TRAIN:
            part = next((part for part in parts if deal.takes(part, group)), None)
            if part is not None:
                deal.give(part, group)


def _represent_every_label(deal: _Deal, groups: Sequence[int], *, part: int) -> None:
    """Give `part` a group of each label that it lacks, the first that takes no label's last group from training."""
    kept = Counter(label for group in deal.groups_of(TRAIN) for label in deal.label_counts[group])
    present = {label for group in deal.groups_of(part) for label in deal.label_counts[group]}
    for group in groups:
        labels = deal.label_counts[group]
        is_needed = not present.issuperset(labels)
        if is_needed and deal.part_of_group[group] == TRAIN and all(kept[label] > 1 for label in labels):
            deal.give(part, group)
            kept.subtract(labels.keys())
            present.update(labels)
