"""The ordinal candidate: it learns one line for all labels, and uses what neighbouring labels share."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from numpy.typing import NDArray

from training.candidates import FeatureMatrices, MarginModel
from training.ordinal import OrdinalModel
from training.recipe import LinearRecipe

_LEVELS = 4


def _tickets(count: int, *, seed: int) -> tuple[FeatureMatrices, NDArray[np.int32]]:
    """Return tickets of 30 words, a few of which make it more or less pressing by a little each."""
    random = np.random.default_rng(seed)
    present = (random.random((count, 30)) < 0.3).astype(np.float64)
    pressing = present @ np.linspace(-1, 1, 30) + random.normal(scale=0.5, size=count)
    actual = np.digitize(-pressing, [-1.5, 0.0, 1.5]).astype(np.int32)
    values = sparse.csr_matrix(present / np.maximum(np.linalg.norm(present, axis=1, keepdims=True), 1e-9))
    return FeatureMatrices([""] * count, sparse.csr_matrix(present), values), actual


def _loss(scores: NDArray[np.float64], actual: NDArray[np.int32]) -> float:
    return float(-scores[np.arange(len(actual)), actual].mean())


def test_the_line_runs_from_the_first_label_to_the_last() -> None:
    """Words of pressing tickets have weights above zero, words of others below, in the order in which they count."""
    tickets, actual = _tickets(600, seed=1)
    scale = OrdinalModel(LinearRecipe()).fit(tickets, actual, label_count=_LEVELS, seed=0).scale
    assert np.corrcoef(scale.weights, np.linspace(-1, 1, 30))[0, 1] > 0.95
    assert (np.diff(scale.thresholds) > 0).all()


def test_knowing_the_order_helps_where_tickets_are_few() -> None:
    """From 60 tickets a line predicts better than one label against the rest, whose scores ignore the order."""
    tickets, actual = _tickets(60, seed=2)
    unseen, expected = _tickets(400, seed=3)
    ordinal = OrdinalModel(LinearRecipe()).fit(tickets, actual, label_count=_LEVELS, seed=0).scores(unseen)
    margins = MarginModel(LinearRecipe()).fit(tickets, actual, label_count=_LEVELS, seed=0).scores(unseen)
    off_by = [np.abs(scores.argmax(axis=1) - expected).mean() for scores in (ordinal, margins)]
    assert off_by[0] < off_by[1]


def test_scores_are_log_probabilities() -> None:
    """Scores join the pool as logarithms of probabilities, better than those of the labels' frequencies."""
    tickets, actual = _tickets(300, seed=4)
    unseen, expected = _tickets(300, seed=5)
    scores = OrdinalModel(LinearRecipe()).fit(tickets, actual, label_count=_LEVELS, seed=0).scores(unseen)
    frequencies = np.log(np.bincount(actual, minlength=_LEVELS) / len(actual))
    assert np.exp(scores).sum(axis=1) == pytest.approx(np.ones(300))
    assert _loss(scores, expected) < 0.8 * _loss(np.tile(frequencies, (300, 1)), expected)


@pytest.mark.parametrize("lacking", range(_LEVELS))
def test_a_label_that_a_fold_lacks_keeps_a_column(lacking: int) -> None:
    """Without a ticket of a label its score stays finite, and it is not what is predicted."""
    tickets, actual = _tickets(200, seed=6)
    inside = np.flatnonzero(actual != lacking)
    fitted = OrdinalModel(LinearRecipe()).fit(tickets.at(inside), actual[inside], label_count=_LEVELS, seed=0)
    scores = fitted.scores(tickets)
    assert np.isfinite(scores).all()
    assert not (scores.argmax(axis=1) == lacking).any()
