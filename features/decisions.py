"""What may be done with a prediction: the promise a lead makes, the policy that follows, the decision.

Pure: evidence and promise come in as values, a decision goes out as a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from features.predictions import Prediction

# Below even odds a suggestion is more likely wrong than right, and reading it costs more than it helps.
SUGGEST_FROM = 0.5
# Less like the training tickets than 99 of 100 held-out tickets are.
UNSEEN_FROM = 0.99


class DecisionKind(StrEnum):
    """The model's decision for one target of one ticket."""

    AUTOFILL = "autofill"
    SUGGEST = "suggest"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds in force for one target; no `autofill_from` means that nothing runs unattended."""

    suggest_from: float = SUGGEST_FROM
    autofill_from: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision and the sentence that says why."""

    kind: DecisionKind
    because: str


WITHOUT_PROMISE = Policy()


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
    if policy.autofill_from is None:
        return Decision(DecisionKind.SUGGEST, "no promise has been made for this target")
    if probability < policy.autofill_from:
        return Decision(DecisionKind.SUGGEST, f"below the threshold {policy.autofill_from:.2f}")
    if prediction.advised is not None:
        return Decision(DecisionKind.SUGGEST, f"'{prediction.advised.label}' is {prediction.advised.because}")
    if novelty is not None and novelty >= UNSEEN_FROM:
        return Decision(DecisionKind.SUGGEST, "unlike the tickets that the model was trained on")
    return Decision(DecisionKind.AUTOFILL, f"at or above the threshold {policy.autofill_from:.2f}")
