"""The sequential test of audits: valid at any time of looking, and in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.live_error import LiveError, audit_rate, audits_until_found, expected_audits

_COUNTS = st.integers(0, 400)


def _alarm(rate: float, *, audits: int, seed: int) -> int | None:
    """Return after how many audits the promise of 5 % is found broken, looking after each."""
    state = LiveError(0.05)
    for place, is_wrong in enumerate(np.random.default_rng(seed).random(audits) < rate, start=1):
        state = state.seen(wrong=int(is_wrong), right=int(not is_wrong))
        if state.is_breached:
            return place
    return None


def test_a_kept_promise_is_hardly_ever_found_broken() -> None:
    """With the error just as promised, 200 runs of 300 looks raise an alarm in no more than one of twenty."""
    assert sum(_alarm(0.05, audits=300, seed=seed) is not None for seed in range(200)) <= 10


def test_a_broken_promise_is_found_within_the_stated_audits() -> None:
    """Three times as many wrong as promised are found by nine of ten within the audits that the plan states."""
    needed = audits_until_found(0.05, breach=0.15)
    found = [_alarm(0.15, audits=needed, seed=seed) for seed in range(100)]
    assert sum(each is not None for each in found) >= 82
    assert expected_audits(0.05, breach=0.15) < needed


@given(_COUNTS, _COUNTS)
def test_the_interval_holds_the_rate_and_agrees_with_the_alarm(wrong: int, right: int) -> None:
    """The observed rate lies in the interval, and an alarm is raised just where the lower bound exceeds the promise."""
    state = LiveError(0.05, wrong=wrong, right=right)
    low, high = state.interval
    assert 0 <= low <= high <= 1
    assert state.rate is None or low <= state.rate <= high
    assert abs(state.at_least - 0.05) < 1e-6 or state.is_breached == (state.at_least > 0.05)
    assert LiveError.from_plain(state.to_plain()) == state


def test_the_interval_holds_at_all_times_together() -> None:
    """In no more than one of twenty runs the interval ever misses the true rate, looked at after every audit."""
    missed = 0
    for seed in range(60):
        state, ever = LiveError(0.05), False
        for is_wrong in np.random.default_rng([7, seed]).random(120) < 0.2:
            state = state.seen(wrong=int(is_wrong), right=int(not is_wrong))
            ever = ever or not state.interval[0] <= 0.2 <= state.interval[1]
        missed += ever
    assert missed <= 3


def test_a_plan_states_what_it_takes() -> None:
    """A breach to be found sooner takes a higher rate; one that cannot be found in time is said to be out of reach."""
    soon, late = (audit_rate(540, 0.15, tickets, promised=0.05) for tickets in (300, 1000))
    assert 1 > soon.rate > late.rate > 0
    assert soon.audits_a_week == pytest.approx(540 * soon.rate)
    assert soon.is_reachable
    assert not audit_rate(540, 0.06, 100, promised=0.05).is_reachable
