"""The order that past tickets teach: its choice, its chances, and when nothing fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.article_lessons import Lessons
from features.article_order import Chances, fit_order, least_value
from features.article_trees import ArticleTrees, fit_trees
from features.article_weights import fit_weights

PRIOR = np.array([1.0, 0.0, 0.0])


def lessons(count: int = 200, *, seed: int = 0) -> Lessons:
    """Tickets whose solving article has the highest second signal; the first says nothing."""
    random = np.random.default_rng(seed)
    signals = random.random((count, 8, 3))
    solved = signals[:, :, 1] == signals[:, :, 1].max(axis=1, keepdims=True)
    return Lessons(signals, solved, np.ones(count))


def test_the_signal_that_tells_outweighs_the_one_that_does_not() -> None:
    """The weighted sum finds what solved the tickets."""
    taught = lessons()
    weights = fit_weights(taught.signals, solved=taught.solved, prior=PRIOR).weights
    assert weights[1] > 5 * max(weights[0], weights[2])
    assert weights.min() >= 0.0


def test_a_signal_that_no_lesson_has_keeps_its_prior_weight() -> None:
    """What the history does not tell is not unlearned."""
    taught = lessons()
    signals = taught.signals.copy()
    signals[:, :, 0] = 0.0
    assert fit_weights(signals, solved=taught.solved, prior=PRIOR).weights[0] == pytest.approx(1.0)


def test_trees_survive_storage() -> None:
    """Trees read back from their text give the same values."""
    taught = lessons()
    trees = fit_trees(taught.signals, solved=taught.solved, prior=PRIOR)
    again = ArticleTrees.from_text(trees.to_text(), prior=PRIOR)
    assert again.values(taught.signals[0]).tolist() == trees.values(taught.signals[0]).tolist()


def test_trees_learn_what_no_sum_can() -> None:
    """Where one signal decides which other one counts, trees are chosen."""
    random = np.random.default_rng(1)
    signals = random.random((400, 8, 3))
    signals[:, :, 2] = (random.random((400, 1)) < 0.5).astype(float)
    telling = np.where(signals[:, :, 2] > 0.5, signals[:, :, 0], -signals[:, :, 0])
    solved = telling == telling.max(axis=1, keepdims=True)
    order = fit_order(Lessons(signals, solved, np.ones(400)), prior=PRIOR, unanswered=np.zeros((5, 8, 3)))
    assert isinstance(order.ranking, ArticleTrees)


def test_fitted_chances_are_right_as_often_as_they_say() -> None:
    """On tickets that were not learned from, the mean chance of the first is the share of the right ones."""
    random = np.random.default_rng(2)

    def noisy(seed: int) -> Lessons:
        taught = lessons(500, seed=seed)
        blurred = taught.signals + random.normal(0, 0.15, taught.signals.shape)
        return Lessons(blurred, taught.solved, taught.weights)

    order = fit_order(noisy(3), prior=PRIOR, unanswered=np.full((20, 8, 3), -1.0))
    test = noisy(4)
    values = order.ranking.values(test.signals.reshape(-1, 3)).reshape(test.solved.shape)
    first = values.argmax(axis=1)
    right = test.solved[np.arange(len(first)), first].mean()
    assert order.chances.of(values).max(axis=1).mean() == pytest.approx(right, abs=0.1)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(-20, 20), max_size=8), nothing=st.floats(-20, 20), sharpness=st.floats(0.05, 10))
def test_chances_are_ordered_as_values_and_leave_room_for_nothing(
    values: list[float], nothing: float, sharpness: float
) -> None:
    """Chances sum to at most one and never turn the order round."""
    chances = Chances(sharpness, nothing, nothing).of(np.array(values))
    assert chances.shape == (len(values),)
    assert chances.sum() <= 1.0 + 1e-9
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(chances[order]) >= 0.0)


def test_the_least_value_refuses_talk_but_few_solved_tickets() -> None:
    """It lies above most texts that nothing answers, and never above more than one solved ticket in twenty."""
    talk, solved = np.linspace(0.0, 1.0, 101), np.linspace(0.5, 2.5, 101)
    assert least_value(talk) == pytest.approx(0.8)
    assert least_value(talk, solved=solved) == pytest.approx(0.6)


def test_solved_tickets_that_are_rarely_to_be_expected_hold_the_least_value_down_less() -> None:
    """Weights count in the share of solved tickets that would be refused."""
    talk, solved = np.full(9, 1.0), np.array([0.0] * 20 + [2.0] * 80)
    assert least_value(talk, solved=solved) == 0.0
    assert least_value(talk, solved=solved, weights=np.where(solved > 0, 1.0, 0.1)) == 1.0
