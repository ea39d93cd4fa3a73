"""What one field alone says of a label, each ticket told from the others: the figures that leaks are known by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Telling:
    """How well a field tells a label, over the tickets that have both.

    `told` is the share of these tickets whose label most others with the same value have, `majority` the share of the
    most frequent label.
    """

    tickets: int
    told: float
    majority: float


def telling(values: Sequence[object], labels: Sequence[object]) -> Telling:
    """Return how well values tell the labels of the same tickets, of which there is at least one."""
    label_codes = codes_of(labels)
    return Telling(
        tickets=len(labels),
        told=told_share(codes_of(values), label_codes),
        majority=int(np.bincount(label_codes).max()) / len(labels),
    )


def codes_of(values: Sequence[object]) -> Codes:
    """Return a number for each value, the same for the same value."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def told_share(values: Codes, labels: Codes) -> float:
    """Return the share of tickets whose label is the single most frequent one among the others of its value.

    Each ticket is left out of the counts that it is told by, so that a value of one ticket tells nothing.
    """
    label_count = int(labels.max()) + 1
    pairs, pair_of_ticket, sizes = np.unique(values * label_count + labels, return_inverse=True, return_counts=True)
    # The two most frequent labels of each value; a ticket's rival is the first of them that is not its own.
    by_size = np.lexsort((-sizes, pairs // label_count))
    firsts = np.flatnonzero(np.diff(pairs[by_size] // label_count, prepend=-1))
    value_of_pair = np.cumsum(np.isin(np.arange(len(pairs)), firsts)) - 1
    best = sizes[by_size][firsts]
    has_second = np.diff(np.append(firsts, len(pairs))) > 1
    second = np.zeros_like(best)
    second[has_second] = sizes[by_size][firsts[has_second] + 1]
    is_best = np.zeros(len(pairs), np.bool_)
    is_best[firsts] = True
    rivals = np.empty(len(pairs), np.int64)
    rivals[by_size] = np.where(is_best, second[value_of_pair], best[value_of_pair])
    return float((sizes[pair_of_ticket] - 1 > rivals[pair_of_ticket]).mean())
