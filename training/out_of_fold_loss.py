"""How good a recipe is on the training part alone: the log loss of the pool on out-of-fold scores, fold by fold."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from features.classifier import probabilities
from features.vectorizer import FloatArray, IntArray
from training.calibration import fit_pool
from training.candidates import Candidate, FeatureMatrices
from training.recipe import Recipe, SplitRecipe
from training.target_fitting import folds_of, scores_outside


@dataclass(frozen=True, slots=True)
class TrainingLabels:
    """The tickets of the training part that have a label of one target, and the numbers of these labels.

    `candidates_of` gives the families that a recipe tries for this target.
    """

    target: str
    tickets: FeatureMatrices
    actual: IntArray
    label_count: int
    candidates_of: Callable[[Recipe], Sequence[Candidate]]


class _Key(NamedTuple):
    """What scores depend on: the place of the target, the number of the fold, the family and its numbers."""

    target: int
    fold: int
    family: str
    numbers: Hashable


class OutOfFoldLoss:
    """Tries recipes on fixed folds; the scores of a family whose numbers stay are not computed again.

    `numbers_of` gives what decides the scores of a family. The loss is the mean over the targets, each heard as much as
    it has tickets. The pool is fitted on the scores that it is judged by, as in training: a weight for each family and
    a bias for each label are few, and as many for every recipe.
    """

    def __init__(
        self,
        labels: Sequence[TrainingLabels],
        *,
        numbers_of: Callable[[Recipe, str], Hashable],
        split: SplitRecipe,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._labels = labels
        self._folds = [folds_of(each.actual, split=split, seed=seed) for each in labels]
        self._numbers_of, self._seed, self._clock = numbers_of, seed, clock
        self._kept: dict[_Key, FloatArray] = {}
        self._used: dict[_Key, FloatArray] = {}
        self.fold_count = max(len(folds) for folds in self._folds)
        self.family_seconds: dict[str, float] = {}

    def by_fold(self, recipe: Recipe) -> Iterator[float]:
        """Yield the loss on the tickets outside the first fold, then outside the first two, and so on.

        Counts in `family_seconds` how long it takes to fit each family.
        """
        self._used, self.family_seconds = {}, defaultdict(float)
        for number in range(self.fold_count):
            losses = [self._loss_of(place, recipe, last=number) for place in range(len(self._labels))]
            tickets, summed = np.sum(losses, axis=0)
            yield float(summed / tickets)

    def keep(self, recipe: Recipe) -> None:
        """Remember what is known of the scores of a recipe, and forget all other scores."""
        known = {**self._kept, **self._used}
        self._kept = {key: known[key] for key in known if key.numbers == self._numbers_of(recipe, key.family)}

    def _loss_of(self, place: int, recipe: Recipe, *, last: int) -> tuple[int, float]:
        """Return how many tickets of a target lie outside its folds up to the last, and the sum of their losses."""
        folds = self._folds[place][: last + 1]
        scores = [
            np.concatenate([self._scores(place, fold, candidate, recipe) for fold in range(len(folds))])
            for candidate in self._labels[place].candidates_of(recipe)
        ]
        actual = self._labels[place].actual[np.concatenate([fold.outside for fold in folds])]
        predicted = probabilities(fit_pool(scores, actual).scores(scores))
        return len(actual), float(-np.log(np.maximum(predicted[np.arange(len(actual)), actual], 1e-300)).sum())

    def _scores(self, place: int, fold: int, candidate: Candidate, recipe: Recipe) -> FloatArray:
        key = _Key(place, fold, candidate.name, self._numbers_of(recipe, candidate.name))
        known = self._used.get(key, self._kept.get(key))
        if known is None:
            labels, started = self._labels[place], self._clock()
            known = scores_outside(
                candidate,
                labels.tickets,
                labels.actual,
                self._folds[place][fold],
                label_count=labels.label_count,
                seed=self._seed,
            )
            self.family_seconds[candidate.name] += self._clock() - started
        self._used[key] = known
        return known
