"""The answer that a caller gets for a ticket: one JSON shape for the API, the command line and MLflow's server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from features.decisions import WITHOUT_PROMISE, Decision, DecisionKind, Policy, decide
from features.predictions import Prediction, ScoredTicket


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which registered model answered; an empty alias means that the version was asked for by number."""

    name: str
    version: str
    alias: str = ""


def answer(
    scored: ScoredTicket, *, model: ModelIdentity, policies: Mapping[str, Policy] | None = None
) -> dict[str, Any]:
    """Return the JSON answer for a scored ticket, each target decided under its policy.

    A target that failed alone abstains with the reason; the others stand. All abstain where the ticket is out of scope.
    """
    policies = policies or {}
    targets = {
        name: _target_json(
            prediction,
            decide(
                prediction,
                policies.get(name, WITHOUT_PROMISE),
                out_of_scope=scored.out_of_scope,
                novelty=scored.novelty,
            ),
        )
        for name, prediction in scored.predictions.items()
    }
    for name, failure in scored.failures.items():
        targets[name] = {
            "label": None,
            "probability": None,
            "decision": DecisionKind.ABSTAIN.value,
            "because": failure,
            "alternatives": [],
            "reasons": [],
        }
    return {
        "ticket_id": scored.ticket_id,
        "language": scored.language,
        "novelty": scored.novelty,
        "model": {"name": model.name, "version": model.version, "alias": model.alias},
        "targets": targets,
        "articles": [
            {"id": article.id, "title": article.title, "url": article.url, "score": article.score}
            for article in scored.articles
        ],
        "similar_tickets": [
            {
                "id": similar.id,
                "score": similar.score,
                "duplicate_probability": similar.duplicate_probability,
                "labels": dict(similar.labels),
                "article_ids": list(similar.article_ids),
            }
            for similar in scored.similar_tickets
        ],
        "warnings": [*scored.warnings, *([f"The ticket is {scored.out_of_scope}."] if scored.out_of_scope else [])],
    }


def _target_json(prediction: Prediction, decision: Decision) -> dict[str, Any]:
    advised = prediction.advised
    return {
        "label": prediction.label,
        "probability": prediction.probability,
        "decision": decision.kind.value,
        "because": decision.because,
        "alternatives": [
            {"label": ranked.label, "probability": ranked.probability} for ranked in prediction.ranking[1:]
        ],
        "reasons": [{"text": reason.text, "weight": reason.weight} for reason in prediction.reasons],
        **({} if advised is None else {"advised": asdict(advised)}),
    }
