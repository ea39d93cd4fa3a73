"""A place on the line of a scale: probabilities that sum to one, keep the order, and survive far-out places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.ordinal import OrdinalScale

_PLACES = st.lists(st.floats(-400, 400), min_size=1, max_size=5)
_THRESHOLDS = st.lists(st.floats(0.05, 5), min_size=1, max_size=5).map(lambda steps: np.cumsum(steps) - sum(steps) / 2)


def _scale(thresholds: NDArray[np.float64], *, weight: float = 1.0) -> OrdinalScale:
    return OrdinalScale(np.zeros(2, np.float32), thresholds, weight)


@given(_PLACES, _THRESHOLDS)
def test_probabilities_of_a_place_sum_to_one(places: list[float], thresholds: NDArray[np.float64]) -> None:
    """Wherever a ticket stands, the labels' probabilities are finite in logarithms and sum to one."""
    found = _scale(thresholds).log_probabilities(np.array(places))
    assert found.shape == (len(places), len(thresholds) + 1)
    assert np.isfinite(found).all()
    assert np.exp(found).sum(axis=1) == pytest.approx(np.ones(len(places)))


@given(st.floats(-30, 30), st.floats(0, 30), _THRESHOLDS)
def test_moving_on_never_makes_a_ticket_less_pressing(
    place: float, further: float, thresholds: NDArray[np.float64]
) -> None:
    """For every label, at least this pressing is no less probable further along the line."""
    at_least = np.exp(_scale(thresholds).log_probabilities(np.array([place, place + further]))).cumsum(axis=1)
    assert (at_least[1] >= at_least[0] - 1e-9).all()


def test_the_thresholds_part_the_labels() -> None:
    """At minus a threshold the labels on its two sides are equally probable together."""
    found = np.exp(_scale(np.array([-2.0, 1.0])).log_probabilities(np.array([2.0, -1.0])))
    assert found[0, 0] == pytest.approx(0.5)
    assert found[1, 2] == pytest.approx(0.5)


@given(st.floats(-20, 20), _THRESHOLDS)
def test_slopes_are_what_a_small_move_changes(place: float, thresholds: NDArray[np.float64]) -> None:
    """The slope of each label's log-probability is the change over a step, divided by the step."""
    scale, step = _scale(thresholds), 1e-5
    before, after = scale.log_probabilities(np.array([place - step, place + step]))
    assert scale.slopes(place) == pytest.approx((after - before) / (2 * step), abs=1e-4)


def test_the_pool_hears_the_scale_by_its_weight() -> None:
    """What the scale adds to the scores is its log-probabilities times its weight."""
    places, thresholds = np.array([0.3, -1.0]), np.array([-1.0, 1.0])
    plain = _scale(thresholds).log_probabilities(places)
    assert _scale(thresholds, weight=0.4).scores(places) == pytest.approx(0.4 * plain)
