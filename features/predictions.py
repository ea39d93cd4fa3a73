"""What a model says of a ticket: ranked labels with reasons, articles and similar tickets.

Knows nothing of decisions: what may be done with a prediction is `features.decisions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankedLabel:
    """A label and its calibrated probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of the ticket that speaks for the predicted label.

    `weight` is the fall of the label's log-odds when the part is deleted from the ticket (natural
    logarithm): it can be checked by deleting the part and scoring again.
    """

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Advice:
    """A label that is not the most probable one, yet is expected to cost less, and the sentence that says why."""

    label: str
    probability: float
    because: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """The labels of one target, most probable first; their probabilities sum to one.

    `advised` is there where the costs of mistakes speak for another label than the most probable one.
    """

    target: str
    ranking: tuple[RankedLabel, ...]
    reasons: tuple[Reason, ...] = ()
    advised: Advice | None = None

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.ranking[0].label

    @property
    def probability(self) -> float:
        """The probability of the most probable label."""
        return self.ranking[0].probability


@dataclass(frozen=True, slots=True)
class RankedArticle:
    """An article that may solve the ticket; `score` orders articles and lies between 0 and 1."""

    id: str
    title: str
    url: str
    score: float
    audience: str


@dataclass(frozen=True, slots=True)
class SimilarTicket:
    """A past ticket near to this one; `score` is a cosine between 0 and 1.

    `duplicate_probability` is the probability that both are about the same problem, where it is known.
    """

    id: str
    score: float
    labels: Mapping[str, str]
    article_ids: tuple[str, ...]
    group: str
    duplicate_probability: float | None = None


@dataclass(frozen=True, slots=True)
class ScoredTicket:
    """All that a model says of one ticket.

    `predictions` holds the targets that were scored; `failures` names, for a target that failed
    alone, why. `out_of_scope` says what the ticket is where no person wrote it to ask for help, and is empty
    otherwise. `novelty` is the share of held-out tickets that were more like the training tickets than this
    one, if the model can tell. `warnings` are sentences for the caller.
    """

    ticket_id: str
    language: str
    predictions: Mapping[str, Prediction]
    failures: Mapping[str, str]
    articles: tuple[RankedArticle, ...] = ()
    similar_tickets: tuple[SimilarTicket, ...] = ()
    warnings: tuple[str, ...] = ()
    out_of_scope: str = ""
    novelty: float | None = None
