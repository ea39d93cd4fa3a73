"""A ticket's way over a real connection: from a caller's bytes to a recorded answer, and what may come between."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from features.answers import ModelIdentity, answer
from features.bundle import ModelBundle
from features.errors import RegistryError
from features.tickets import Ticket
from serving.app import create_app
from serving.auth import Scope, create_key
from serving.model_store import RegisteredVersion
from serving.server import bind
from serving.settings import AuthMode, Settings, load_settings
from serving.storage.sql import open_storage

KOREAN = {"id": 1, "subject": "VPN 연결이 자꾸 끊깁니다", "body": "재택 중인데 5분마다 끊겨요 ㅠㅠ"}
ENGLISH = {"id": "HD-2", "subject": "cannot print", "body": "The 3rd floor printer is held for authentication."}


class Shelf:
    """A registry with one model: versions are the folders of bundles, in order, and it can be down."""

    def __init__(self, *bundles: Path) -> None:
        self.bundles = list(bundles)
        self.is_down = False

    def resolve(self, name: str, *, alias: str, version: str) -> RegisteredVersion:
        """Return the version asked for, or else the newest one."""
        if self.is_down:
            raise RegistryError(f"The model registry does not answer for '{name}' ({alias}).")
        return RegisteredVersion(version or str(len(self.bundles)), "shelf")

    def download(self, name: str, version: str, into: Path) -> Path:
        """Copy a version out."""
        assert name == "ticket-triage"
        shutil.copytree(self.bundles[int(version) - 1], into / "bundle")
        return into / "bundle"


class Server:
    """A server in a thread of this process."""

    def __init__(self, settings: Settings, *, shelf: Shelf) -> None:
        self._listening = bind(settings)
        self.url = str(self._listening.describe(settings)["url"])
        app = create_app(settings, model_source=shelf)
        self._server = uvicorn.Server(uvicorn.Config(app, ws="none", lifespan="on", log_config=None, access_log=False))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening.socket]})

    @contextmanager
    def running(self) -> Iterator[httpx.Client]:
        """Serve for as long as the block lasts, and give a client that is answered."""
        self._thread.start()
        try:
            with httpx.Client(base_url=self.url, timeout=30) as client:
                yield client
        finally:
            self.stop()

    def stop(self) -> None:
        """Ask the server to end and wait until it has answered what it accepted."""
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    variables = {"TRIAGE_VAR_DIR": str(tmp_path / "var"), "TRIAGE_PORT": "0", "TRIAGE_ALIAS_POLL_SECONDS": "0.05"}
    return load_settings(variables)


@pytest.fixture
def shelf(sample_bundle: Path) -> Shelf:
    return Shelf(sample_bundle)


@pytest.fixture
def serve(settings: Settings, shelf: Shelf) -> Callable[..., Server]:
    """Make servers on the shelf."""
    return lambda at=settings: Server(at, shelf=shelf)


def test_a_korean_and_an_english_ticket_are_scored_and_recorded(
    serve: Callable[..., Server], settings: Settings, sample_bundle: Path
) -> None:
    """What a caller gets over HTTP is what the bundle says, and afterwards it stands in the database."""
    with serve().running() as client:
        said = [client.post("/v1/score", json=ticket).json() for ticket in (KOREAN, ENGLISH)]
    bundle = ModelBundle.load(sample_bundle)
    tickets = [Ticket(str(sent["id"]), str(sent["subject"]), str(sent["body"])) for sent in (KOREAN, ENGLISH)]
    for one, ticket in zip(said, tickets, strict=True):
        model = ModelIdentity("ticket-triage", "1", "champion")
        expected = json.loads(json.dumps(answer(bundle.score([ticket])[0], model=model)))
        assert _without_sets(one) == expected
    assert [one["language"] for one in said] == ["ko", "en"]
    storage = open_storage(settings.database_url)
    assert storage.scored("HD-2")[0].predictions == said[1]["targets"]
    assert storage.count_scored() == 2
    storage.close()


def _without_sets(given: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the sets of likely labels, which the service adds to what the bundle says."""
    targets = {
        name: {key: value for key, value in target.items() if key != "set"} for name, target in given["targets"].items()
    }
    return {**given, "targets": targets}


def test_thirty_two_callers_at_once_each_get_their_own_answer(serve: Callable[..., Server], settings: Settings) -> None:
    """Under load from many connections no answer is lost, mixed up or left unrecorded."""

    async def caller(client: httpx.AsyncClient, number: int) -> list[dict[str, Any]]:
        sent = [{**(KOREAN, ENGLISH)[number % 2], "id": f"{number}-{turn}"} for turn in range(5)]
        return [(await client.post("/v1/score", json=ticket)).json() for ticket in sent]

    async def callers(url: str) -> list[list[dict[str, Any]]]:
        limits = httpx.Limits(max_connections=32)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
            return await asyncio.gather(*(caller(client, number) for number in range(32)))

    server = serve()
    with server.running():
        answers = asyncio.run(callers(server.url))
    for number, given in enumerate(answers):
        assert [one["ticket_id"] for one in given] == [f"{number}-{turn}" for turn in range(5)]
        assert {one["language"] for one in given} == {("ko", "en")[number % 2]}
    alone, *others = [given[0]["targets"]["category"]["probability"] for given in answers[::2]]
    assert others == pytest.approx([alone] * len(others), abs=1e-6)
    storage = open_storage(settings.database_url)
    assert storage.count_scored() == 160
    storage.close()


def test_a_new_version_takes_over_under_load_and_a_broken_one_does_not(
    serve: Callable[..., Server], shelf: Shelf, sample_bundle: Path, tmp_path: Path
) -> None:
    """While tickets are scored all the time, version 2 takes over, broken version 3 does not, and nobody is refused."""
    broken = tmp_path / "broken"
    shutil.copytree(sample_bundle, broken)
    (broken / "vectorizer.json").write_bytes((broken / "vectorizer.json").read_bytes()[:-20])
    with serve().running() as client:
        versions = [_version(client)]
        shelf.bundles.append(sample_bundle)
        while versions[-1] != "2":
            versions.append(_version(client))
        shelf.bundles.append(broken)
        while client.get("/v1/model").json()["last_failure"] is None:
            versions.append(_version(client))
        versions.append(_version(client))
    assert versions == sorted(versions)
    assert set(versions) == {"1", "2"}


def _version(client: httpx.Client) -> str:
    response = client.post("/v1/score?record=false", json=KOREAN)
    assert response.status_code == 200, response.text
    return str(response.json()["model"]["version"])


def test_a_restart_without_the_registry_serves_the_local_copy(serve: Callable[..., Server], shelf: Shelf) -> None:
    """The morning after, with the registry down, the service is ready and says what it could not reach."""
    with serve().running() as client:
        before = client.post("/v1/score", json=KOREAN).json()
    shelf.is_down = True
    with serve().running() as client:
        assert client.post("/v1/score", json=KOREAN).json() == before
        ready = client.get("/readyz?verbose")
        assert ready.status_code == 200
        assert "does not answer" in ready.json()["models"][0]["last_failure"]["because"]


def test_a_batch_and_its_repetition_are_one_piece_of_work(serve: Callable[..., Server], settings: Settings) -> None:
    """A thousand tickets in one request are answered in order; sent again under their key nothing is done twice."""
    tickets = [{**(KOREAN, ENGLISH)[number % 2], "id": number} for number in range(300)]
    with serve().running() as client:
        headers = {"Idempotency-Key": '"night-run-7"'}
        first = client.post("/v1/score/batch", json={"tickets": tickets}, headers=headers)
        again = client.post("/v1/score/batch", json={"tickets": tickets}, headers=headers)
    assert [one["ticket_id"] for one in first.json()["answers"]] == [str(number) for number in range(300)]
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    storage = open_storage(settings.database_url)
    assert storage.count_scored() == 300
    storage.close()


def test_an_answer_under_way_is_given_before_the_server_ends(serve: Callable[..., Server]) -> None:
    """A server that is told to stop in the middle of a batch still answers it."""
    server = serve()
    tickets = [{**KOREAN, "id": number} for number in range(300)]
    with server.running() as client:
        client.post("/v1/score", json=KOREAN)
        answers: list[httpx.Response] = []
        batch = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{server.url}/v1/score/batch", json={"tickets": tickets}, timeout=60)
            )
        )
        batch.start()
        while 'batcher="scoring"' not in (shown := client.get("/metrics").text) or _scored(shown) < 33:
            pass
        server.stop()
        batch.join()
    (response,) = answers
    assert response.status_code == 200
    assert len(response.json()["answers"]) == 300


def _scored(metrics: str) -> float:
    counts = [line for line in metrics.splitlines() if line.startswith("triage_scored_tickets_total")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in counts)


def test_a_body_that_is_too_large_is_refused_over_the_wire(serve: Callable[..., Server]) -> None:
    """A caller who sends far too much gets a 413 that can be read, and the next request is answered."""
    with serve().running() as client:
        refused = client.post("/v1/score", content=b" " * 3 * 1024**2, headers={"Content-Type": "application/json"})
        assert refused.status_code == 413
        assert refused.headers["content-type"] == "application/problem+json"
        assert client.post("/v1/score", json=KOREAN).status_code == 200


def test_a_caller_who_hangs_up_midway_disturbs_nobody(serve: Callable[..., Server]) -> None:
    """A connection that ends before its body does is no failure of the service."""
    server = serve()
    with server.running() as client:
        assert client.post("/v1/score", json=KOREAN).status_code == 200
        address = (httpx.URL(server.url).host, httpx.URL(server.url).port or 80)
        with socket.create_connection(address) as connection:
            lines = (
                "POST /v1/score HTTP/1.1",
                "Host: localhost",
                "Content-Type: application/json",
                "Content-Length: 500",
            )
            connection.sendall("\r\n".join((*lines, "", '{"subject": "vp')).encode())
        assert client.post("/v1/score", json=KOREAN).status_code == 200
        assert 'status="500"' not in client.get("/metrics").text


def test_a_stranger_needs_a_key_and_a_keyholder_none_but_that(serve: Callable[..., Server], settings: Settings) -> None:
    """With keys asked for, a request without one is refused and one with it is recorded as its holder's."""
    storage = open_storage(settings.database_url)
    key = create_key(storage, name="helpdesk", scopes=[Scope.SCORE])
    with serve(settings.model_copy(update={"auth": AuthMode.KEYS})).running() as client:
        assert client.post("/v1/score", json=KOREAN).status_code == 401
        headers = {"Authorization": f"Bearer {key.plaintext}"}
        assert client.post("/v1/score", json=KOREAN, headers=headers).status_code == 200
    assert storage.scored("1")[0].caller == key.stored.id
    storage.close()
