"""Whether it helps to leave suspected labels out, or to correct them: measured on tickets that nothing was fitted on.

The labels of those tickets stay as they were given, wrong ones included: what is gained is gained against them. Of six
real histories it helped on two and did harm on two, so that it is measured, and never done unasked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.vectorizer import IntArray
from training.evaluation import macro_f1
from training.label_audit import Judged, LabelledTickets, feature_matrices, judge
from training.label_faults import SuspectedLabel, suspected_labels
from training.progress import Progress
from training.recipe import Recipe
from training.splits import split_history

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference to the model of the labels as given, and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Treatment:
    """What was done with the suspected labels, and how the figures moved."""

    name: str
    accuracy: Difference
    macro_f1: Difference


@dataclass(frozen=True, slots=True)
class FaultsEffect:
    """The effect of `suspected_count` labels of the training part on a part that nothing was fitted on."""

    train_count: int
    suspected_count: int
    test_count: int
    accuracy: float
    macro_f1: float
    treatments: tuple[Treatment, ...]


def effect_of_faults(
    tickets: LabelledTickets, *, recipe: Recipe, seed: int, given_split: Sequence[str] | None = None, progress: Progress
) -> FaultsEffect:
    """Retrain without the suspected labels of the training part, and with them corrected, and compare.

    All that are suspected, not the likely ones alone: on histories that are not reported on that did more. The split
    is that of training; its evidence and test part together are the tickets that are compared on.
    """
    split = split_history(
        tickets.rows,
        texts=tickets.texts,
        labels=[tickets.target.labels[number] for number in tickets.given],
        seed=seed,
        given=given_split,
        evidence_share=recipe.split.evidence_share,
        test_share=recipe.split.test_share,
    )
    train, test = tickets.at(split.train), tickets.at(np.concatenate([split.evidence, split.test]))
    judged = judge(train, recipe=recipe, seed=seed, progress=progress)
    suspects = suspected_labels(judged.probabilities, train.given)
    plain = _predicted(judged, train, test, seed=seed)
    treated = [
        (name, _predicted(judge(part, recipe=recipe, seed=seed, progress=progress), part, test, seed=seed))
        for name, part in (("left out", _without(train, suspects)), ("corrected", _corrected(train, suspects)))
    ]
    compared = _Comparison(test.given, label_count=len(tickets.target.labels), seed=seed)
    return FaultsEffect(
        len(train.given),
        len(suspects),
        len(test.given),
        *compared.figures(plain),
        tuple(Treatment(name, *compared.differences(guess, plain)) for name, guess in treated),
    )


def _predicted(judged: Judged, train: LabelledTickets, test: LabelledTickets, *, seed: int) -> IntArray:
    """Return what the judging models say of the test tickets once they are fitted on all of the training tickets."""
    label_count = len(train.target.labels)
    matrices = feature_matrices(test, judged.vectorizer)
    fitted = (
        candidate.fit(judged.matrices, train.given, label_count=label_count, seed=seed)
        for candidate in judged.candidates
    )
    scores = judged.pool.scores([each.scores(matrices) for each in fitted])
    return np.asarray(scores.argmax(axis=1), np.int32)


def _without(train: LabelledTickets, suspects: Sequence[SuspectedLabel]) -> LabelledTickets:
    """Return the tickets without the suspected ones; of a label that would vanish all stay."""
    kept = np.ones(len(train.given), bool)
    kept[[suspect.place for suspect in suspects]] = False
    left = np.bincount(train.given[kept], minlength=len(train.target.labels))
    return train.at(np.flatnonzero(kept | (left < 2)[train.given]).astype(np.int32))


def _corrected(train: LabelledTickets, suspects: Sequence[SuspectedLabel]) -> LabelledTickets:
    """Return the tickets with the labels that are suggested; a label that would vanish stays where it was given."""
    given = train.given.copy()
    given[[suspect.place for suspect in suspects]] = [suspect.suggested for suspect in suspects]
    left = np.bincount(given, minlength=len(train.target.labels))
    return replace(train, given=np.where((left < 2)[train.given], train.given, given))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Compares what models say of the same tickets, over the same resamples of them."""

    actual: IntArray
    label_count: int
    seed: int

    def figures(self, guess: IntArray) -> tuple[float, float]:
        """Return accuracy and macro-F1."""
        return float((guess == self.actual).mean()), macro_f1(guess, self.actual, label_count=self.label_count)

    def differences(self, guess: IntArray, plain: IntArray) -> tuple[Difference, Difference]:
        """Return how far accuracy and macro-F1 of a guess lie above those of the plain one."""
        random = np.random.default_rng(self.seed)
        drawn = (random.integers(0, len(self.actual), len(self.actual)) for _ in range(_RESAMPLES))
        moved = np.array([self._above(guess, plain, chosen) for chosen in drawn])
        low, high = np.percentile(moved, (2.5, 97.5), axis=0)
        value = self._above(guess, plain, np.arange(len(self.actual)))
        accuracy, f1 = (Difference(*map(float, each)) for each in zip(value, low, high, strict=True))
        return accuracy, f1

    def _above(self, guess: IntArray, plain: IntArray, chosen: NDArray[np.integer[Any]]) -> tuple[float, float]:
        part = _Comparison(self.actual[chosen], self.label_count, self.seed)
        (accuracy, f1), (plain_accuracy, plain_f1) = part.figures(guess[chosen]), part.figures(plain[chosen])
        return accuracy - plain_accuracy, f1 - plain_f1
