"""Pairs of labels that are taken for each other more than chance has it: probably one label under two names."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import poisson

from features.vectorizer import FloatArray, IntArray
from training.label_faults import Share

# The chance that any pair at all is named where errors fall on labels as often as these occur.
_FALSE_ALARM = 0.01


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two labels, by their numbers, that are taken for each other.

    `share` is that of the tickets of both, `expected_count` how many there would be if errors fell on labels as often
    as these occur, `accuracy_if_merged` what the same model would reach with the two as one label, `gain` how much
    that is more.
    """

    first: int
    second: int
    confused_count: int
    share: Share
    expected_count: float
    accuracy_if_merged: float
    gain: float


def overlapping_labels(probabilities: FloatArray, given: IntArray) -> list[Overlap]:
    """Return the pairs confused beyond chance, those first whose merging gains most.

    `probabilities` (tickets, labels) are out of fold, `given` (tickets,) the numbers of the labels people gave.
    """
    label_count = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confused = np.zeros((label_count, label_count), np.int64)
    np.add.at(confused, (given, predicted), 1)
    sizes = confused.sum(axis=1)
    errors = sizes - np.diag(confused)
    pairs = list(combinations(range(label_count), 2))
    found = []
    for first, second in pairs:
        count = int(confused[first, second] + confused[second, first])
        expected = _expected(errors, sizes, first, second) + _expected(errors, sizes, second, first)
        if count and poisson.sf(count - 1, expected) * len(pairs) < _FALSE_ALARM:
            merged = _accuracy_if_merged(probabilities, given, first, second)
            share = Share.of(count, int(sizes[first] + sizes[second]))
            gain = merged - float((predicted == given).mean())
            found.append(Overlap(first, second, count, share, expected, merged, gain))
    return sorted(found, key=lambda overlap: -overlap.gain)


def _expected(errors: IntArray, sizes: IntArray, label: int, other: int) -> float:
    """Return how many errors on a label's tickets would fall on another if they fell as often as labels occur."""
    return float(errors[label] * sizes[other] / max(int(sizes.sum() - sizes[label]), 1))


def _accuracy_if_merged(probabilities: FloatArray, given: IntArray, first: int, second: int) -> float:
    merged = probabilities.copy()
    merged[:, first] += merged[:, second]
    merged[:, second] = -1.0
    return float((merged.argmax(axis=1) == np.where(given == second, first, given)).mean())
