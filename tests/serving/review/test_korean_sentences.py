"""Reasons in Korean: each sentence that the service can give, as it is really made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from features.costs import advice
from features.decisions import Policy, PolicyState, decide
from features.evidence import Evidence
from features.out_of_scope import OutOfScope, OutOfScopeKind
from features.predictions import Prediction, RankedLabel
from features.promises import Promise, offer
from features.taxonomy import StepCosts, target_from_labels
from features.tickets import Requester, Ticket
from serving.oversight.rules import Rule, SiteRules, When, apply_rules
from serving.review.korean_sentences import in_korean
from serving.review.words import Words
from serving.storage.policies import OffSwitch, OffSwitchKind
from tests.review_desk import START, targets

LABELS = ("urgent", "high", "low")


def evidence(tickets: int, *, wrong: int = 0, confidence: float = 0.99) -> Evidence:
    """Return evidence of which the first tickets are urgent and the last predicted wrong."""
    actual = np.array([0] * 10 + [1] * (tickets - 10))
    predicted = np.where(np.arange(tickets) >= tickets - wrong, 2, actual)
    probabilities = np.full((tickets, 3), (1 - confidence) / 2)
    probabilities[np.arange(tickets), predicted] = confidence
    return Evidence(LABELS, probabilities, actual, np.full(tickets, "ko"))


def of_promises() -> Iterator[str]:
    """Return why no promise is given: too few sure tickets, too few urgent ones, too many errors."""
    yield offer(evidence(40), Promise(0.05)).because
    yield offer(evidence(2_000), Promise(0.1, urgent_labels=("urgent",), largest_understated=0.02)).because
    yield offer(evidence(2_000, wrong=400), Promise(0.05)).because


def of_decisions() -> Iterator[str]:
    """Return why a prediction may run unattended, or may not."""
    sure, unsure, doubtful = (Prediction("priority", (RankedLabel("low", share),)) for share in (0.97, 0.7, 0.3))
    running = Policy(autofill_from=0.9)
    target = target_from_labels("priority", LABELS)
    advised = advice(replace(target, costs=StepCosts(5.0, 1.0)), np.array([0.3, 0.1, 0.6]))
    assert advised is not None
    yield decide(sure).because
    for state in (PolicyState.FALLEN_BACK, PolicyState.OFF):
        yield decide(sure, Policy(autofill_from=0.9, state=state)).because
    yield decide(sure, Policy(autofill_from_by_label={"high": 0.9})).because
    for prediction in (sure, unsure, doubtful):
        yield decide(prediction, running).because
    yield decide(replace(sure, advised=advised), running).because
    yield decide(sure, running, novelty=1.0).because
    for kind in OutOfScopeKind:
        yield decide(sure, running, out_of_scope=str(OutOfScope(kind, "its header Auto-Submitted"))).because


def of_rules() -> Iterator[str]:
    """Return what rules and off-switches say."""
    ticket = Ticket(id="1", body="ransomware", requester=Requester(id="kim"), group="network-ops")
    given = {name: {**told, "decision": "autofill"} for name, told in targets().items()}
    forcing = Rule("attack", When(words=("ransomware",)), force={"group": "security"})
    forbidding = Rule("attack", When(words=("ransomware",)), never_unattended=("category",))
    values = {OffSwitchKind.CATEGORY: "network", OffSwitchKind.GROUP: "network-ops", OffSwitchKind.REQUESTER: "kim"}
    switches = [OffSwitch("helpdesk", kind, value, "", START) for kind, value in values.items()]
    for rules in (SiteRules((forcing,)), SiteRules((forbidding,)), *(SiteRules((), (one,)) for one in switches)):
        answer = apply_rules({"targets": given}, ticket, rules, now=START)
        changed = [one["because"] for name, one in answer["targets"].items() if one["because"] != "below the threshold"]
        assert changed, rules
        yield from changed


@pytest.mark.parametrize("sentences", [of_promises, of_decisions, of_rules])
def test_every_reason_is_told_in_korean(sentences: Callable[[], Iterator[str]]) -> None:
    """Each has Hangul, keeps its numbers, and leaves no English word but labels and names."""
    for sentence in sentences():
        korean = Words("ko").reason(sentence)
        assert re.search("[가-힣]", korean), sentence
        numbers = re.findall(r"\d[\d,.]*\d|\d", sentence.split(", told by")[0])
        assert sorted(re.findall(r"\d[\d,.]*\d|\d", korean)) == sorted(numbers), korean
        english = set(re.findall("[a-z]{3,}", korean))
        assert english <= {"urgent", "high", "low", "attack", "network", "network-ops", "ops"}, korean
        assert Words("en").reason(sentence) == sentence


def test_what_a_person_wrote_stays() -> None:
    """A sentence that is none of the service's own is left as it is."""
    for sentence in ("mended after the outage", "", "below the threshold of pain", "the rule says so"):
        assert in_korean(sentence) == sentence
