"""What may be done with a prediction: the policy that follows from a promise, and the decision.

Pure: evidence, promise and state come in as values, a decision goes out as a value. Must not know the mode of a
connection, which may only weaken a decision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.evidence import Evidence
from features.predictions import Prediction
from features.promises import Promise, offer

# Below even odds a suggestion is more likely wrong than right, and reading it costs more than it helps.
SUGGEST_FROM = 0.5
# Less like the training tickets than 99 of 100 held-out tickets are.
UNSEEN_FROM = 0.99


class DecisionKind(StrEnum):
    """The model's decision for one target of one ticket."""

    AUTOFILL = "autofill"
    SUGGEST = "suggest"
    ABSTAIN = "abstain"


class PolicyState(StrEnum):
    """Whether a promise is acted on: fallen back after a breach that audits found, or switched off by a person."""

    RUNNING = "running"
    FALLEN_BACK = "fallen_back"
    OFF = "off"


_WITHHELD = {
    PolicyState.RUNNING: "no promise has been made for this target",
    PolicyState.FALLEN_BACK: "audits found the promise broken: nothing runs unattended until a person resumes it",
    PolicyState.OFF: "a person has switched unattended decisions off for this target",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds in force for one target; no `autofill_from` means that nothing runs unattended.

    Where `autofill_from_by_label` is not empty it takes the place of `autofill_from`: a label that it lacks never runs
    unattended. `withheld` says why nothing does where a promise was made and the evidence does not suffice for it.
    """

    suggest_from: float = SUGGEST_FROM
    autofill_from: float | None = None
    autofill_from_by_label: Mapping[str, float] = field(default_factory=dict)
    state: PolicyState = PolicyState.RUNNING
    withheld: str = ""

    def threshold_of(self, label: str) -> float | None:
        """Return from which probability on a label runs unattended, or None where it never does."""
        if self.state is not PolicyState.RUNNING:
            return None
        return self.autofill_from_by_label.get(label) if self.autofill_from_by_label else self.autofill_from

    def because_withheld(self, label: str) -> str:
        """Return the sentence that says why a label never runs unattended."""
        if self.state is PolicyState.RUNNING and self.autofill_from_by_label:
            return f"the promise cannot be kept for '{label}'"
        return (
            _WITHHELD[self.state] if self.state is not PolicyState.RUNNING else self.withheld or _WITHHELD[self.state]
        )

    @property
    def version(self) -> str:
        """A short text that changes with what the policy does: equal policies have equal versions."""
        written = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(written.encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """Return the policy as plain values."""
        return {
            "suggest_from": self.suggest_from,
            "autofill_from": self.autofill_from,
            "autofill_from_by_label": dict(self.autofill_from_by_label),
            "state": self.state.value,
            "withheld": self.withheld,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Policy:
        """Rebuild from what `to_json` gave."""
        return cls(**{**plain, "state": PolicyState(plain["state"])})


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision and the sentence that says why."""

    kind: DecisionKind
    because: str


WITHOUT_PROMISE = Policy()


def effective_policy(evidence: Evidence, promise: Promise | None, state: PolicyState = PolicyState.RUNNING) -> Policy:
    """Return the policy that follows for a target from its evidence, the promise made for it and its state."""
    if promise is None:
        return Policy(state=state)
    made = offer(evidence, promise)
    return Policy(
        autofill_from=made.autofill_from,
        autofill_from_by_label=made.autofill_from_by_label,
        state=state,
        withheld=made.because,
    )


def runs_unattended(evidence: Evidence, policy: Policy) -> NDArray[np.bool_]:
    """Return which tickets of the evidence a policy would have decided unattended, as far as thresholds go."""
    thresholds = [policy.threshold_of(label) for label in evidence.labels]
    limits = np.array([np.inf if threshold is None else threshold for threshold in thresholds])
    limits = np.maximum(limits, policy.suggest_from)
    return np.asarray(evidence.confidence >= limits[evidence.predicted])


def decide(
    prediction: Prediction,
    policy: Policy = WITHOUT_PROMISE,
    *,
    out_of_scope: str = "",
    novelty: float | None = None,
) -> Decision:
    """Return what may be done with a prediction under a policy; `out_of_scope` says why nothing may, if so.

    A ticket whose `novelty` is at `UNSEEN_FROM` or above never runs unattended: a promise holds for tickets like those
    that the evidence was taken from. Neither does one for which the costs advise another label.
    """
    if out_of_scope:
        return Decision(DecisionKind.ABSTAIN, out_of_scope)
    probability = prediction.probability
    if probability < policy.suggest_from:
        return Decision(DecisionKind.ABSTAIN, f"below {policy.suggest_from:.2f}: more likely wrong than right")
    autofill_from = policy.threshold_of(prediction.label)
    if autofill_from is None:
        return Decision(DecisionKind.SUGGEST, policy.because_withheld(prediction.label))
    if probability < autofill_from:
        return Decision(DecisionKind.SUGGEST, f"below the threshold {_written(autofill_from)}")
    if prediction.advised is not None:
        return Decision(DecisionKind.SUGGEST, f"'{prediction.advised.label}' is {prediction.advised.because}")
    if novelty is not None and novelty >= UNSEEN_FROM:
        return Decision(DecisionKind.SUGGEST, "unlike the tickets that the model was trained on")
    return Decision(DecisionKind.AUTOFILL, f"at or above the threshold {_written(autofill_from)}")


def _written(threshold: float) -> str:
    """Return a threshold with as many decimals as it has, two at least: rounded, its sentence could be untrue."""
    return np.format_float_positional(threshold, precision=4, min_digits=2)
