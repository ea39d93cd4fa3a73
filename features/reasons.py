"""Why a label was predicted: the parts of the ticket without which it would be less probable.

A part is a token as written, at all its places. The linear weights choose a few parts worth trying; each is
deleted, the ticket scored again, and the fall of the label's log-odds is the reason's weight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from features.classifier import TargetClassifier, log_odds
from features.neighbours import NOBODY, NeighbourIndex, Neighbours
from features.predictions import Reason
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
    ) -> None:
        self._vectorizer = vectorizer
        self._voters = voters
        self._tokens = tokens
        self.row = vectorizer.row_of(tokens, field_ids)
        self.values = vectorizer.weigh(self.row)
        self._places: dict[str, list[int]] = {}
        for place, token in enumerate(tokens):
            part = token.text.strip(_PUNCTUATION)
            if part:
                self._places.setdefault(part.lower(), []).append(place)
        self._words = [(word, place) for place, token in enumerate(tokens) for word in token.words]
        self._changes: dict[str, Counter[int]] = {}
        self._neighbours_without: dict[str, Neighbours] = {}
        self.neighbours = self._nearest(gone=())

    def reasons(self, classifier: TargetClassifier, *, label: int, scores: FloatArray) -> tuple[Reason, ...]:
        """Return the parts that speak for a label, the strongest first; `scores` (labels,) are the whole ticket's."""
        parts = self._worth_trying(classifier, label=label, scores=scores)
        if not parts:
            return ()
        ids, counts = self._without_each(parts)
        values = self._vectorizer.weigh_counts(ids, counts)
        neighbours = [] if classifier.voting is None else [self._neighbours(part) for part in parts]
        without = log_odds(classifier.variant_scores(ids, counts, values, neighbours), label=label)
        falls = log_odds(scores[None, :], label=label)[0] - without
        ranked = sorted(zip(falls.tolist(), parts, strict=True), reverse=True)[:MOST_REASONS]
        return tuple(Reason(self._as_written(part), fall) for fall, part in ranked if fall >= _LEAST_WEIGHT)

    def _worth_trying(self, classifier: TargetClassifier, *, label: int, scores: FloatArray) -> list[str]:
        """Return the parts whose own features the linear weights count most for the label against its rivals."""
        weights = classifier.weights[self.row.ids]
        rivals = np.exp(scores - scores.max())
        rivals[label] = 0.0
        rivals /= max(rivals.sum(), 1e-300)
        contribution = self.values * (weights[:, label] - weights @ rivals.astype(np.float32)) / self.row.counts
        of_feature = dict(zip(self.row.ids.tolist(), contribution.tolist(), strict=True))
        strength = {
            part: sum(of_feature[feature] for place in places for feature in self._tokens[place].ids)
            for part, places in self._places.items()
        }
        return sorted(strength, key=lambda part: -strength[part])[:_PARTS_TRIED]

    def _without_each(self, parts: Sequence[str]) -> tuple[IntArray, FloatArray]:
        """Return feature ids and counts (parts, ids): the ticket without each of the parts."""
        changes = [self._change(part) for part in parts]
        ids = np.union1d(self.row.ids, [feature for change in changes for feature in change]).astype(np.int32)
        whole = np.zeros(len(ids))
        whole[np.searchsorted(ids, self.row.ids)] = self.row.counts
        counts = np.tile(whole, (len(parts), 1))
        for number, change in enumerate(changes):
            counts[number, np.searchsorted(ids, list(change))] += list(change.values())
        return ids, counts

    def _change(self, part: str) -> Counter[int]:
        """Return by how much the count of each feature changes when a part is deleted from the ticket."""
        change = self._changes.get(part)
        if change is None:
            change = self._changes[part] = Counter()
            gone = set(self._places[part])
            for place in gone:
                token = self._tokens[place]
                change.subtract(token.ids)
                if token.in_subject:
                    change.subtract(self._vectorizer.subject_ids(token.words))
            lost, gained = self._changed_pairs(gone)
            change.subtract(self._vectorizer.pair_ids(lost))
            change.update(self._vectorizer.pair_ids(gained))
        return change

    def _changed_pairs(self, gone: set[int]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the pairs of neighbouring words that are lost with some tokens, and those that arise."""
        lost, gained = [], []
        last_kept: str | None = None
        for number, (word, place) in enumerate(self._words):
            before = self._words[number - 1] if number else None
            if before is not None and (place in gone or before[1] in gone):
                lost.append((before[0], word))
            if place in gone:
                continue
            if before is not None and before[1] in gone and last_kept is not None:
                gained.append((last_kept, word))
            last_kept = word
        return lost, gained

    def _neighbours(self, without: str) -> Neighbours:
        found = self._neighbours_without.get(without)
        if found is None:
            found = self._neighbours_without[without] = self._nearest(gone=self._places[without])
        return found

    def _nearest(self, *, gone: Collection[int]) -> Neighbours:
        """Return the neighbours of the ticket without the tokens at these places."""
        if self._voters is None:
            return NOBODY
        return self._voters.nearest(
            " ".join(token.text for place, token in enumerate(self._tokens) if place not in gone)
        )

    def _as_written(self, part: str) -> str:
        return self._tokens[self._places[part][0]].text.strip(_PUNCTUATION)
