"""What a model did on tickets that nothing was fitted on: the ground on which promises are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.vectorizer import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Evidence:
    """Held-out predictions of one target.

    `probabilities` (tickets, labels), `actual` (tickets,) the numbers of the labels that people gave, and
    `languages` (tickets,) of the texts.
    """

    labels: tuple[str, ...]
    probabilities: FloatArray
    actual: IntArray
    languages: NDArray[np.str_]

    @property
    def predicted(self) -> NDArray[np.intp]:
        """The number of the most probable label of each ticket."""
        return np.asarray(self.probabilities.argmax(axis=1), np.intp)

    @property
    def confidence(self) -> FloatArray:
        """The probability of the most probable label of each ticket."""
        return np.asarray(self.probabilities.max(axis=1), np.float64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the most probable label was the actual one."""
        return np.asarray(self.predicted == self.actual)

    def summary(self) -> dict[str, Any]:
        """Return how many tickets there are, by language, and what suggestions of each confidence were worth."""
        return {
            "tickets": len(self.actual),
            "languages": {str(name): int((self.languages == name).sum()) for name in np.unique(self.languages)},
            "precision_and_coverage": [self._at(threshold) for threshold in (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)],
        }

    def _at(self, threshold: float) -> dict[str, float | None]:
        chosen = self.confidence >= threshold
        precision = float(self.right[chosen].mean()) if chosen.any() else None
        return {"threshold": threshold, "coverage": float(chosen.mean()), "precision": precision}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the evidence as plain arrays."""
        return {
            "probabilities": self.probabilities.astype(np.float32),
            "actual": self.actual.astype(np.int32),
            "languages": self.languages,
        }

    @classmethod
    def from_arrays(cls, labels: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Evidence:
        """Rebuild the evidence from what `to_arrays` gave."""
        return cls(tuple(labels), arrays["probabilities"].astype(np.float64), arrays["actual"], arrays["languages"])
