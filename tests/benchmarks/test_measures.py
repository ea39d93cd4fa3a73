"""Figures are those of scikit-learn, and differences are paired."""

from __future__ import annotations

import numpy as np
import pytest
from head_to_head.measures import (
    Measured,
    figures,
    measure,
    noise_of_calibration,
    outcomes_by_language,
    quadratic_kappa,
)
from head_to_head.outcomes import LabelOutcome, SearchOutcome, pooled, ranks_of
from head_to_head.tasks import DEPTH, best_places
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, log_loss


def _outcome(count: int = 300, *, seed: int = 0, label_count: int = 4, exact: bool = False) -> LabelOutcome:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(label_count, 0.7), count)
    actual = random.integers(0, label_count, count)
    if exact:
        actual = np.array([random.choice(label_count, p=row) for row in probabilities])
    languages = np.array(["ko", "en"])[random.integers(0, 2, count)]
    return LabelOutcome(tuple("abcdefgh"[:label_count]), np.arange(count), actual, probabilities, languages)


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    """Accuracy, macro-F1, log loss and quadratic kappa agree."""
    outcome = _outcome(seed=seed)
    found = figures(outcome, is_ordinal=True)
    assert found["accuracy"] == pytest.approx(accuracy_score(outcome.actual, outcome.predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(outcome.actual, outcome.predicted, average="macro"))
    assert found["log_loss"] == pytest.approx(log_loss(outcome.actual, outcome.probabilities, labels=range(4)))
    kappa = cohen_kappa_score(outcome.actual, outcome.predicted, weights="quadratic")
    assert found["quadratic_kappa"] == pytest.approx(kappa)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_kappa_of_any_answers_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Also where labels are missing on either side."""
    predicted, actual = (np.array(side) for side in zip(*pairs, strict=True))
    if len(set(predicted) | set(actual)) == 1:
        assert quadratic_kappa(predicted, actual, label_count=4) == 1.0
        return
    expected = cohen_kappa_score(actual, predicted, weights="quadratic", labels=range(4))
    assert quadratic_kappa(predicted, actual, label_count=4) == pytest.approx(expected)


def test_a_label_that_was_given_no_chance_costs_much_but_not_everything() -> None:
    """A probability of zero for what came true leaves the log loss finite."""
    outcome = LabelOutcome(
        ("a", "b"), np.arange(2), np.array([0, 1]), np.array([[1.0, 0], [1, 0]]), np.array(["ko"] * 2)
    )
    assert figures(outcome)["log_loss"] == pytest.approx(-np.log(1e-15) / 2)


def test_the_interval_holds_the_figure_and_narrows_with_tickets() -> None:
    """Four times the tickets give about half the interval."""
    widths = []
    for count in (200, 800):
        accuracy = measure(_outcome(count))["accuracy"]
        low, high = accuracy.interval
        assert low < accuracy.value < high
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.3)


def test_a_difference_is_paired() -> None:
    """A method beside itself differs by nothing at all, one that is right once more by one ticket."""
    outcome = _outcome()
    mended = outcome.probabilities.copy()
    wrong = int(np.flatnonzero(outcome.predicted != outcome.actual)[0])
    mended[wrong] = np.eye(4)[outcome.actual[wrong]]
    better = LabelOutcome(outcome.labels, outcome.tickets, outcome.actual, mended, outcome.languages)
    one, two = measure(outcome)["accuracy"], measure(better)["accuracy"]
    assert one.above(one).interval == (0.0, 0.0)
    assert two.above(one).value == pytest.approx(1 / 300)
    low, high = two.above(one).interval
    assert low == 0.0
    assert high <= 4 / 300


def test_exact_probabilities_are_within_noise_of_zero() -> None:
    """Probabilities that labels were drawn from stay below what chance allows; the same made surer do not."""
    outcome = _outcome(2_000, exact=True)
    expected, most = noise_of_calibration(outcome)
    assert 0 < expected < most
    assert figures(outcome)["calibration_error"] < most
    surer = outcome.probabilities**3 / (outcome.probabilities**3).sum(axis=1, keepdims=True)
    sure = LabelOutcome(outcome.labels, outcome.tickets, outcome.actual, surer, outcome.languages)
    assert figures(sure)["calibration_error"] > noise_of_calibration(sure)[1]


def test_languages_share_out_the_tickets() -> None:
    """Every ticket is counted in its own language."""
    outcome = _outcome()
    parts = outcomes_by_language(outcome)
    assert sorted(np.concatenate([part.tickets for part in parts.values()])) == list(range(300))
    assert set(parts["ko"].languages) == {"ko"}


def test_searches_are_measured_by_the_first_right_article() -> None:
    """Recall counts ranks below its depth, the reciprocal rank those below ten."""
    found = figures(SearchOutcome(np.arange(4), np.array([0, 4, 9, DEPTH], np.int16)))
    assert found == {
        "recall_at_1": 0.25,
        "recall_at_5": 0.5,
        "recall_at_10": 0.75,
        "mrr_at_10": pytest.approx((1 + 1 / 5 + 1 / 10) / 4),
    }


def test_ranks_are_those_of_any_right_article() -> None:
    """The first of several right articles counts; a place that was not filled is never right."""
    found = np.array([[5, 2, 7, -1], [3, -1, -1, -1]])
    assert ranks_of(found, [frozenset({7, 2}), frozenset({4})]).tolist() == [1, DEPTH]


def test_folds_are_pooled_in_the_order_of_the_set() -> None:
    """Two methods' tickets stand side by side whatever the folds' order."""
    whole = _outcome(10)
    odd, even = whole.at(whole.tickets % 2 == 1), whole.at(whole.tickets % 2 == 0)
    joined = pooled([odd, even])
    assert isinstance(joined, LabelOutcome)
    for name in ("tickets", "actual", "probabilities", "languages"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    ranks = pooled([SearchOutcome(np.array([1]), np.array([5])), SearchOutcome(np.array([0]), np.array([2]))])
    assert isinstance(ranks, SearchOutcome)
    assert ranks.ranks.tolist() == [2, 5]


def test_the_best_places_leave_out_the_question_itself() -> None:
    """Ten places at most, none that is excluded or scores too little, ties in their order."""
    scores = np.array([0.0, 3.0, 1.0, 1.0, 9.0])
    assert best_places(scores, excluded=4, above=0.0) == [1, 2, 3, *[-1] * 7]
    assert best_places(np.arange(30.0)) == list(range(29, 19, -1))


def test_a_measured_figure_has_an_interval_of_95_percent() -> None:
    """Of a thousand draws 25 lie below and 25 above."""
    assert Measured(0.0, np.arange(1001.0)).interval == (25.0, 975.0)
