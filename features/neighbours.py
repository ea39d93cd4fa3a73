"""The nearest past tickets as voters: what label tickets with the same words were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.lexical_index import IndexSettings, LexicalIndex, Weighting
from features.vectorizer import FloatArray, IntArray

_VOTERS = 20
# As much of a vote as one weak neighbour has, spread as the labels are: it speaks where no ticket is near.
_PRIOR_VOTE = 0.1
NO_LABEL = -1


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The past tickets nearest to a text: their numbers and cosines."""

    tickets: IntArray
    cosines: FloatArray


NOBODY = Neighbours(np.empty(0, np.int32), np.empty(0))


@dataclass(frozen=True, slots=True)
class NeighbourIndex:
    """Finds the training tickets nearest to a text."""

    index: LexicalIndex

    @classmethod
    def fit(cls, texts: Sequence[str]) -> NeighbourIndex:
        """Index the texts of the training tickets."""
        return cls(LexicalIndex.fit(texts, settings=IndexSettings(weighting=Weighting.COSINE)))

    def nearest(self, text: str) -> Neighbours:
        """Return the nearest training tickets of a text."""
        tickets, cosines = self.index.top(text, _VOTERS)
        return Neighbours(tickets.astype(np.int32), np.maximum(cosines, 0.0).astype(np.float64))

    def to_plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return an empty description and the arrays."""
        return {}, self.index.to_arrays()

    @classmethod
    def from_plain(cls, _: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NeighbourIndex:
        """Rebuild from what `to_plain` gave."""
        return cls(LexicalIndex.from_arrays(arrays))


@dataclass(frozen=True, slots=True)
class NeighbourVotes:
    """What the neighbours say of one target.

    `labels` (training tickets,) holds the number of each ticket's label or NO_LABEL, `shares` (labels,) how
    frequent each label is; `weight` is the votes' weight in the pool.
    """

    labels: IntArray
    shares: FloatArray
    weight: float = 1.0

    @classmethod
    def counted(cls, labels: IntArray, *, label_count: int) -> NeighbourVotes:
        """Return the votes of tickets with these labels."""
        counts = np.bincount(labels[labels != NO_LABEL], minlength=label_count)
        return cls(labels, counts / max(int(counts.sum()), 1))

    def scores(self, neighbours: Sequence[Neighbours]) -> FloatArray:
        """Return the logarithm of each label's share of the votes, shape (tickets, labels).

        A neighbour's vote is the square of its cosine.
        """
        votes = np.zeros((len(neighbours), len(self.shares)))
        for row, near in zip(votes, neighbours, strict=True):
            labels = self.labels[near.tickets]
            known = labels != NO_LABEL
            np.add.at(row, labels[known], near.cosines[known] ** 2)
        total = votes.sum(axis=1, keepdims=True)
        shares = (votes + _PRIOR_VOTE * self.shares) / (total + _PRIOR_VOTE)
        return np.asarray(np.log(np.maximum(shares, 1e-6)), np.float64)
