"""Articles ordered by a weighted sum of their signals: what few past tickets can teach.

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
    """Weights of the signals, none below zero."""

    weights: Floats

    def values(self, signals: Floats) -> Floats:
        """Return the weighted sums of (articles, signals): the higher, the better the article."""
        # A matrix product may add in another order for another number of articles.
        return np.asarray((signals * self.weights).sum(axis=1), dtype=np.float64)


def fit_weights(signals: Floats, *, solved: NDArray[np.bool_], prior: Floats) -> ArticleWeights:
    """Return the weights that rank the solving articles first, near to `prior` (signals,) where nothing tells.

    `signals` has the shape (tickets, candidates, signals), `solved` (tickets, candidates); every ticket has an
    article that solved it.
    """
    scale = signals.reshape(-1, signals.shape[2]).std(axis=0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = signals @ weights
        odds = np.exp(odds - odds.max(axis=1, keepdims=True))
        chances = odds / odds.sum(axis=1, keepdims=True)
        right = np.maximum((chances * solved).sum(axis=1, keepdims=True), 1e-300)
        slope = np.einsum("tc,tcs->s", chances - chances * solved / right, signals) / len(signals)
        away = (weights - prior) * scale
        return float(-np.log(right).mean() + _RIDGE * away @ away), slope + 2 * _RIDGE * away * scale

    # A signal that speaks against an article it supports would be noise of a small history: none may.
    found = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(prior))
    return ArticleWeights(np.asarray(found.x, dtype=np.float64))
