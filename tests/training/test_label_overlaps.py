"""Labels that are one under two names are named, and none else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.label_overlaps import overlapping_labels


def _judged(*, confused: float, seed: int, count: int = 2000) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return probabilities of five labels, a tenth of them wrong at random, the first two told apart badly."""
    random = np.random.default_rng(seed)
    given = random.choice(5, count, p=[0.3, 0.2, 0.2, 0.2, 0.1]).astype(np.int32)
    guess = np.where(random.random(count) < 0.1, random.choice(5, count, p=[0.3, 0.2, 0.2, 0.2, 0.1]), given)
    swapped = (given < 2) & (random.random(count) < confused)
    guess[swapped] = 1 - given[swapped]
    probabilities = np.full((count, 5), 0.05)
    probabilities[np.arange(count), guess] = 0.8
    return probabilities, given


def test_labels_told_apart_by_chance_are_named_alone() -> None:
    """The pair that is confused beyond chance is the one named, with its share and what merging gives."""
    probabilities, given = _judged(confused=0.25, seed=1)
    (found,) = overlapping_labels(probabilities, given)
    assert (found.first, found.second) == (0, 1)
    assert found.confused_count > 1.5 * found.expected_count
    assert found.share.low < 0.25 + 0.03 < found.share.high + 0.03
    right = (probabilities.argmax(axis=1) == given).mean()
    assert found.accuracy_if_merged == pytest.approx(right + found.gain)
    assert found.gain == pytest.approx(found.confused_count / len(given))


def test_errors_that_follow_the_labels_name_nobody() -> None:
    """Where errors fall on labels as often as these occur, in forty histories hardly a pair is named."""
    named = [len(overlapping_labels(*_judged(confused=0.0, seed=seed))) for seed in range(40)]
    assert sum(named) <= 2


def test_two_labels_alone_overlap_with_nothing_else() -> None:
    """Of two labels all errors fall on the other one: that is no overlap beyond chance."""
    probabilities = np.array([[0.6, 0.4]] * 40 + [[0.4, 0.6]] * 40)
    given = np.array([0, 1] * 40, np.int32)
    assert overlapping_labels(probabilities, given) == []


def test_a_model_without_errors_finds_no_overlap() -> None:
    """Nothing is confused, so nothing is named."""
    given = np.arange(30, dtype=np.int32) % 3
    assert overlapping_labels(np.eye(3)[given] * 0.9 + 0.03, given) == []
