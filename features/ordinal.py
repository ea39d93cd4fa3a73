"""How pressing a ticket is as a place on one line: the part of a classifier that knows the order of a scale's labels.

One weight a feature moves a ticket along the line, ascending thresholds cut the line into labels. So the probability
of "at least this pressing" never falls from a label to the next. Knows nothing of how it was fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from features.vectorizer import FloatArray


@dataclass(frozen=True, slots=True)
class OrdinalScale:
    """A cumulative logistic model over tf-idf values, and its weight in the pool.

    `weights` (features,) say how much each feature moves a ticket towards the first label; the probability of the
    first n labels together is the logistic function of the ticket's place plus `thresholds[n - 1]`, ascending.
    """

    weights: NDArray[np.float32]
    thresholds: FloatArray
    weight: float = 1.0

    def scores(self, places: FloatArray) -> FloatArray:
        """Return what the scale adds to the labels' scores, shape (tickets, labels), of tickets at these places."""
        return self.weight * self.log_probabilities(places)

    def log_probabilities(self, places: FloatArray) -> FloatArray:
        """Return the labels' log-probabilities, shape (tickets, labels), of tickets at these places on the line."""
        upper, lower = self._edges(places)
        # P(lower < label <= upper) = expit(upper) * expit(-lower) * (1 - exp(lower - upper)), exact far out too.
        return np.asarray(log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(lower - upper)), np.float64)

    def slopes(self, place: float) -> FloatArray:
        """Return how each label's log-probability changes as a ticket moves on from this place, shape (labels,)."""
        upper, lower = self._edges(np.array([place]))
        return np.asarray(expit(-upper)[0] - expit(lower)[0], np.float64)

    def _edges(self, places: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the upper and lower edge of each label as seen from each place, both (tickets, labels)."""
        edges = np.concatenate([[-np.inf], self.thresholds, [np.inf]])
        return places[:, None] + edges[1:], places[:, None] + edges[:-1]
