"""What a promise buys on evidence, and that it is kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.decisions import effective_policy, runs_unattended
from features.errors import SettingsError
from features.evidence import Evidence
from features.promises import Division, Promise, exact_interval, offer
from features.thresholds import least_tickets, threshold_row


def _evidence(confidence: np.ndarray, wrong: np.ndarray) -> Evidence:
    probabilities = np.column_stack([confidence, 1 - confidence])
    return Evidence(("high", "low"), probabilities, wrong.astype(np.int32), np.full(len(wrong), "en"))


def _calibrated(count: int, seed: int, *, sureness: float = 6.0) -> Evidence:
    """Tickets that are wrong as often as their confidence says, or more often."""
    random = np.random.default_rng(seed)
    confidence = 0.5 + random.beta(sureness, 1.0, count) / 2
    return _evidence(confidence, random.random(count) < 1.3 * (1 - confidence))


@pytest.mark.parametrize(("largest_error", "least"), [(0.05, 59), (0.02, 149)])
def test_so_many_error_free_tickets_are_the_least(largest_error: float, least: int) -> None:
    """59 error-free tickets allow a promise of 5 %, 149 one of 2 %; one fewer allows none, and the reason is told."""
    assert least_tickets(largest_error, doubt=0.05) == least
    enough, few = (_evidence(np.full(count, 0.99), np.zeros(count)) for count in (least, least - 1))
    assert offer(enough, Promise(largest_error)).is_given
    refused = offer(few, Promise(largest_error))
    assert not refused.is_given
    assert f"{least} error-free tickets" in refused.because


def test_a_promise_is_kept_with_its_confidence() -> None:
    """Of 300 promises made on 400 tickets no more than 5 % are broken by the true error rate, and most are made."""
    largest, broken, made = 0.05, 0, 0
    grid = np.linspace(0.5, 1, 20001)[1:-1]
    density = (2 * (grid - 0.5)) ** 5
    for seed in range(300):
        threshold = offer(_calibrated(400, seed), Promise(largest)).autofill_from
        if threshold is not None:
            above = grid >= threshold
            made += 1
            broken += float((1.3 * (1 - grid[above]) * density[above]).sum() / density[above].sum()) > largest
    assert made > 150
    assert broken <= 0.05 * 300


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 300))
def test_the_row_of_thresholds_depends_on_no_ticket(seed: int, count: int) -> None:
    """Whatever the evidence, a threshold comes from the row that the error rate alone makes, and all of it is used."""
    made = offer(_calibrated(count, seed), Promise(0.1))
    assert made.autofill_from is None or made.autofill_from in threshold_row(0.1)
    assert made.is_given != bool(made.because)
    assert made.total.unattended == sum(portion.unattended for portion in made.labels)
    assert made.total.unattended == sum(portion.unattended for portion in made.languages)


def test_an_offer_is_told_in_tickets() -> None:
    """A lead reads what runs unattended a week and how much of it is wrong at most."""
    made = offer(_evidence(np.full(200, 0.99), np.zeros(200)), Promise(0.05))
    assert made.per_week(900).sentence == "Of 900 a week, 900 run unattended, at most 45 wrong."


def test_urgent_tickets_put_lower_are_promised_apart() -> None:
    """However few are wrong in all, no promise is made where too many urgent tickets are put lower unattended."""
    confidence = np.full(2000, 0.99)
    promise = Promise(0.1, urgent_labels=("low",), largest_understated=0.05)
    wrong = np.arange(2000) < 100
    assert offer(_evidence(confidence, wrong), Promise(0.1)).is_given
    refused = offer(_evidence(confidence, wrong), promise)
    assert not refused.is_given
    few = offer(_evidence(confidence, np.arange(2000) < 40), promise)
    assert "it takes 59 of them at least, the evidence has 40" in few.because


def test_each_label_keeps_a_promise_for_itself() -> None:
    """Where the promise is for each label, one whose evidence does not suffice never runs unattended."""
    evidence = _evidence(np.full(500, 0.99), np.zeros(500))
    policy = effective_policy(evidence, Promise(0.05, division=Division.EACH_LABEL))
    assert policy.threshold_of("high") is not None
    assert policy.threshold_of("low") is None
    assert runs_unattended(evidence, policy).all()


@pytest.mark.parametrize(
    "stated",
    [{"largest_error": 0.0}, {"largest_error": 0.1, "confidence": 1.0}, {"largest_error": 0.1, "made_at_once": 0}],
)
def test_a_promise_that_is_none_is_refused(stated: dict[str, float]) -> None:
    """A share or a confidence that means nothing is refused with what was expected."""
    with pytest.raises(SettingsError):
        Promise(**stated)  # type: ignore[arg-type]


def test_exact_intervals_are_those_of_the_textbook() -> None:
    """Three of ten: .067 to .652; none of ten ends at .308."""
    assert exact_interval(3, 10) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert exact_interval(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)
