"""Figures that fit a scale, on tickets few enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from features.evidence import Evidence
from features.taxonomy import StepCosts, Target, TargetKind
from training.ordinal_evaluation import evaluate_scale, quadratic_kappa, recall_at_precision

PRIORITY = Target("priority", TargetKind.ORDINAL, ("high", "normal", "low"), StepCosts(too_low=3.0, too_high=1.0))
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.35, 0.4, 0.25], [0.1, 0.6, 0.3], [0.1, 0.2, 0.7], [0.3, 0.2, 0.5], [0.6, 0.3, 0.1]]
)
ACTUAL = np.array([0, 0, 1, 2, 1, 1], np.int32)
EVIDENCE = Evidence(PRIORITY.labels, PROBABILITIES, ACTUAL, np.array(["en"] * 6))
BASELINE = np.eye(3)[[1, 1, 1, 1, 1, 0]]


def test_mistakes_are_counted_in_steps_and_costs() -> None:
    """The most probable labels are off by one step thrice: twice too low, at three each, and once too high."""
    figures = evaluate_scale(PRIORITY, EVIDENCE, baseline=BASELINE)
    assert figures["mean_steps"] == pytest.approx(3 / 6)
    assert (figures["too_low"], figures["too_high"]) == (pytest.approx(2 / 6), pytest.approx(1 / 6))
    assert figures["mean_cost"] == pytest.approx((3 + 3 + 1) / 6)
    assert figures["baseline"]["mean_steps"] == pytest.approx(4 / 6)
    assert figures["baseline"]["mean_cost"] == pytest.approx((3 + 3 + 1 + 1) / 6)


def test_the_advised_labels_have_figures_of_their_own() -> None:
    """Two tickets are advised higher than is most probable; the one that then is right costs nothing any more."""
    figures = evaluate_scale(PRIORITY, EVIDENCE, baseline=BASELINE)
    assert figures["advised_differs"] == pytest.approx(3 / 6)
    assert figures["advised_too_low"] == 0.0
    assert figures["advised_mean_cost"] < figures["mean_cost"]
    plain = evaluate_scale(Target("priority", TargetKind.ORDINAL, PRIORITY.labels), EVIDENCE, baseline=BASELINE)
    assert not {name for name in plain if "advised" in name or "cost" in name}


def test_the_top_level_is_found_at_a_stated_precision() -> None:
    """Both high tickets are among the three most probably high ones, but only the first before a wrong one."""
    figures = evaluate_scale(PRIORITY, EVIDENCE, baseline=BASELINE)
    assert figures["top_recall_at_precision_50"] == 1.0
    assert figures["top_recall_at_precision_80"] == 0.5
    assert figures["baseline"]["top_recall_at_precision_50"] == 0.0


def test_the_top_tier_is_the_last() -> None:
    """Of tiers the last is highest, and a lower one is too low."""
    tier = Target("tier", TargetKind.ORDINAL, ("1", "2", "3"))
    figures = evaluate_scale(tier, Evidence(tier.labels, PROBABILITIES, ACTUAL, EVIDENCE.languages), baseline=BASELINE)
    assert (figures["too_low"], figures["too_high"]) == (pytest.approx(1 / 6), pytest.approx(2 / 6))
    assert figures["top_recall_at_precision_50"] == 1.0


def test_a_level_without_tickets_has_no_recall() -> None:
    """Where no test ticket is of the top level, nothing is said of finding it."""
    chosen = ACTUAL != 0
    rest = Evidence(PRIORITY.labels, PROBABILITIES[chosen], ACTUAL[chosen], EVIDENCE.languages[chosen])
    figures = evaluate_scale(PRIORITY, rest, baseline=BASELINE[chosen])
    assert not {name for name in figures if name.startswith("top_recall")}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Squared weights agree with another implementation wherever that one gives a number."""
    predicted, actual = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
    if len({*predicted.tolist(), *actual.tolist()}) == 1:
        assert quadratic_kappa(predicted, actual, label_count=4) == 0.0
        return
    expected = cohen_kappa_score(actual, predicted, weights="quadratic", labels=[0, 1, 2, 3])
    assert quadratic_kappa(predicted, actual, label_count=4) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=30), st.floats(0.05, 1))
def test_recall_is_the_best_of_all_thresholds(tickets: list[tuple[int, bool]], precision: float) -> None:
    """Trying every threshold by hand finds no more, equal scores included."""
    scores, wanted = np.array([score for score, _ in tickets], float), np.array([is_one for _, is_one in tickets])
    if not wanted.any():
        return
    chosen = [scores >= threshold for threshold in np.unique(scores)]
    recalls = [wanted[each].sum() / wanted.sum() for each in chosen if wanted[each].sum() >= precision * each.sum()]
    assert recall_at_precision(scores, wanted, precision=precision) == pytest.approx(max(recalls, default=0.0))
