"""How much each signal for an article counts, fitted on past tickets and the articles that solved them.

Knows signals as columns of numbers: nothing of texts, indexes or articles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from features.lexical_index import Floats

_RIDGE = 0.01


@dataclass(frozen=True)
class ArticleWeights:
    """Weights of the signals, none below zero, and the line from their sum to log-odds."""

    weights: Floats
    slope: float
    intercept: float

    def scores(self, signals: Floats) -> Floats:
        """Return the chance, between 0 and 1, that each article is one that solves the ticket."""
        log_odds = self.slope * (signals * self.weights).sum(axis=1) + self.intercept
        return _chance(log_odds)


def fit_weights(signals: Floats, *, solved: NDArray[np.bool_]) -> ArticleWeights:
    """Return the weights that rank the solving articles first.

    `signals` has the shape (tickets, candidates, signals), `solved` (tickets, candidates); every ticket has an
    article that solved it.
    """
    scale = np.maximum(signals.reshape(-1, signals.shape[2]).std(axis=0), 1e-9)
    weights = _ranking_weights(signals / scale, solved) / scale
    slope, intercept = _calibration((signals * weights).sum(axis=2).ravel(), solved.ravel().astype(np.float64))
    return ArticleWeights(weights, slope, intercept)


def _ranking_weights(signals: Floats, solved: NDArray[np.bool_]) -> Floats:
    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = signals @ weights
        odds = np.exp(odds - odds.max(axis=1, keepdims=True))
        chances = odds / odds.sum(axis=1, keepdims=True)
        right = np.maximum((chances * solved).sum(axis=1, keepdims=True), 1e-300)
        slope = np.einsum("tc,tcs->s", chances - chances * solved / right, signals) / len(signals)
        return float(-np.log(right).mean() + _RIDGE * weights @ weights), slope + 2 * _RIDGE * weights

    # A signal that speaks against an article it supports would be noise of a small history: none may.
    start = np.ones(signals.shape[2])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start))
    return np.asarray(found.x, dtype=np.float64)


def _calibration(sums: Floats, solved: Floats) -> tuple[float, float]:
    def loss(line: Floats) -> tuple[float, Floats]:
        log_odds = line[0] * sums + line[1]
        miss = _chance(log_odds) - solved
        value = np.logaddexp(0.0, log_odds) - solved * log_odds
        return float(value.mean()), np.array([(miss * sums).mean(), miss.mean()])

    found = minimize(loss, np.array([1.0, -3.0]), jac=True, method="L-BFGS-B", bounds=[(0.01, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def _chance(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -60.0, 60.0))), dtype=np.float64)
