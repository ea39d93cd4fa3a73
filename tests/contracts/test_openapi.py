"""The API as it describes itself: requests drawn from its description are answered without a failure of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from serving.app import create_app
from serving.settings import load_settings
from tests.running_service import FolderRegistry, Service

schemathesis = pytest.importorskip("schemathesis")

_EXAMPLES = 8


@pytest.fixture(scope="module")
def service(sample_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("openapi")
    registry = FolderRegistry(folder / "registry")
    registry.register(sample_bundle)
    running = Service(
        create_app(load_settings({"TRIAGE_VAR_DIR": str(folder / "var"), "TRIAGE_AUTH": "open"}), model_source=registry)
    )
    running.start()
    running.wait_until_ready()
    yield running
    running.stop()


def _operations(service: Service) -> Iterator[Any]:
    described = schemathesis.openapi.from_dict(service.get("/openapi.json").json())
    for found in described.get_all_operations():
        yield found.ok()


def _status(service: Service, case: Any) -> int:
    # A drawn key is nobody's; without one whoever is on this machine may ask.
    headers = {
        name: value for name, value in case.headers.items() if name.lower() not in ("authorization", "x-api-key")
    }
    body = {} if isinstance(case.body, schemathesis.core.NotSet) else {"json": case.body}
    sent = service.request(case.method, case.formatted_path, params=dict(case.query), headers=headers, **body)
    return sent.status_code


def test_no_described_request_fails(service: Service) -> None:
    """What the description allows is answered, with success or with a refusal, on every route that it names."""
    statuses: Counter[tuple[str, int]] = Counter()
    for operation in _operations(service):

        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy())
        def send(case: Any) -> None:
            status = _status(service, case)
            statuses[f"{case.method} {case.path}", status] += 1
            assert status < 500, f"{case.method} {case.path} with {case.body!r:.300}"

        send()
    routes = {route for route, _ in statuses}
    assert {"POST /v1/score", "POST /webhooks/{connection}"} <= routes
    assert any(route.startswith("POST") and status < 300 for route, status in statuses), statuses
