"""What the leads' channel is sent, and what drift is worth telling them."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from features.answers import ModelIdentity
from features.evidence import Evidence
from serving.oversight.alert_channel import AlertChannel
from serving.oversight.live_drift import LiveDrift
from serving.oversight.watch import Watch
from serving.storage.sql import SqlStorage
from tests.hand_set_clock import Clock

MODEL = ModelIdentity("ticket-triage", "1", "champion")


class Channel(HTTPServer):
    """An incoming webhook on loopback."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take a message."""
        assert isinstance(self.server, Channel)
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def channel() -> Iterator[Channel]:
    server = Channel()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_channel_is_sent_the_text(channel: Channel) -> None:
    """The webhook gets one JSON object with the text, and an answer of success is one."""
    assert AlertChannel(channel.url).tell("약속이 깨졌습니다")
    assert channel.received == [{"text": "약속이 깨졌습니다"}]


def test_failure_is_told_and_raises_nothing(channel: Channel) -> None:
    """A channel that refuses, is away or has no address at all is a failure, never an error."""
    channel.status = 500
    assert not AlertChannel(channel.url).tell("text")
    assert not AlertChannel("http://127.0.0.1:1/hook", timeout_seconds=1).tell("text")
    assert not AlertChannel("http://[/hook").tell("text")


def answer(label: str, share: float, novelty: float) -> dict[str, Any]:
    """The model's answer for the group."""
    return {"novelty": novelty, "targets": {"group": {"label": label, "probability": share}}}


@pytest.mark.parametrize(("is_other", "expected"), [(False, 0), (True, 3)])
def test_drift_is_told_once_and_switches_nothing_off(
    storage: SqlStorage, clock: Clock, evidence: Evidence, *, is_other: bool, expected: int
) -> None:
    """Live tickets like those of the evidence raise no alert, others one for each signal, however often one looks."""
    rng = random.Random(3)
    drift = LiveDrift(draw=rng.random)
    for _ in range(400):
        place = rng.randrange(600)
        label, share = evidence.labels[evidence.predicted[place]], float(evidence.confidence[place])
        live = answer("store", 0.6, 0.99) if is_other else answer(label, share, rng.random())
        drift.seen(live, model=MODEL, evidence={"group": evidence}, connection="desk", targets=["group"])
    watch = Watch(storage, clock=clock, drift=drift)
    watch.look()
    watch.look()
    alerts = storage.policies.alerts.open_alerts()
    assert len(alerts) == expected
    assert {alert.kind for alert in alerts} <= {"drift"}
    assert not storage.policies.states.all_current()
