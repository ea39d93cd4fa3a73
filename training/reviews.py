"""Corrections as labels: what people said of tickets, merged into the history that a model is trained on.

Owns which label of a ticket stands and where it may be learned from. A review never enters the test part: a ticket
there stays with the label of its history, and a ticket that no history holds is learned from alone. The evidence for
thresholds takes the answers of audits, which were drawn at random, and no others: the queue chose those for being
doubtful, so thresholds chosen on them would be those of doubtful tickets. What we wrote ourselves and nobody touched is
no label in any part.

A reviewed ticket may be later than those of a test by time. It is learned from all the same, since a correction is
worth most when it is new; only its near duplicates among what is held out would tell, and those are looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from features.history import HistoryRow, Label, LabelSource, ReviewRow
from features.vectorizer import FloatArray
from training.near_duplicates import has_near_duplicate
from training.splits import Split

# A ticket drawn with a chance of one in a hundred stands for a hundred, and may still be mistaken: no more than this.
MOST_WEIGHT = 5.0
# The higher word stands; of equals, the later.
_RANKS: Mapping[LabelSource, int] = {LabelSource.PERSON_AT_CLOSE: 1, LabelSource.LEAD: 2, LabelSource.AUDIT: 2}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reviews:
    """What people said of tickets: for each ticket and target the row that stands, and which values are our own."""

    standing: Mapping[str, Mapping[str, ReviewRow]] = field(default_factory=dict)
    unconfirmed: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[ReviewRow]) -> Reviews:
        """Return the word that stands of each ticket and target."""
        standing: dict[str, dict[str, ReviewRow]] = {}
        unconfirmed: dict[str, frozenset[str]] = {}
        for row in rows:
            if row.source not in _RANKS:
                unconfirmed[row.ticket_id] = unconfirmed.get(row.ticket_id, frozenset()) | {row.target}
                continue
            known = standing.setdefault(row.ticket_id, {})
            if row.target not in known or _worth(row) >= _worth(known[row.target]):
                known[row.target] = row
        return cls(standing, unconfirmed)

    def beside(self, history: Sequence[HistoryRow]) -> tuple[HistoryRow, ...]:
        """Return the history without what is our own, and behind it the tickets that reviews alone tell of.

        These have no labels yet: `learned_from` gives them.
        """
        own = [_with_labels(row, dict.fromkeys(self.unconfirmed.get(row.id, ()))) for row in history]
        known = {row.id for row in history}
        return (*own, *(_ticket(rows) for ticket_id, rows in self.standing.items() if ticket_id not in known))


@dataclass(frozen=True, slots=True)
class Learned:
    """A history's rows and their split once reviews are merged in.

    `weights` (rows,) tell for each target with reviews how much a ticket counts. `counts` are labels by source
    (`reviews_lead` and so on) that are learned from, and those that are not: our own, of tickets held out, left out.
    """

    rows: Sequence[HistoryRow]
    split: Split
    weights: Mapping[str, FloatArray] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def learned_from(
    reviews: Reviews, rows: Sequence[HistoryRow], *, split: Split, texts: Sequence[str], history_count: int
) -> Learned:
    """Put reviews into a split history; `rows` are those of `Reviews.beside`, the first `history_count` were split.

    Of tickets that no history holds, those without a text and near duplicates of what is held out are left out.
    """
    added = _usable(np.arange(history_count, len(rows)), texts=texts, split=split)
    train = np.concatenate([split.train, added]).astype(split.train.dtype)
    taught, audited = set(train.tolist()), set(split.evidence.tolist())
    held_out = audited | set(split.test.tolist())
    merged, weights, counts = list(rows), _Weights(len(rows)), Counter[str]()
    for place, row in enumerate(rows):
        said = reviews.standing.get(row.id, {})
        chosen = {target: one for target, one in said.items() if _counts(one, place, taught=taught, audited=audited)}
        merged[place] = _with_labels(row, {target: one.value for target, one in chosen.items()})
        if place in taught:
            counts.update(_name(one.source) for one in chosen.values())
            weights.add(place, chosen)
        else:
            counts["reviews_audit_in_evidence"] += len(chosen)
            counts["reviews_held_out" if place in held_out else "reviews_left_out"] += len(said) - len(chosen)
    counts["reviews_unconfirmed"] = sum(len(targets) for targets in reviews.unconfirmed.values())
    return Learned(merged, replace(split, train=train), weights.by_target, dict(counts))


def weight_of(label: Label) -> float:
    """Return how much a ticket with this label counts in fitting: the rarer it was drawn the more, within bounds."""
    return min(label.weight / label.inclusion_probability, MOST_WEIGHT)


class _Weights:
    """The weights of all rows, for each target of which any is not 1."""

    def __init__(self, row_count: int) -> None:
        self._row_count = row_count
        self.by_target: dict[str, FloatArray] = {}

    def add(self, place: int, chosen: Mapping[str, ReviewRow]) -> None:
        for target, one in chosen.items():
            weight = weight_of(one.label())
            if weight != 1.0:
                self.by_target.setdefault(target, np.ones(self._row_count))[place] = weight


def _counts(row: ReviewRow, place: int, *, taught: set[int], audited: set[int]) -> bool:
    return place in taught or (place in audited and row.source is LabelSource.AUDIT)


def _worth(row: ReviewRow) -> tuple[int, datetime]:
    return _RANKS[row.source], row.at or _LONG_AGO


def _usable(places: np.ndarray[Any, np.dtype[np.int64]], *, texts: Sequence[str], split: Split) -> Any:
    worded = [place for place in places.tolist() if texts[place].strip()]
    held_out = [texts[place] for place in (*split.evidence.tolist(), *split.test.tolist())]
    is_near = has_near_duplicate([texts[place] for place in worded], held_out)
    return np.array(worded, np.int64)[~is_near]


def _ticket(rows: Mapping[str, ReviewRow]) -> HistoryRow:
    first = next(iter(rows.values()))
    told = next((row for row in rows.values() if row.subject or row.body), first)
    return HistoryRow(id=told.ticket_id, subject=told.subject, body=told.body, language=told.language)


def _with_labels(row: HistoryRow, labels: Mapping[str, str | None]) -> HistoryRow:
    changed: dict[str, Any] = dict(labels)
    return replace(row, **changed) if changed else row


def _name(source: LabelSource) -> str:
    return f"reviews_{source.value.replace(' ', '_')}"
