"""The loss of a recipe, fold by fold: what is known already is not fitted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import scipy.sparse as sparse
from numpy.typing import NDArray

from training.candidates import FeatureMatrices
from training.out_of_fold_loss import OutOfFoldLoss, TrainingLabels
from training.recipe import LinearRecipe, Recipe, SplitRecipe

Labels = NDArray[np.int32]
RECIPE = Recipe(split=SplitRecipe(folds=3))


@dataclass
class Fitted:
    """Scores that say the label that a ticket's text begins with, as loudly as the penalty."""

    height: float
    label_count: int

    def scores(self, tickets: FeatureMatrices) -> NDArray[np.float64]:
        """Raise the label that the text names."""
        named = np.array([int(text[0]) for text in tickets.texts])
        return self.height * np.eye(self.label_count)[named]


@dataclass
class Reader:
    """A family that reads the label off the text, and notes how many tickets it is fitted on."""

    name: str
    height: float
    sizes: list[int] = field(default_factory=list)

    def fit(self, tickets: FeatureMatrices, actual: Labels, *, label_count: int, seed: int) -> Fitted:
        """Note the number of tickets."""
        del actual, seed
        self.sizes.append(len(tickets.texts))
        return Fitted(self.height, label_count)


def _labels(target: str, actual: Sequence[int], *, wrong_every: int) -> TrainingLabels:
    """Return tickets whose texts name their labels, but for some."""
    named = [(label + (number % wrong_every == 0)) % 2 for number, label in enumerate(actual)]
    nothing = sparse.csr_matrix((len(actual), 1))
    tickets = FeatureMatrices([f"{label} {number}" for number, label in enumerate(named)], nothing, nothing)
    return TrainingLabels(target, tickets, np.array(actual, np.int32), 2, lambda _: FAMILIES)


HALVES = [number % 2 for number in range(60)]
FAMILIES = Reader("linear", 1.0), Reader("ratio", 2.0)


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    for family in FAMILIES:
        family.sizes.clear()


def _loss(*labels: TrainingLabels) -> OutOfFoldLoss:
    def numbers_of(recipe: Recipe, family: str) -> float:
        return recipe.linear.margin_penalty if family == "linear" else recipe.linear.ratio_penalty

    return OutOfFoldLoss(labels, numbers_of=numbers_of, split=RECIPE.split, seed=0)


def _with(*, margin: float = 0.3, ratio: float = 1.0) -> Recipe:
    return replace(RECIPE, linear=LinearRecipe(margin, ratio))


def test_the_loss_is_told_fold_by_fold() -> None:
    """After each fold the loss is that of the tickets outside the folds so far; perfect scores leave almost none."""
    losses = list(_loss(_labels("category", HALVES, wrong_every=100)).by_fold(RECIPE))
    assert len(losses) == 3
    # One of sixty texts lies: nothing can know which.
    assert losses[-1] == pytest.approx(-(np.log(59 / 60) * 59 + np.log(1 / 60)) / 60, abs=0.01)


def test_targets_count_as_they_have_tickets() -> None:
    """The loss over two targets is the mean of theirs, weighed by their tickets."""
    good, bad = _labels("category", HALVES, wrong_every=20), _labels("priority", HALVES[:30], wrong_every=3)
    alone = [list(_loss(each).by_fold(RECIPE))[-1] for each in (good, bad)]
    assert alone[1] > alone[0] + 0.2
    both = list(_loss(good, bad).by_fold(RECIPE))[-1]
    assert both == pytest.approx((60 * alone[0] + 30 * alone[1]) / 90)


def test_a_target_with_fewer_folds_waits_for_the_others() -> None:
    """A rare label takes fewer folds; its target is complete then and counts until the end."""
    rare = [int(number < 2) for number in range(40)]
    loss = _loss(_labels("category", HALVES, wrong_every=9), _labels("tier", rare, wrong_every=9))
    assert loss.fold_count == 3
    assert len(list(loss.by_fold(RECIPE))) == 3
    assert sorted(FAMILIES[0].sizes) == [20, 20, 40, 40, 40]


def test_a_family_whose_numbers_stay_is_not_fitted_again() -> None:
    """With the scores of a recipe kept, another one costs only the family that it changes."""
    loss = _loss(_labels("category", HALVES, wrong_every=9))
    first = list(loss.by_fold(_with()))
    loss.keep(_with())
    second = list(loss.by_fold(_with(ratio=3.0)))
    assert [len(family.sizes) for family in FAMILIES] == [3, 6]
    assert second == pytest.approx(first)
    assert set(loss.family_seconds) == {"ratio"}


def test_what_a_trial_knows_of_the_best_is_kept_and_the_rest_forgotten() -> None:
    """A trial that was given up still leaves the scores of the families that it shares with the best recipe."""
    loss = _loss(_labels("category", HALVES, wrong_every=9))
    next(loss.by_fold(_with(ratio=3.0)))
    loss.keep(_with())
    list(loss.by_fold(_with()))
    assert [len(family.sizes) for family in FAMILIES] == [3, 4]
    loss.keep(_with(margin=9.0, ratio=9.0))
    list(loss.by_fold(_with()))
    assert [len(family.sizes) for family in FAMILIES] == [6, 7]
