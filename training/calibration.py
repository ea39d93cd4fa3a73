"""Pooling and calibration: how far each candidate is heard, and what a score is worth as a probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from features.classifier import probabilities
from features.vectorizer import FloatArray, IntArray

_BIAS_PENALTY = 1.0
_BINS = 15


@dataclass(frozen=True, slots=True)
class Pool:
    """The weight of each candidate's scores (candidates,) and one bias a label (labels,)."""

    weights: FloatArray
    bias: FloatArray

    def scores(self, candidates: Sequence[FloatArray]) -> FloatArray:
        """Return the pooled scores, shape (tickets, labels), of the candidates' scores."""
        pooled = sum(weight * scores for weight, scores in zip(self.weights, candidates, strict=True))
        return np.asarray(pooled + self.bias, np.float64)


def fit_pool(candidates: Sequence[FloatArray], actual: IntArray) -> Pool:
    """Fit the pool that makes the actual labels most probable.

    `candidates` are out-of-fold scores (tickets, labels), `actual` the numbers of the labels. Weights are not
    negative; few parameters for many tickets, so that the probabilities stay honest on tickets not seen.
    """
    stacked = np.stack(candidates)
    count, _, labels = stacked.shape
    start = np.concatenate([np.full(count, 1.0 / count), np.zeros(labels)])
    bounds = [(0.0, None)] * count + [(None, None)] * labels
    found = minimize(pool_loss, start, args=(stacked, actual), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Pool(found[:count], found[count:])


def pool_loss(parameters: FloatArray, stacked: FloatArray, actual: IntArray) -> tuple[float, FloatArray]:
    """Return what a pool is fitted to make small, the log loss with a light pull of the biases to zero, and its slope.

    `parameters` are the weights and then the biases, `stacked` the scores (candidates, tickets, labels).
    """
    count, tickets, _ = stacked.shape
    weights, bias = parameters[:count], parameters[count:]
    predicted = probabilities(np.tensordot(weights, stacked, axes=1) + bias)
    places = np.arange(tickets), actual
    log_loss = -np.log(np.maximum(predicted[places], 1e-300)).mean()
    error = predicted / tickets
    error[places] -= 1.0 / tickets
    slope = np.concatenate([np.tensordot(stacked, error, axes=2), error.sum(axis=0) + _BIAS_PENALTY * bias / tickets])
    return float(log_loss + _BIAS_PENALTY * (bias**2).sum() / (2 * tickets)), slope


def calibration_error(probability: FloatArray, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error of the top label over 15 bins of equal mass.

    `probability` (tickets,) of the top label, `right` (tickets,) whether it was the actual one.
    """
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, min(_BINS, len(order)))
    gaps = [len(part) * abs(float(probability[part].mean()) - float(right[part].mean())) for part in bins]
    return sum(gaps) / len(order)
