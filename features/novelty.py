"""How unlike anything seen a ticket is: its place among held-out tickets, by their nearness to the training tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.neighbours import Neighbours
from features.vectorizer import FloatArray

# The mean over a few says more than the nearest alone, which may be near by a chance word.
_NEAREST = 5


@dataclass(frozen=True, slots=True)
class Novelty:
    """The `closeness` (held-out tickets,) of tickets that nothing was fitted on, ascending."""

    closeness: FloatArray

    @classmethod
    def fit(cls, held_out: Sequence[Neighbours]) -> Novelty:
        """Learn how near held-out tickets are to the training tickets."""
        return cls(np.sort(np.array([_closeness(neighbours) for neighbours in held_out])))

    def of(self, neighbours: Neighbours) -> float:
        """Return the share of the held-out tickets that were nearer than this one, 0 to 1.

        A ticket like those of the history is above .99 once in a hundred times, whatever the history.
        """
        nearer = len(self.closeness) - int(np.searchsorted(self.closeness, _closeness(neighbours), side="right"))
        return nearer / max(len(self.closeness), 1)

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return what was learned as arrays."""
        return {"closeness": self.closeness}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> Novelty:
        """Rebuild from what `to_arrays` gave."""
        return cls(arrays["closeness"])


def _closeness(neighbours: Neighbours) -> float:
    return float(neighbours.cosines[:_NEAREST].sum()) / _NEAREST
