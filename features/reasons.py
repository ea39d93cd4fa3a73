"""Why a label was predicted: the parts of the ticket without which it would be less probable.

A part is a token as written, at all its places. The linear weights choose a few parts worth trying; each is
deleted, the ticket scored again, and the fall of the label's log-odds is the reason's weight.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.classifier import Embedding, log_odds
from features.encoder import TextEncoder
from features.neighbours import NOBODY, NeighbourIndex, Neighbours
from features.predictions import Reason
from features.priority_matrix import Scorer
from features.vectorizer import FloatArray, IntArray, TicketVectorizer, Token

MOST_REASONS = 3
_PARTS_TRIED = 4
_LEAST_WEIGHT = 0.01
_PUNCTUATION = ".,:;!?()[]{}<>\"'`~*-_/|…·“”‘’「」"


class TicketParts:
    """A ticket taken apart, ready to be scored without one or another of its parts."""

    def __init__(
        self,
        vectorizer: TicketVectorizer,
        tokens: Sequence[Token],
        field_ids: Sequence[int],
        *,
        voters: NeighbourIndex | None = None,
        encoder: TextEncoder | None = None,
        embedding: Embedding | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> None:
        self._vectorizer = vectorizer
        self._voters = voters
        self._encoder = encoder
        self._typed = typed or {}
        self._tokens = tokens
        self.row = vectorizer.row_of(tokens, field_ids)
        self.values = vectorizer.weigh(self.row)
        self._places: dict[str, list[int]] = {}
        for place, token in enumerate(tokens):
            part = token.text.strip(_PUNCTUATION)
            if part:
                self._places.setdefault(part.lower(), []).append(place)
        self._words = [word for token in tokens for word in token.words]
        self._first_words = [0, *itertools.accumulate(len(token.words) for token in tokens)]
        self._changes: dict[str, tuple[list[int], list[int]]] = {}
        self._neighbours_without: dict[str, Neighbours] = {}
        self._embedding_without: dict[str, Embedding] = {}
        self.neighbours = NOBODY if voters is None else voters.nearest(self._text(gone=()))
        self.embedding = embedding

    def reasons(self, classifier: Scorer, *, label: int, scores: FloatArray) -> tuple[Reason, ...]:
        """Return the parts that speak for a label, the strongest first; `scores` (labels,) are the whole ticket's."""
        parts = self._worth_trying(classifier, label=label, scores=scores)
        if not parts:
            return ()
        ids, counts = self._without_each(parts)
        values = self._vectorizer.weigh_counts(ids, counts)
        neighbours = [] if classifier.voting is None else [self._neighbours(part) for part in parts]
        embeddings = [] if classifier.embedding_weights is None else [self._embedding(part) for part in parts]
        without = log_odds(classifier.variant_scores(ids, counts, values, neighbours, embeddings), label=label)
        falls = log_odds(scores[None, :], label=label)[0] - without
        ranked = sorted(zip(falls.tolist(), parts, strict=True), reverse=True)[:MOST_REASONS]
        return tuple(Reason(self._as_written(part), fall) for fall, part in ranked if fall >= _LEAST_WEIGHT)

    def _worth_trying(self, classifier: Scorer, *, label: int, scores: FloatArray) -> list[str]:
        """Return the parts whose own features the linear weights count most for the label against its rivals."""
        weights = classifier.feature_weights(self.row.ids, self.values)
        rivals = np.exp(scores - scores.max())
        rivals[label] = 0.0
        rivals /= max(rivals.sum(), 1e-300)
        contribution = self.values * (weights[:, label] - weights @ rivals) / self.row.counts
        places, part_of_feature = self._features_of_parts
        strength = np.bincount(part_of_feature, weights=contribution[places], minlength=len(self._places))
        parts = list(self._places)
        return [parts[number] for number in np.argsort(-strength, kind="stable")[:_PARTS_TRIED].tolist()]

    @cached_property
    def _features_of_parts(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The features of all parts, one after another: where each stands in the row, and the number of its part."""
        features: list[int] = []
        part_starts = [0]
        for places in self._places.values():
            for place in places:
                features.extend(self._tokens[place].ids)
            part_starts.append(len(features))
        part_of_feature = np.repeat(np.arange(len(self._places)), np.diff(part_starts))
        return np.searchsorted(self.row.ids, np.array(features, np.int32)), part_of_feature

    def _without_each(self, parts: Sequence[str]) -> tuple[IntArray, FloatArray]:
        """Return feature ids and counts (parts, ids): the ticket without each of the parts."""
        changes = [self._change(part) for part in parts]
        lost, gained = ([change[side] for change in changes] for side in (0, 1))
        ids = self._ids_with([feature for features in gained for feature in features])
        whole = np.zeros(len(ids))
        whole[np.searchsorted(ids, self.row.ids)] = self.row.counts
        return ids, whole - _counted(lost, ids) + _counted(gained, ids)

    def _ids_with(self, gained: Sequence[int]) -> IntArray:
        """Return the ids of the ticket's features and of the gained ones, ascending."""
        return np.union1d(self.row.ids, np.array(gained, np.int32)) if gained else self.row.ids

    def _change(self, part: str) -> tuple[list[int], list[int]]:
        """Return the features that are lost, and those that arise, each as often, when a part is deleted."""
        change = self._changes.get(part)
        if change is None:
            lost: list[int] = []
            for place in self._places[part]:
                token = self._tokens[place]
                lost.extend(token.ids)
                if token.in_subject:
                    lost.extend(self._vectorizer.subject_ids(token.words))
            pairs_lost, pairs_gained = self._changed_pairs(self._places[part])
            lost.extend(self._vectorizer.pair_ids(pairs_lost))
            change = self._changes[part] = lost, self._vectorizer.pair_ids(pairs_gained)
        return change

    def _changed_pairs(self, gone: Sequence[int]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the pairs of neighbouring words that are lost with some tokens, and those that arise."""
        words, runs = self._words, list[tuple[int, int]]()
        for place in gone:
            start, stop = self._first_words[place], self._first_words[place + 1]
            if runs and runs[-1][1] == start:
                runs[-1] = (runs[-1][0], stop)
            elif start < stop:
                runs.append((start, stop))
        lost = [
            (words[at - 1], words[at]) for start, stop in runs for at in range(max(start, 1), min(stop + 1, len(words)))
        ]
        return lost, [(words[start - 1], words[stop]) for start, stop in runs if start > 0 and stop < len(words)]

    def _neighbours(self, without: str) -> Neighbours:
        if self._voters is None:
            return NOBODY
        found = self._neighbours_without.get(without)
        if found is None:
            found = self._voters.nearest(self._text(gone=self._places[without]))
            self._neighbours_without[without] = found
        return found

    def _embedding(self, without: str) -> Embedding:
        assert self._encoder is not None
        embedding = self._embedding_without.get(without)
        if embedding is None:
            embedding = self._encoder.encode(self._text(gone=self._places[without]))
            self._embedding_without[without] = embedding
        return embedding

    def _text(self, *, gone: Collection[int]) -> str:
        """Return the ticket without the tokens at these places, in one line."""
        return " ".join(token.text for place, token in enumerate(self._tokens) if place not in gone)

    def _as_written(self, part: str) -> str:
        read = self._tokens[self._places[part][0]].text.strip(_PUNCTUATION)
        return self._typed.get(read, read)


def _counted(rows: Sequence[Sequence[int]], ids: IntArray) -> FloatArray:
    """Return how often each of the ids is in each row, shape (rows, ids); rows hold nothing else."""
    places = np.searchsorted(ids, np.array([feature for row in rows for feature in row], np.int32))
    number = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    counts = np.bincount(number * len(ids) + places, minlength=len(rows) * len(ids))
    return counts.reshape(len(rows), len(ids)).astype(np.float64)
