"""What a method said of every ticket or question of a fold, kept so that any figure can be worked out afterwards."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from head_to_head.tasks import DEPTH, Floats, Integers


@dataclass(frozen=True, slots=True)
class LabelOutcome:
    """Tickets by their place in the set, the numbers of their true labels, (tickets, labels) probabilities."""

    labels: tuple[str, ...]
    tickets: Integers
    actual: Integers
    probabilities: Floats
    languages: NDArray[np.str_]

    @property
    def predicted(self) -> Integers:
        """The number of the most probable label of each ticket."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The probability of the most probable label of each ticket."""
        return np.asarray(self.probabilities.max(axis=1), np.float64)

    def at(self, chosen: NDArray[np.bool_]) -> LabelOutcome:
        """Return the outcome of these tickets alone."""
        return LabelOutcome(
            self.labels,
            self.tickets[chosen],
            self.actual[chosen],
            self.probabilities[chosen],
            self.languages[chosen],
        )


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """Questions by their place in the set, and how many articles stood before the first right one; DEPTH if none."""

    questions: Integers
    ranks: Integers


Outcome: TypeAlias = LabelOutcome | SearchOutcome
_SEARCHED = ("questions", "ranks")


def ranks_of(found: Integers, relevant: Sequence[frozenset[int]]) -> Integers:
    """Return for each question the place of the first relevant article among those found, DEPTH where none is."""
    ranks = [
        next((rank for rank, place in enumerate(row) if place in right), DEPTH)
        for row, right in zip(found.tolist(), relevant, strict=True)
    ]
    return np.array(ranks, np.int16)


def pooled(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcomes of several folds as one, in the order of the set."""
    first = outcomes[0]
    if isinstance(first, LabelOutcome):
        parts = [each for each in outcomes if isinstance(each, LabelOutcome)]
        order = np.argsort(np.concatenate([part.tickets for part in parts]), kind="stable")
        joined = (
            np.concatenate([getattr(part, name) for part in parts])[order]
            for name in ("tickets", "actual", "probabilities", "languages")
        )
        return LabelOutcome(first.labels, *joined)
    searched = [each for each in outcomes if isinstance(each, SearchOutcome)]
    order = np.argsort(np.concatenate([part.questions for part in searched]), kind="stable")
    return SearchOutcome(*(np.concatenate([getattr(part, name) for part in searched])[order] for name in _SEARCHED))


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain values; arrays are packed."""
    if isinstance(outcome, SearchOutcome):
        return {name: _packed(getattr(outcome, name)) for name in _SEARCHED}
    languages, numbers = np.unique(outcome.languages, return_inverse=True)
    return {
        "labels": list(outcome.labels),
        "languages": languages.tolist(),
        "tickets": _packed(outcome.tickets.astype(np.int32)),
        "actual": _packed(outcome.actual.astype(np.int16)),
        "predicted": _packed(outcome.predicted.astype(np.int16)),
        "probabilities": _packed(outcome.probabilities.astype(np.float32)),
        "language_numbers": _packed(numbers.astype(np.int8)),
    }


def outcome_from_json(stored: Mapping[str, Any]) -> Outcome:
    """Return the outcome that `outcome_to_json` gave."""
    if "ranks" in stored:
        return SearchOutcome(*(_unpacked(stored[name]) for name in _SEARCHED))
    return LabelOutcome(
        labels=tuple(stored["labels"]),
        tickets=_unpacked(stored["tickets"]),
        actual=_unpacked(stored["actual"]),
        probabilities=_unpacked(stored["probabilities"]).astype(np.float64),
        languages=np.array(stored["languages"], dtype=np.str_)[_unpacked(stored["language_numbers"])],
    )


def _packed(array: NDArray[Any]) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 6)).decode()
    return {"type": array.dtype.str, "shape": list(array.shape), "bytes": packed}


def _unpacked(stored: Mapping[str, Any]) -> NDArray[Any]:
    raw = zlib.decompress(base64.b64decode(stored["bytes"]))
    return np.frombuffer(raw, dtype=np.dtype(stored["type"])).reshape(stored["shape"])
