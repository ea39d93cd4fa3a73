"""The answer for a ticket: the JSON that the API, the command line and MLflow's server share."""

from __future__ import annotations

import json
from dataclasses import replace

from features.answers import ModelIdentity, answer
from features.decisions import Policy
from features.predictions import Advice, Prediction, RankedArticle, RankedLabel, Reason, ScoredTicket, SimilarTicket

MODEL = ModelIdentity("ticket-triage", "3", "champion")
SCORED = ScoredTicket(
    ticket_id="42",
    language="ko",
    predictions={
        "category": Prediction(
            "category",
            (RankedLabel("network", 0.91), RankedLabel("account", 0.05), RankedLabel("메일", 0.04)),
            (Reason("vpn", 1.7),),
        ),
        "priority": Prediction("priority", (RankedLabel("high", 0.4), RankedLabel("low", 0.35))),
    },
    failures={"tier": "the model could not score this target for this ticket"},
    articles=(RankedArticle("KB-12", "VPN이 끊길 때", "https://kb.example/12", 0.83, "security"),),
    similar_tickets=(
        SimilarTicket("17", 0.77, {"category": "network"}, ("KB-12",), "security", duplicate_probability=0.64),
        SimilarTicket("18", 0.31, {}, (), ""),
    ),
    warnings=("The field 'via' is not known and was ignored.",),
    novelty=0.25,
)


def test_an_answer_has_the_shape_that_is_documented() -> None:
    """Labels with alternatives and reasons, articles, similar tickets and the model's identity stand in one JSON."""
    assert answer(SCORED, model=MODEL, policies={"category": Policy(autofill_from=0.95)}) == {
        "ticket_id": "42",
        "language": "ko",
        "novelty": 0.25,
        "model": {"name": "ticket-triage", "version": "3", "alias": "champion"},
        "targets": {
            "category": {
                "label": "network",
                "probability": 0.91,
                "decision": "suggest",
                "because": "below the threshold 0.95",
                "alternatives": [{"label": "account", "probability": 0.05}, {"label": "메일", "probability": 0.04}],
                "reasons": [{"text": "vpn", "weight": 1.7}],
            },
            "priority": {
                "label": "high",
                "probability": 0.4,
                "decision": "abstain",
                "because": "below 0.50: more likely wrong than right",
                "alternatives": [{"label": "low", "probability": 0.35}],
                "reasons": [],
            },
            "tier": {
                "label": None,
                "probability": None,
                "decision": "abstain",
                "because": "the model could not score this target for this ticket",
                "alternatives": [],
                "reasons": [],
            },
        },
        "articles": [{"id": "KB-12", "title": "VPN이 끊길 때", "url": "https://kb.example/12", "score": 0.83}],
        "similar_tickets": [
            {
                "id": "17",
                "score": 0.77,
                "duplicate_probability": 0.64,
                "labels": {"category": "network"},
                "article_ids": ["KB-12"],
            },
            {"id": "18", "score": 0.31, "duplicate_probability": None, "labels": {}, "article_ids": []},
        ],
        "warnings": ["The field 'via' is not known and was ignored."],
    }


def test_an_answer_is_written_and_read_as_json() -> None:
    """All of an answer is plain values, so that writing it as JSON loses nothing."""
    content = answer(SCORED, model=MODEL)
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_each_target_is_decided_under_its_own_policy() -> None:
    """A policy for one target leaves the others without a promise."""
    targets = answer(SCORED, model=MODEL, policies={"category": Policy(autofill_from=0.9)})["targets"]
    assert [targets[name]["decision"] for name in ("category", "priority")] == ["autofill", "abstain"]
    assert answer(SCORED, model=MODEL)["targets"]["category"]["decision"] == "suggest"


def test_who_may_see_is_not_shown() -> None:
    """An audience and a group decide who sees a hint; they are no part of it."""
    assert "security" not in json.dumps(answer(SCORED, model=MODEL))


def test_nothing_is_done_with_a_ticket_out_of_scope() -> None:
    """Every target of a machine's mail abstains with the reason, whatever the promise, and a warning says so."""
    sentence = "out of scope: newsletter, told by its header 'list-unsubscribe-post'"
    content = answer(
        replace(SCORED, out_of_scope=sentence), model=MODEL, policies={"category": Policy(autofill_from=0.5)}
    )
    for name in ("category", "priority"):
        assert (content["targets"][name]["decision"], content["targets"][name]["because"]) == ("abstain", sentence)
    assert content["targets"]["category"]["label"] == "network"
    assert content["warnings"][-1] == f"The ticket is {sentence}."
    assert list(content) == list(answer(SCORED, model=MODEL))


def test_an_advised_label_stands_beside_the_most_probable_one() -> None:
    """Both are visible where they differ, and nothing is added where they do not."""
    advice = Advice("urgent", 0.25, "expected to cost less than 'high'")
    priority = replace(SCORED.predictions["priority"], advised=advice)
    told = answer(replace(SCORED, predictions={"priority": priority}), model=MODEL)["targets"]["priority"]
    assert told["label"] == "high"
    assert told["advised"] == {"label": "urgent", "probability": 0.25, "because": advice.because}
    assert "advised" not in answer(SCORED, model=MODEL)["targets"]["priority"]
