"""The API as it describes itself: requests drawn from its description are answered without a failure of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from serving.app import create_app
from serving.settings import load_settings
from tests.review_desk import make_item, scored
from tests.running_service import FolderRegistry, Service
from tests.webhook_bodies import HELPDESKS, WebhookBodies, connections_to, encoded, sent_by, taking_in

schemathesis = pytest.importorskip("schemathesis")

_EXAMPLES = 8
_WEBHOOK, _FEEDBACK = "POST /webhooks/{connection}", "POST /v1/feedback"
_KEY_HEADERS = ("authorization", "x-api-key")
_numbers = count()


@dataclass(frozen=True, slots=True)
class Sender:
    """A helpdesk with a connection: what it signs with, and an event as it sends it."""

    bodies: WebhookBodies
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Described:
    """A service with a model, one scored ticket and a connection of each vendor, asked as its description allows."""

    service: Service
    senders: Mapping[str, Sender]

    def statuses(self, case: Any) -> Iterator[tuple[str, int]]:
        """Send what was drawn and yield the route, or what of it was reached, with each status."""
        route = f"{case.method} {case.path}"
        if route == _WEBHOOK:
            yield from self._webhooks(case)
            return
        body = {} if isinstance(case.body, schemathesis.core.NotSet) else {"json": case.body}
        yield route, self._sent(case, **body)
        if route == _FEEDBACK:
            key = {"Idempotency-Key": f'"k-{next(_numbers)}"'}
            yield f"{route} of a scored ticket", self._sent(case, json=_of_the_scored_ticket(case.body), headers=key)

    def _webhooks(self, case: Any) -> Iterator[tuple[str, int]]:
        """Send a drawn event to nobody and to each connection: unsigned, signed, and as more than its vendor sends."""
        yield f"{_WEBHOOK} of nobody", self._sent(case, json=case.body)
        for connection, sender in self.senders.items():
            path = case.path.format(connection=connection)
            yield f"{connection} unsigned", self._sent(case, path=path, json=case.body)
            for kind, body in (("signed", case.body), ("signed event", {**case.body, **sender.event})):
                signed = sender.bodies.signed(encoded(body, True))
                headers = {"Content-Type": "application/json", **signed.headers}
                yield f"{connection} {kind}", self._sent(case, path=path, content=signed.body, headers=headers)

    def _sent(self, case: Any, *, path: str = "", headers: Mapping[str, str] | None = None, **body: Any) -> int:
        # A drawn key is nobody's; without one whoever is on this machine may ask.
        drawn = {name: value for name, value in case.headers.items() if name.lower() not in _KEY_HEADERS}
        sent = self.service.request(
            case.method,
            path or case.formatted_path,
            params=dict(case.query),
            headers={**drawn, **(headers or {})},
            **body,
        )
        return sent.status_code


def _of_the_scored_ticket(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return drawn feedback of a ticket that there is, with what any kind of it may say."""
    told = {name: drawn[name] for name in ("by", "at") if name in drawn}
    return {**told, "kind": "accepted", "connection": "helpdesk", "ticket_id": "HD-1"}


@pytest.fixture(scope="module")
def described(sample_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    folder = tmp_path_factory.mktemp("openapi")
    registry = FolderRegistry(folder / "registry")
    registry.register(sample_bundle)
    helpdesks = [made() for made in HELPDESKS.values()]
    connections = connections_to(*helpdesks, folder=folder)
    service = Service(
        create_app(load_settings({"TRIAGE_VAR_DIR": str(folder / "var"), "TRIAGE_AUTH": "open"}), model_source=registry)
    )
    with ExitStack() as closing:
        service.start()
        closing.callback(service.stop)
        service.wait_until_ready()
        service.app.state.services.storage.record([scored(make_item(1))])
        closing.enter_context(taking_in(service, connections))
        senders = {
            name: Sender(WebhookBodies(helpdesk), next(sent_by(helpdesk)))
            for name, helpdesk in zip(connections.by_name, helpdesks, strict=True)
        }
        yield Described(service, senders)


def _operations(described: Described) -> Iterator[Any]:
    description = schemathesis.openapi.from_dict(described.service.get("/openapi.json").json())
    for found in description.get_all_operations():
        yield found.ok()


def test_no_described_request_fails(described: Described) -> None:
    """What the description allows is answered on every route, and a vendor's own webhooks reach its adapter."""
    statuses: Counter[tuple[str, int]] = Counter()
    for operation in _operations(described):

        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy())
        def send(case: Any) -> None:
            for reached, status in described.statuses(case):
                statuses[reached, status] += 1
                assert status < 500, f"{reached} with {case.body!r:.300}"

        send()
    answered = {reached for reached, status in statuses if status < 300}
    told = {f"{connection} {kind}" for connection in described.senders for kind in ("signed", "signed event")}
    assert {"POST /v1/score", "GET /v1/model", f"{_FEEDBACK} of a scored ticket", *told} <= answered, statuses
    for connection in described.senders:
        assert statuses[f"{connection} signed event", HTTPStatus.ACCEPTED], statuses
        assert {status for reached, status in statuses if reached == f"{connection} unsigned"} == {401}, statuses
