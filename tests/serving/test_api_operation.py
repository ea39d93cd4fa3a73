"""How the service is looked after: readiness, metrics, and its description of itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema

from serving.settings import Settings
from tests.api_problems import TICKET, problem


def test_a_service_without_a_model_is_alive_but_not_ready(start_service: Callable[..., Any], registry: Any) -> None:
    """Without a model the service says why, and a ticket is told to come back."""
    registry.is_down = True
    service = start_service()
    assert service.get("/livez").status_code == 200
    why = problem(service.get("/readyz"), status=503)
    assert why["ready"] is False
    refused = service.post("/v1/score", json=TICKET)
    assert "does not answer" in problem(refused, status=503)["detail"]
    assert "does not answer" in problem(service.get("/readyz"), status=503)["because"]
    assert int(refused.headers["retry-after"]) >= 1
    problem(service.get("/v1/model"), status=503)


def test_a_service_is_ready_with_a_model(shared_service: Any) -> None:
    """With a model and a database the service is ready, and tells more when asked to."""
    assert shared_service.get("/readyz").json() == {"ready": True, "because": ""}
    for query in ("verbose", "verbose=true", "verbose=1"):
        (model,) = shared_service.get(f"/readyz?{query}").json()["models"]
        assert model == {"name": "ticket-triage", "version": "1", "last_failure": None}
    assert "models" not in shared_service.get("/readyz?verbose=false").json()


def test_without_its_database_the_service_answers_no_ticket_that_is_to_be_recorded(
    service: Any, settings: Settings
) -> None:
    """A database that is gone is a 503 with a time to come back, readiness says so, and nothing internal is told."""
    database = Path(settings.database_url.removeprefix("sqlite:///"))
    service.app.state.services.storage.close()
    for path in database.parent.glob("triage.db*"):
        path.unlink()
    database.mkdir()
    refused = service.post("/v1/score", json=TICKET)
    detail = problem(refused, status=503)["detail"]
    assert "database" in detail
    assert str(database) not in refused.text
    assert int(refused.headers["retry-after"]) >= 1
    problem(service.post("/v1/score", json=TICKET, headers={"Idempotency-Key": "k"}), status=503)
    problem(service.get("/readyz"), status=503)
    assert service.post("/v1/score?record=false", json=TICKET).status_code == 200


def test_the_metrics_tell_of_requests_tickets_and_decisions(service: Any) -> None:
    """After one ticket the counts show it; a path that nobody knows makes no metric of its own."""
    service.post("/v1/score", json=TICKET)
    service.get("/secret-admin-page")
    shown = service.get("/metrics")
    assert shown.headers["content-type"].startswith("text/plain")
    for line in (
        'triage_request_duration_seconds_count{method="POST",route="/v1/score",status="200"} 1.0',
        'triage_request_duration_seconds_count{method="GET",route="unknown",status="404"} 1.0',
        'triage_scored_tickets_total{language="ko",model="ticket-triage",version="1"} 1.0',
        'triage_model_info{alias="champion",model="ticket-triage",version="1"} 1.0',
        'triage_batch_size_count{batcher="recording"} 1.0',
    ):
        assert line in shown.text
    assert "secret-admin-page" not in shown.text
    assert 'triage_confidence_count{model="ticket-triage",target="category"} 1.0' in shown.text


def test_the_description_is_whole(shared_service: Any) -> None:
    """The OpenAPI description is of version 3.1, every reference leads somewhere, and every example fits its schema."""
    described = shared_service.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for reference in _references(described):
        assert reference.removeprefix("#/components/schemas/") in described["components"]["schemas"], reference
    seen = 0
    for operation in (operation for path in described["paths"].values() for operation in path.values()):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [response.get("content", {}) for response in operation["responses"].values()]
        for kind in (kind for content in contents for kind in content.values()):
            for example in kind.get("examples", {}).values():
                jsonschema.validate(example["value"], {**kind["schema"], "components": described["components"]})
                seen += 1
    assert seen >= 6


def test_every_example_is_a_request_that_works(shared_service: Any) -> None:
    """The examples of the description, in Korean and in English, are answered without a warning about their fields."""
    described = shared_service.get("/openapi.json").json()
    languages = set()
    for path in ("/v1/score", "/v1/score/batch"):
        examples = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        for example in examples.values():
            response = shared_service.post(f"{path}?record=false", json=example["value"])
            assert response.status_code == 200
            answers = response.json().get("answers", [response.json()])
            languages |= {answer["language"] for answer in answers if answer["ticket_id"]}
            assert not any("not known" in warning for answer in answers for warning in answer["warnings"])
    assert languages == {"ko", "en"}


def test_the_docs_are_served(shared_service: Any) -> None:
    """The page of the docs is there."""
    page = shared_service.get("/docs").text
    needed = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert any("swagger" in address for address in needed)
    assert all(address.startswith("/") and shared_service.get(address).status_code == 200 for address in needed)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
