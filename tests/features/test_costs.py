"""What mistakes on a scale cost, and what is therefore advised; the probabilities stay what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.costs import advice, cost_matrix, least_costly
from features.taxonomy import StepCosts, Target, TargetKind

LABELS = ("urgent", "high", "normal", "low")
PRIORITY = Target("priority", TargetKind.ORDINAL, LABELS, StepCosts(too_low=3.0, too_high=1.0))
TIER = Target("tier", TargetKind.ORDINAL, ("1", "2", "3"), StepCosts(too_low=3.0, too_high=1.0))
_CHANCES = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda parts: np.array(parts) / sum(parts))


def test_too_low_is_further_down_the_scale() -> None:
    """A priority is too low if a less pressing one is said, a tier if a lower one is."""
    costs = StepCosts(too_low=3.0, too_high=1.0)
    assert cost_matrix(PRIORITY, costs).tolist() == [[0, 3, 6, 9], [1, 0, 3, 6], [2, 1, 0, 3], [3, 2, 1, 0]]
    assert cost_matrix(TIER, costs).tolist() == [[0, 1, 2], [3, 0, 1], [6, 3, 0]]


def test_the_least_costly_label_leans_to_the_dear_side() -> None:
    """One chance in four of an urgent ticket is where calling it urgent begins to pay at costs of three to one."""
    chances = np.array([[0.24, 0.36, 0.30, 0.10], [0.26, 0.34, 0.30, 0.10]])
    assert least_costly(chances, PRIORITY, StepCosts(3.0, 1.0)).tolist() == [1, 0]


@given(_CHANCES)
def test_no_label_is_expected_to_cost_less(chances: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """The chosen label's expected cost, summed by hand, is the least of all."""
    chosen = int(least_costly(chances[None, :], PRIORITY, StepCosts(5.0, 2.0))[0])
    expected = [
        sum(
            chance * (5.0 * (said - right) if said > right else 2.0 * (right - said))
            for right, chance in enumerate(chances)
        )
        for said in range(4)
    ]
    assert expected[chosen] == pytest.approx(min(expected))


def test_advice_is_given_only_where_it_differs() -> None:
    """The label of least expected cost is named where it is not the most probable one, with its probability and why."""
    found = advice(PRIORITY, np.array([0.30, 0.20, 0.40, 0.10]))
    assert found is not None
    assert (found.label, found.probability) == ("urgent", 0.30)
    assert found.because == "expected to cost less than 'normal': each step too low costs 3, each step too high 1"
    assert advice(PRIORITY, np.array([0.05, 0.10, 0.75, 0.10])) is None


def test_nothing_is_advised_without_costs() -> None:
    """A target whose mistakes are not weighed has its most probable label and no other."""
    plain = Target("priority", TargetKind.ORDINAL, LABELS)
    assert advice(plain, np.array([0.30, 0.20, 0.40, 0.10])) is None
