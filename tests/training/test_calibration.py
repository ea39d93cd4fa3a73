"""Pooling and calibration: weights that are found again, and probabilities that are worth what they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from features.classifier import probabilities
from training.calibration import Pool, calibration_error, fit_pool

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


def _loss(parameters: Array, candidates: list[Array], actual: Labels) -> float:
    """Return what a pool is fitted to make small: the log loss and a light pull of the biases to zero."""
    count = len(candidates)
    scores = (
        sum(weight * each for weight, each in zip(parameters[:count], candidates, strict=True)) + parameters[count:]
    )
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_chance = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    fit = -log_chance[np.arange(len(actual)), actual].mean()
    return float(fit + (parameters[count:] ** 2).sum() / (2 * len(actual)))


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
def test_a_fitted_pool_is_where_the_loss_is_flat(seed: int) -> None:
    """The numerical gradient of the loss vanishes at the pool, so that the gradient it was fitted with is right."""
    candidates, actual = _synthetic(tickets=400, weights=(0.6, 0.9), bias=(0.3, 0.0, -0.5, 0.4), seed=seed)
    pool = fit_pool(candidates, actual)
    found = np.concatenate([pool.weights, pool.bias])
    step = 1e-5
    gradient = [
        (_loss(found + step * side, candidates, actual) - _loss(found - step * side, candidates, actual)) / (2 * step)
        for side in np.eye(len(found))
    ]
    assert gradient == pytest.approx(np.zeros(len(found)), abs=2e-4)
    elsewhere = np.random.default_rng(seed).normal(scale=0.1, size=(20, len(found)))
    assert all(_loss(found, candidates, actual) < _loss(found + move, candidates, actual) for move in elsewhere)


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
