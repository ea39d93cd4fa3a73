"""The three parts of a split history, their tickets counted and weighed once for every target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.history import HistoryRow
from features.neighbours import NO_LABEL, NeighbourIndex, Neighbours
from features.preparation import PreparedTicket
from features.taxonomy import Target
from features.vectorizer import FloatArray, IntArray, TicketVectorizer
from training.candidates import FeatureMatrices
from training.progress import Progress


@dataclass(frozen=True, slots=True)
class Part:
    """The tickets of one part of a history, ready for every target; `neighbours` are training tickets near to each."""

    places: NDArray[np.integer[Any]]
    tickets: tuple[PreparedTicket, ...]
    matrices: FeatureMatrices
    neighbours: Sequence[Neighbours] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """A split history: what is fitted on, what is evidence, what is the test."""

    train: Part
    evidence: Part
    test: Part

    def all(self) -> tuple[Part, Part, Part]:
        """Return the three parts in the order of time."""
        return self.train, self.evidence, self.test


def make_part(
    name: str,
    places: NDArray[np.integer[Any]],
    prepared: Sequence[PreparedTicket],
    vectorizer: TicketVectorizer,
    *,
    voters: NeighbourIndex | None = None,
    embeddings: NDArray[np.float32] | None = None,
    progress: Progress,
) -> Part:
    """Return the tickets at these places, counted and weighed, with their neighbours among the voters.

    `embeddings` are those of all tickets, (tickets, dimensions).
    """
    tickets = tuple(prepared[place] for place in places)
    counts = vectorizer.counts(progress.over(tickets, doing=f"counting the {name} part", total=len(tickets)))
    texts = [ticket.text for ticket in tickets]
    neighbours = () if voters is None else [voters.nearest(text) for text in texts]
    own = None if embeddings is None else embeddings[places]
    matrices = FeatureMatrices(texts, counts, vectorizer.weigh_matrix(counts), own, vectorizer.idf_ > 0)
    return Part(places, tickets, matrices, neighbours)


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """The tickets of a part that have a label of one target: their places in the part, the labels' numbers."""

    part: Part
    inside: IntArray
    actual: IntArray

    @classmethod
    def of(cls, part: Part, rows: Sequence[HistoryRow], target: Target) -> LabelledPart:
        """Return the tickets of a part that have a label which the target knows."""
        number_of = {label: number for number, label in enumerate(target.labels)}
        numbers = [number_of.get(getattr(rows[place], target.name), NO_LABEL) for place in part.places]
        actual = np.array(numbers, np.int32)
        inside = np.flatnonzero(actual != NO_LABEL).astype(np.int32)
        return cls(part, inside, actual[inside])

    def matrices(self, weights: FloatArray | None = None) -> FeatureMatrices:
        """Return these tickets as matrices; `weights` are those of all rows of the history."""
        chosen = self.part.matrices.at(self.inside)
        return chosen if weights is None else replace(chosen, weights=weights[self.part.places[self.inside]])

    @property
    def texts(self) -> list[str]:
        """The texts of these tickets."""
        return [self.part.matrices.texts[place] for place in self.inside]
