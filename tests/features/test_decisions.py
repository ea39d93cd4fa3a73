"""What may be done with a prediction, by the thresholds alone."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.decisions import WITHOUT_PROMISE, DecisionKind, Policy, PolicyState, decide
from features.predictions import Advice, Prediction, RankedLabel

_CHANCES = st.floats(0, 1)


def _prediction(probability: float) -> Prediction:
    return Prediction("category", (RankedLabel("network", probability), RankedLabel("account", 1 - probability)))


@pytest.mark.parametrize(
    ("probability", "policy", "kind", "because"),
    [
        (0.49, WITHOUT_PROMISE, DecisionKind.ABSTAIN, "below 0.50: more likely wrong than right"),
        (0.50, WITHOUT_PROMISE, DecisionKind.SUGGEST, "no promise has been made for this target"),
        (1.00, WITHOUT_PROMISE, DecisionKind.SUGGEST, "no promise has been made for this target"),
        (0.91, Policy(autofill_from=0.95), DecisionKind.SUGGEST, "below the threshold 0.95"),
        (0.95, Policy(autofill_from=0.95), DecisionKind.AUTOFILL, "at or above the threshold 0.95"),
        (0.30, Policy(autofill_from=0.2), DecisionKind.ABSTAIN, "below 0.50: more likely wrong than right"),
        (0.30, Policy(suggest_from=0.2), DecisionKind.SUGGEST, "no promise has been made for this target"),
    ],
)
def test_a_decision_follows_the_thresholds(
    probability: float, policy: Policy, kind: DecisionKind, because: str
) -> None:
    """Below the first threshold the model abstains, from the second on it may act, between them it suggests."""
    decision = decide(_prediction(probability), policy)
    assert (decision.kind, decision.because) == (kind, because)


def test_nothing_runs_unattended_without_a_promise() -> None:
    """However sure the model is, it only suggests until a lead has made a promise."""
    assert decide(_prediction(1.0)).kind is DecisionKind.SUGGEST


@given(low=_CHANCES, high=_CHANCES, suggest_from=_CHANCES, autofill_from=st.none() | _CHANCES)
def test_more_confidence_never_weakens_a_decision(
    low: float, high: float, suggest_from: float, autofill_from: float | None
) -> None:
    """Of two predictions the more probable one gets at least as strong a decision."""
    strength = [DecisionKind.ABSTAIN, DecisionKind.SUGGEST, DecisionKind.AUTOFILL]
    policy = Policy(suggest_from, autofill_from)
    weaker, stronger = (decide(_prediction(chance), policy).kind for chance in sorted((low, high)))
    assert strength.index(weaker) <= strength.index(stronger)


@pytest.mark.parametrize("probability", [0.4999, 0.9499])
def test_a_sentence_is_true_as_written(probability: float) -> None:
    """A probability just below a threshold is not rounded up to it: the sentence names the threshold alone."""
    sentence = decide(_prediction(probability), Policy(autofill_from=0.95)).because
    assert re.findall(r"\d\.\d+", sentence) == [f"{0.5 if probability < 0.5 else 0.95:.2f}"]


@given(probability=_CHANCES, autofill_from=st.none() | _CHANCES)
def test_out_of_scope_is_always_left_to_a_person(probability: float, autofill_from: float | None) -> None:
    """However sure the model is of a machine's mail, it abstains and says why."""
    decision = decide(_prediction(probability), Policy(0.0, autofill_from), out_of_scope="out of scope: newsletter")
    assert (decision.kind, decision.because) == (DecisionKind.ABSTAIN, "out of scope: newsletter")


def test_nothing_runs_unattended_against_the_advice() -> None:
    """Where costs advise another label the most probable one is suggested at most, however sure the model is."""
    advised = replace(_prediction(0.97), advised=Advice("account", 0.03, "expected to cost less than 'network'"))
    assert decide(advised, Policy(autofill_from=0.9)).kind is DecisionKind.SUGGEST
    assert decide(_prediction(0.97), Policy(autofill_from=0.9)).kind is DecisionKind.AUTOFILL


@pytest.mark.parametrize("state", [PolicyState.FALLEN_BACK, PolicyState.OFF])
def test_nothing_runs_unattended_unless_the_policy_is_running(state: PolicyState) -> None:
    """After a breach, or switched off by a person, the surest prediction is suggested, and why is told."""
    policy = Policy(autofill_from=0.9, state=state)
    decision = decide(_prediction(1.0), policy)
    assert decision.kind is DecisionKind.SUGGEST
    assert decision.because != decide(_prediction(1.0)).because
    assert policy.version != Policy(autofill_from=0.9).version
    assert Policy.from_json(policy.to_json()) == policy


def test_a_label_without_a_threshold_is_suggested() -> None:
    """Where labels have thresholds of their own, one that has none never runs unattended."""
    assert decide(_prediction(1.0), Policy(autofill_from_by_label={"network": 0.9})).kind is DecisionKind.AUTOFILL
    assert decide(_prediction(1.0), Policy(autofill_from_by_label={"account": 0.9})).kind is DecisionKind.SUGGEST
