"""The shapes of replies, for the API's description; the replies themselves are made by `features.answers`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from features.decisions import DecisionKind
from features.taxonomy import TargetKind
from serving.served_models import ModelStatus


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnsweringModel(_Reply):
    """The registered model that answered."""

    name: str
    version: str
    alias: str = Field(description="Empty where the version was asked for by number.")


class Alternative(_Reply):
    """A less probable label."""

    label: str
    probability: float


class ReasonReply(_Reply):
    """A part of the ticket that speaks for the label."""

    text: str
    weight: float = Field(description="Fall of the label's log-odds when the part is deleted from the ticket.")


class AdviceReply(_Reply):
    """A less probable label that is expected to cost less, where a model weighs mistakes on a scale."""

    label: str
    probability: float
    because: str


class TargetAnswer(_Reply):
    """What the model says of one target; a target that failed alone has no label and abstains."""

    label: str | None
    probability: float | None = Field(
        description="Calibrated; with the alternatives' it sums to one. Null where a rule of the site set the label."
    )
    decision: DecisionKind
    because: str
    alternatives: list[Alternative]
    reasons: list[ReasonReply]
    advised: AdviceReply | None = Field(None, description="Absent unless it differs from the label.")
    set: list[str] | None = Field(
        None, description="The likely labels where a person decides: nine times in ten the right one is among them."
    )
    rule: str | None = Field(None, description="The rule of the site that set the label or held it back, if one did.")


class ArticleReply(_Reply):
    """An article that may solve the ticket."""

    id: str
    title: str
    url: str
    score: float


class SimilarTicketReply(_Reply):
    """A past ticket near to this one."""

    id: str
    score: float
    duplicate_probability: float | None = Field(
        description="How likely both tickets are about the same problem; null if not known."
    )
    labels: dict[str, str]
    article_ids: list[str]


class AnswerReply(_Reply):
    """The answer to one ticket."""

    ticket_id: str
    language: str
    novelty: float | None = Field(
        description="The share of held-out tickets that were more like the training tickets; null if not known."
    )
    model: AnsweringModel
    targets: dict[str, TargetAnswer]
    articles: list[ArticleReply]
    similar_tickets: list[SimilarTicketReply]
    warnings: list[str]


class AnswersReply(_Reply):
    """The answers to a batch, in the order of its tickets."""

    answers: list[AnswerReply]


class TargetReply(_Reply):
    """A target and its labels; those of a scale run from the most to the least pressing."""

    name: str
    kind: TargetKind
    labels: list[str]


class FailureReply(_Reply):
    """Why the last attempt to follow the registry failed."""

    at: datetime
    version: str
    because: str


class ModelReply(_Reply):
    """The model that answers, what it predicts and how well."""

    name: str
    version: str
    alias: str
    created_at: str
    loaded_at: datetime
    product_version: str
    feature_version: int
    recipe: dict[str, Any]
    seed: int
    data_fingerprint: str
    tickets: dict[str, int] = Field(description="Tickets read, left out, and in each part of the history.")
    languages: dict[str, int] = Field(description="Training tickets in each language.")
    targets: list[TargetReply]
    metrics: dict[str, Any] = Field(description="Held-out figures of each target, the plain baseline's beside them.")
    evidence: dict[str, Any] = Field(description="Summary of the held-out scores that thresholds may be chosen from.")
    last_failure: FailureReply | None = Field(description="Set while the registry cannot be followed.")


class ModelReadiness(_Reply):
    """Whether one model answers."""

    name: str
    version: str | None
    last_failure: FailureReply | None


class ReadyReply(_Reply):
    """Whether the service can answer, and why not."""

    ready: bool
    because: str = Field(description="Empty when ready.")
    models: list[ModelReadiness] | None = None


class FieldProblem(_Reply):
    """A field that cannot be understood."""

    field: str
    value: str
    reason: str


class ProblemReply(_Reply):
    """A failure, after RFC 9457."""

    model_config = ConfigDict(title="Problem")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] = Field([], description="Every field that cannot be understood, where that failed.")


def model_reply(status: ModelStatus) -> dict[str, Any]:
    """Return what GET /v1/model tells of a model that is loaded."""
    served = status.served
    assert served is not None
    manifest = served.bundle.manifest
    return {
        "name": served.identity.name,
        "version": served.identity.version,
        "alias": served.identity.alias,
        "created_at": str(manifest.created_at),
        "loaded_at": served.loaded_at.isoformat(),
        "product_version": manifest.product_version,
        "feature_version": manifest.feature_version,
        "recipe": manifest.recipe,
        "seed": manifest.seed,
        "data_fingerprint": manifest.data_fingerprint,
        "tickets": manifest.parts,
        "languages": manifest.languages,
        "targets": [
            {"name": target.name, "kind": target.kind.value, "labels": list(target.labels)}
            for target in served.bundle.targets
        ],
        "metrics": manifest.metrics,
        "evidence": served.bundle.evidence_summary(),
        "last_failure": _failure(status),
    }


def readiness(status: ModelStatus) -> dict[str, Any]:
    """Return what GET /readyz?verbose tells of a model."""
    version = status.served.identity.version if status.served else None
    return {"name": status.name, "version": version, "last_failure": _failure(status)}


def _failure(status: ModelStatus) -> dict[str, str] | None:
    failure = status.last_failure
    if failure is None:
        return None
    return {"at": failure.at.isoformat(), "version": failure.version, "because": failure.because}
