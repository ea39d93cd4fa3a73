"""Pooling and calibration: weights that are found again, and probabilities that are worth what they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from features.classifier import probabilities
from training.calibration import Pool, calibration_error, fit_pool, pool_loss

Array = NDArray[np.float64]
Labels = NDArray[np.int32]


def _drawn(chances: Array, *, seed: int) -> Labels:
    """Return for each row a label drawn with the row's chances."""
    random = np.random.default_rng(seed)
    drawn = (random.random((len(chances), 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return np.asarray(np.minimum(drawn, chances.shape[1] - 1), np.int32)


def _synthetic(
    *, tickets: int, weights: tuple[float, ...], bias: tuple[float, ...], seed: int
) -> tuple[list[Array], Labels]:
    """Return scores of candidates, and labels drawn with the chances that a pool of these weights gives them."""
    random = np.random.default_rng(seed)
    candidates = [random.normal(scale=2.0, size=(tickets, len(bias))) for _ in weights]
    pool = Pool(np.array(weights), np.array(bias))
    return candidates, _drawn(probabilities(pool.scores(candidates)), seed=seed + 1)


def test_a_pool_finds_its_weights_again() -> None:
    """The weights and biases that made the labels are found, and a useless candidate is not heard."""
    candidates, actual = _synthetic(tickets=20_000, weights=(0.8, 0.0, 1.5), bias=(0.5, -0.7, 0.2), seed=3)
    pool = fit_pool(candidates, actual)
    assert pool.weights == pytest.approx([0.8, 0.0, 1.5], abs=0.05)
    assert pool.bias - pool.bias.mean() == pytest.approx([0.5, -0.7, 0.2], abs=0.08)


def test_a_candidate_that_misleads_is_not_heard() -> None:
    """No weight is negative: what speaks against the truth counts nothing."""
    candidates, actual = _synthetic(tickets=3_000, weights=(1.0, 0.3), bias=(0.0, 0.0), seed=5)
    pool = fit_pool([candidates[0], -candidates[1]], actual)
    assert pool.weights[0] > 0.8
    assert pool.weights[1] == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_the_slope_is_that_of_the_loss(seed: int) -> None:
    """The slope by which a pool is fitted is the numerical one, wherever it is asked for."""
    candidates, actual = _synthetic(tickets=60, weights=(0.6, 0.9), bias=(0.3, 0.0, -0.5, 0.4), seed=seed)
    stacked, step = np.stack(candidates), 1e-6
    parameters = np.random.default_rng(seed).normal(size=6)
    numerical = [
        (pool_loss(parameters + move, stacked, actual)[0] - pool_loss(parameters - move, stacked, actual)[0])
        / (2 * step)
        for move in step * np.eye(6)
    ]
    assert pool_loss(parameters, stacked, actual)[1] == pytest.approx(numerical, abs=1e-7)


def test_the_loss_is_the_log_loss_with_a_pull_on_the_biases() -> None:
    """The weights are free, the biases are drawn to zero, the less the more tickets there are."""
    candidates, actual = _synthetic(tickets=50, weights=(1.0,), bias=(0.0, 0.0, 0.0), seed=6)
    parameters = np.array([0.7, 0.2, -0.4, 0.1])
    chances = probabilities(Pool(parameters[:1], parameters[1:]).scores(candidates))
    expected = log_loss(actual, chances, labels=range(3)) + (0.2**2 + 0.4**2 + 0.1**2) / (2 * 50)
    assert pool_loss(parameters, np.stack(candidates), actual)[0] == pytest.approx(expected)


def test_no_other_pool_makes_the_labels_more_probable() -> None:
    """Every pool beside the fitted one has a higher loss."""
    candidates, actual = _synthetic(tickets=400, weights=(0.6, 0.9), bias=(0.3, 0.0, -0.5), seed=2)
    pool, stacked = fit_pool(candidates, actual), np.stack(candidates)
    found = np.concatenate([pool.weights, pool.bias])
    moves = np.random.default_rng(1).normal(scale=0.05, size=(50, 5))
    lowest = pool_loss(found, stacked, actual)[0]
    assert all(lowest < pool_loss(found + move, stacked, actual)[0] for move in moves)


def test_scores_too_large_for_an_exponential_are_pooled() -> None:
    """Scores in the thousands neither overflow nor make the loss infinite."""
    candidates, actual = _synthetic(tickets=500, weights=(1.0,), bias=(0.0, 0.0), seed=8)
    pool = fit_pool([1e4 * candidates[0]], actual)
    assert np.isfinite(pool.weights).all()
    assert np.isfinite(pool.bias).all()


def test_a_pool_says_what_its_probabilities_are_worth() -> None:
    """A candidate that is three times too sure is calibrated by the pool, on tickets that it was not fitted on."""
    candidates, actual = _synthetic(tickets=12_000, weights=(1.0,), bias=(0.2, 0.0, -0.2), seed=11)
    sure = [3.0 * candidates[0]]
    fitted, held_out = slice(0, 6_000), slice(6_000, None)
    pool = fit_pool([scores[fitted] for scores in sure], actual[fitted])
    errors = []
    for scores in (sure[0][held_out], pool.scores([each[held_out] for each in sure])):
        chances = probabilities(scores)
        errors.append(calibration_error(chances.max(axis=1), chances.argmax(axis=1) == actual[held_out]))
    assert errors[0] > 0.08
    assert errors[1] < 0.03


# --- the calibration error --------------------------------------------------------------------------------------------


def test_perfect_calibration_has_no_error() -> None:
    """Where a probability of p is right p times in a hundred the error is near zero."""
    random = np.random.default_rng(1)
    chances = random.random(30_000)
    assert calibration_error(chances, random.random(30_000) < chances) < 0.01


@pytest.mark.parametrize("excess", [0.1, 0.3])
def test_overconfidence_is_the_error(excess: float) -> None:
    """Probabilities that are too high by some amount have that amount as their error."""
    random = np.random.default_rng(2)
    chances = random.uniform(0.4, 0.9, 30_000)
    found = calibration_error(chances, random.random(30_000) < chances - excess)
    assert found == pytest.approx(excess, abs=0.02)


def test_the_error_is_that_of_the_definition() -> None:
    """Fifteen bins of equally many tickets, each with its gap between what was said and what came, weighed by size."""
    random = np.random.default_rng(4)
    chances, right = random.random(100), random.random(100) < 0.5
    order = sorted(range(100), key=lambda ticket: chances[ticket])
    sizes = [7] * 10 + [6] * 5
    expected, start = 0.0, 0
    for size in sizes:
        part = order[start : start + size]
        start += size
        expected += abs(sum(chances[part]) - sum(right[part])) / 100
    assert calibration_error(chances, right) == pytest.approx(expected)


def test_few_tickets_have_an_error_too() -> None:
    """With fewer tickets than bins each is a bin of its own."""
    assert calibration_error(np.array([0.9, 0.6]), np.array([True, False])) == pytest.approx((0.1 + 0.6) / 2)
