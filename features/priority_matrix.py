"""Priority as it follows from impact and urgency: a site's matrix, learned from its tickets, and what scores by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.classifier import Embedding, TargetClassifier, probabilities
from features.neighbours import Neighbours, NeighbourVotes
from features.taxonomy import Target
from features.vectorizer import FeatureRow, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class PriorityMatrix:
    """How probable each priority is for an impact and an urgency: `cells` (impacts, urgencies, priorities).

    `holds` is the share of past tickets that have the priority of their cell.
    """

    cells: FloatArray
    holds: float

    @classmethod
    def learned(
        cls, impact: IntArray, urgency: IntArray, priority: IntArray, *, shape: tuple[int, int, int]
    ) -> PriorityMatrix:
        """Learn from the numbers of the labels of tickets that have all three, (tickets,) each.

        A ticket has the priority of its cell as often as the matrix holds, and else any, as frequent as it is. A cell
        without a ticket is as the nearest one with some; of two equally near, as the more pressing one.
        """
        counts = np.zeros(shape)
        np.add.at(counts, (impact, urgency, priority), 1)
        seen = np.argwhere(counts.sum(axis=2) > 0)
        hits = float(counts.max(axis=2).sum())
        # One ticket more that has the priority of its cell, and one that has not: no matrix is beyond doubt.
        doubt = 1 - (hits + 1) / (len(priority) + 2)
        shares = (counts.sum(axis=(0, 1)) + 1) / (len(priority) + shape[2])
        cells = np.empty(shape)
        for place in np.ndindex(shape[:2]):
            nearest = seen[np.abs(seen - place).sum(axis=1).argmin()]
            cells[place] = doubt * shares
            cells[place][counts[tuple(nearest)].argmax()] += 1 - doubt
        return cls(cells, hits / len(priority))

    def probabilities(self, impact: FloatArray, urgency: FloatArray) -> FloatArray:
        """Return the priorities' probabilities, (tickets, priorities), from those of impact and urgency."""
        return np.asarray(np.einsum("ti,tu,iup->tp", impact, urgency, self.cells), np.float64)

    def to_plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON-able description and the arrays."""
        return {"holds": self.holds}, {"cells": self.cells}

    @classmethod
    def from_plain(cls, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> PriorityMatrix:
        """Rebuild from what `to_plain` gave."""
        return cls(arrays["cells"], float(description["holds"]))


@dataclass(frozen=True, slots=True)
class MatrixClassifier:
    """Scores a priority through the matrix, from the classifiers of impact and urgency."""

    target: Target
    matrix: PriorityMatrix
    impact: TargetClassifier
    urgency: TargetClassifier

    @property
    def voting(self) -> NeighbourVotes | None:
        """Whether past tickets vote on impact or urgency."""
        return self.impact.voting or self.urgency.voting

    @property
    def embedding_weights(self) -> NDArray[np.float32] | None:
        """Whether an encoder is heard on impact or urgency."""
        heard = self.impact.embedding_weights
        return self.urgency.embedding_weights if heard is None else heard

    def scores(
        self,
        rows: Sequence[FeatureRow],
        values: Sequence[FloatArray],
        neighbours: Sequence[Neighbours],
        embeddings: Sequence[Embedding] = (),
    ) -> FloatArray:
        """Return the priorities' log-probabilities, shape (rows, labels); takes what TargetClassifier takes."""
        return self._through(
            self.impact.scores(rows, values, neighbours, embeddings),
            self.urgency.scores(rows, values, neighbours, embeddings),
        )

    def variant_scores(
        self,
        ids: IntArray,
        counts: FloatArray,
        values: FloatArray,
        neighbours: Sequence[Neighbours],
        embeddings: Sequence[Embedding] = (),
    ) -> FloatArray:
        """Return the scores of variants of one ticket, as TargetClassifier does."""
        return self._through(
            self.impact.variant_scores(ids, counts, values, neighbours, embeddings),
            self.urgency.variant_scores(ids, counts, values, neighbours, embeddings),
        )

    def feature_weights(self, ids: IntArray, values: FloatArray) -> FloatArray:
        """Return how features move the priorities, (ids, labels): by the impacts and urgencies that lead to them."""
        by_impact, by_urgency = (side / side.sum(axis=0) for side in map(self.matrix.cells.sum, (1, 0)))
        return np.asarray(
            self.impact.feature_weights(ids, values) @ by_impact
            + self.urgency.feature_weights(ids, values) @ by_urgency,
            np.float64,
        )

    def _through(self, impact: FloatArray, urgency: FloatArray) -> FloatArray:
        return np.log(self.matrix.probabilities(probabilities(impact), probabilities(urgency)))


Scorer: TypeAlias = TargetClassifier | MatrixClassifier


def scorers(classifiers: Mapping[str, TargetClassifier], matrix: PriorityMatrix | None) -> dict[str, Scorer]:
    """Return what scores each target: its classifier, but for priority where a matrix is in force."""
    found: dict[str, Scorer] = dict(classifiers)
    if matrix is not None:
        target = classifiers["priority"].target
        found["priority"] = MatrixClassifier(target, matrix, classifiers["impact"], classifiers["urgency"])
    return found
