"""Learns the matrix from impact and urgency to priority, and tells whether priority is better predicted through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.priority_matrix import PriorityMatrix
from features.vectorizer import FloatArray, IntArray

# A matrix that holds less often than this is a habit of people, and no rule of the site.
_HOLDS_FROM = 0.98
_FEWEST_TICKETS = 100


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What a target's pool says out of fold of the training tickets that have a label of it.

    `places` in the training part and `actual` labels are (tickets,), `probabilities` (tickets, labels).
    """

    places: IntArray
    actual: IntArray
    probabilities: FloatArray

    @property
    def label_count(self) -> int:
        """How many labels the target has."""
        return int(self.probabilities.shape[1])

    def at(self, places: IntArray) -> OutOfFold:
        """Return the tickets at these places of the training part, all of which have a label."""
        chosen = np.searchsorted(self.places, places)
        return OutOfFold(places, self.actual[chosen], self.probabilities[chosen])


@dataclass(frozen=True, slots=True)
class FittedMatrix:
    """A matrix, on how many tickets it was learned, and the log loss of priority out of fold through it and without."""

    matrix: PriorityMatrix
    tickets_count: int
    log_loss: float
    direct_log_loss: float

    @property
    def is_in_force(self) -> bool:
        """Whether priority is predicted through the matrix: it is a rule, and predicts better out of fold."""
        return self.matrix.holds >= _HOLDS_FROM and self.log_loss < self.direct_log_loss

    def as_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "tickets": self.tickets_count,
            "holds": self.matrix.holds,
            "in_force": self.is_in_force,
            "log_loss_out_of_fold": self.log_loss,
            "direct_log_loss_out_of_fold": self.direct_log_loss,
        }


def fit_matrix(out_of_fold: Mapping[str, OutOfFold]) -> FittedMatrix | None:
    """Learn the matrix from the training tickets that have all three labels; nothing comes of too few of them."""
    if not {"impact", "urgency", "priority"} <= out_of_fold.keys():
        return None
    impact, urgency, priority = (out_of_fold[name] for name in ("impact", "urgency", "priority"))
    shared = np.intersect1d(np.intersect1d(impact.places, urgency.places), priority.places).astype(np.int32)
    if len(shared) < _FEWEST_TICKETS:
        return None
    by_impact, by_urgency, direct = (each.at(shared) for each in (impact, urgency, priority))
    matrix = PriorityMatrix.learned(
        by_impact.actual,
        by_urgency.actual,
        direct.actual,
        shape=(by_impact.label_count, by_urgency.label_count, direct.label_count),
    )
    through = matrix.probabilities(by_impact.probabilities, by_urgency.probabilities)
    return FittedMatrix(
        matrix, len(shared), _log_loss(through, direct.actual), _log_loss(direct.probabilities, direct.actual)
    )


def _log_loss(probabilities: FloatArray, actual: IntArray) -> float:
    likelihood = probabilities[np.arange(len(probabilities)), actual]
    return float(-np.log(np.maximum(likelihood, 1e-300)).mean())
