"""The candidate that knows that labels are steps of a scale: one weight a feature, a threshold between two labels.

Fitted with the logistic all-threshold loss: each threshold asks of every ticket whether it is at least this pressing,
and all share the features' weights. At its minimum the thresholds ascend, so nothing has to hold them in order.
After Rennie and Srebro, "Loss Functions for Preference Levels" (2005), and Li and Lin, "Ordinal Regression by Extended
Binary Classification" (NIPS 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from features.ordinal import OrdinalScale
from features.vectorizer import FloatArray, IntArray
from training.candidates import FeatureMatrices
from training.recipe import LinearRecipe

# Thresholds nearer to each other than this leave the label between them no probability: it was hardly ever seen.
_LEAST_STEP = 1e-2
_MOST_ITERATIONS = 100
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class FittedOrdinal:
    """A fitted scale."""

    scale: OrdinalScale

    def scores(self, tickets: FeatureMatrices) -> FloatArray:
        """Return the labels' log-probabilities, shape (tickets, labels)."""
        return self.scale.log_probabilities(np.asarray(tickets.values @ self.scale.weights, np.float64))


@dataclass(frozen=True, slots=True)
class OrdinalModel:
    """A cumulative logistic model over tf-idf values, for targets whose labels are steps of a scale."""

    recipe: LinearRecipe
    name: str = "ordinal"

    def fit(self, tickets: FeatureMatrices, actual: IntArray, *, label_count: int, seed: int) -> FittedOrdinal:
        """Fit on tickets and the numbers of their labels, which stand in order."""
        del seed
        is_within = actual[:, None] <= np.arange(label_count - 1)
        share = np.clip(is_within.mean(axis=0), 1e-3, 1 - 1e-3)
        loss = _AllThresholdLoss(tickets, is_within, penalty=self.recipe.ordinal_penalty)
        start = np.concatenate([np.zeros(tickets.values.shape[1]), np.log(share / (1 - share))])
        found = minimize(
            loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _MOST_ITERATIONS, "ftol": _TOLERANCE}
        ).x
        weights, thresholds = np.split(found, [len(found) - label_count + 1])
        return FittedOrdinal(OrdinalScale(weights.astype(np.float32), _ascending(thresholds)))


class _AllThresholdLoss:
    """The loss and its slope; `is_within` (tickets, thresholds) tells which tickets lie within each threshold."""

    def __init__(self, tickets: FeatureMatrices, is_within: NDArray[np.bool_], *, penalty: float) -> None:
        self._values = tickets.values
        # The transposed product reads row by row, too.
        self._transposed = tickets.values.T.tocsr()
        self._signs = np.where(is_within, 1.0, -1.0)
        weights = np.ones(len(is_within)) if tickets.weights is None else tickets.weights
        self._penalties = penalty * weights[:, None]

    def __call__(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return both for the features' weights, with the thresholds behind them."""
        weights, thresholds = np.split(parameters, [len(parameters) - self._signs.shape[1]])
        margins = self._signs * ((self._values @ weights)[:, None] + thresholds)
        slopes = -self._penalties * self._signs * expit(-margins)
        loss = 0.5 * weights @ weights - (self._penalties * log_expit(margins)).sum()
        slope = np.concatenate([weights + self._transposed @ slopes.sum(axis=1), slopes.sum(axis=0)])
        return float(loss), slope


def _ascending(thresholds: FloatArray) -> FloatArray:
    """Return the thresholds with at least the least step between two, which rounding may have taken from them."""
    steps = _LEAST_STEP * np.arange(len(thresholds))
    return np.asarray(np.maximum.accumulate(thresholds - steps) + steps, np.float64)
