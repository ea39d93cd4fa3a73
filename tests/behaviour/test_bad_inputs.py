"""Bad requests and bundles, one a row. Each is refused in a clear sentence and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import numpy as np
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from features.bundle import ModelBundle
from features.errors import BundleError
from serving.app import create_app
from serving.model_store import RegisteredVersion
from serving.served_models import UnknownModelError
from serving.settings import load_settings
from tests.clear_refusals import assert_is_clear

# --- requests ---------------------------------------------------------------------------------------------------------

TICKET = b'{"id": 42, "subject": "vpn down"}'
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class BadRequest:
    """What is wrong, the request, and the status and words of the answer."""

    what: str
    content: bytes
    status: int
    message: str
    path: str = "/v1/score"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


def _batch(count: int) -> bytes:
    return b'{"tickets": [' + b",".join([TICKET] * count) + b"]}"


REQUESTS = [
    BadRequest("no body", b"", 400, "no JSON"),
    BadRequest("no JSON", b"subject=vpn", 400, "no JSON"),
    BadRequest("JSON that was cut off", TICKET[:-5], 400, "no JSON"),
    BadRequest("a field named twice", b'{"body": "a", "body": "b"}', 400, "names the field 'body' twice"),
    BadRequest("a number that is none", b'{"body": "a", "id": NaN}', 400, "holds NaN, which JSON does not have"),
    BadRequest("deep nesting", b'{"a":' * 60_000, 400, "nested too deeply"),
    BadRequest("another encoding", '{"subject": "제목"}'.encode("cp949"), 400, "UTF-8"),
    BadRequest("another content type", TICKET, 415, "Send JSON in UTF-8", headers={"content-type": "text/plain"}),
    BadRequest(
        "a form", b"subject=vpn", 415, "Send JSON", headers={"content-type": "application/x-www-form-urlencoded"}
    ),
    BadRequest(
        "a compressed body", gzip.compress(TICKET), 415, "not compressed", headers={**JSON, "content-encoding": "gzip"}
    ),
    BadRequest("both texts missing", b'{"id": 42}', 422, "expected a subject or a body"),
    BadRequest("both texts blank", b'{"subject": " ", "body": null}', 422, "expected a subject or a body"),
    BadRequest("a list in place of a ticket", b"[1]", 422, "expected an object"),
    BadRequest("a text of the wrong type", b'{"subject": ["vpn"]}', 422, r"^subject: expected text"),
    BadRequest(
        "a date of the wrong type", b'{"body": "a", "created_at": "soon"}', 422, r"^created_at: expected a moment"
    ),
    BadRequest(
        "attributes of the wrong type", b'{"body": "a", "attributes": 3}', 422, "^attributes: expected an object"
    ),
    BadRequest(
        "a field too long", b'{"body": "a", "channel": "' + b"x" * 501 + b'"}', 422, "^channel: .*500 characters"
    ),
    BadRequest("a text too long", b'{"body": "' + b"x" * 100_001 + b'"}', 422, "at most 100000 characters"),
    BadRequest("a huge body", b'{"body": "' + b"x" * 1_100_000 + b'"}', 413, "larger than 1048576 bytes"),
    BadRequest("too many at once", _batch(1_001), 422, "from 1 to 1000 tickets, not 1001", path="/v1/score/batch"),
    BadRequest("an empty batch", _batch(0), 422, "from 1 to 1000 tickets, not 0", path="/v1/score/batch"),
    BadRequest("a batch that is none", TICKET, 422, r'expected an object \{"tickets"', path="/v1/score/batch"),
    BadRequest(
        "a bad one among good", b'{"tickets": [' + TICKET + b", {}]}", 422, r"^tickets\.1: ", path="/v1/score/batch"
    ),
    BadRequest("a key in two words", TICKET, 400, "Idempotency-Key", headers={**JSON, "Idempotency-Key": "a b"}),
    BadRequest("an empty key", TICKET, 400, "Idempotency-Key", headers={**JSON, "Idempotency-Key": ""}),
    BadRequest("a key too long", TICKET, 400, "Idempotency-Key", headers={**JSON, "Idempotency-Key": "k" * 300}),
    BadRequest("an unknown model", TICKET, 404, "No model 'hr' is registered", path="/v1/score?model=hr"),
    BadRequest("a model that is a path", TICKET, 404, "model", path="/v1/score?model=../secret"),
    BadRequest("an option that means nothing", TICKET, 422, "record", path="/v1/score?record=perhaps"),
    BadRequest("an unknown route", TICKET, 404, "POST /v1/nothing: .*See /docs", path="/v1/nothing"),
    BadRequest("a wrong method", b"", 405, "PUT /v1/score: .*See /docs", method="PUT"),
    BadRequest("a wrong method of reading", b"", 405, "POST /v1/model", path="/v1/model"),
]


class _OneModel:
    """A registry that holds one version of one model."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle

    def resolve(self, name: str, **_: str) -> RegisteredVersion:
        """Return the version, if it is asked for by the model's name."""
        if name != "ticket-triage":
            raise UnknownModelError(f"No model '{name}' is registered. Register it, or leave the name out.")
        return RegisteredVersion("1", "here")

    def download(self, _: str, __: str, into: Path) -> Path:
        """Copy the version out."""
        return Path(shutil.copytree(self._bundle, into / "bundle"))


class Client:
    """Sends requests to a running service, in this process and without a network."""

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        self._portal = portal
        self._app = app

    def send(
        self, method: str, path: str, *, content: bytes = b"", headers: Mapping[str, str] = JSON
    ) -> httpx.Response:
        """Send a request and return its answer."""
        request = self._client.build_request(method, path, content=content, headers=dict(headers))
        return self._portal.call(self._client.send, request)

    def is_answered(self) -> bool:
        """Tell whether a good ticket is answered."""
        return self.send("POST", "/v1/score?record=false", content=TICKET).status_code == 200

    def count_recorded(self) -> int:
        """Return how many tickets were recorded."""
        count: int = self._app.state.services.storage.count_scored()
        return count


@contextmanager
def _service(bundle: Path, *, folder: Path) -> Iterator[Client]:
    """Run the whole service on a registry with one bundle for as long as the block lasts."""
    app = create_app(load_settings({"TRIAGE_VAR_DIR": str(folder)}), model_source=_OneModel(bundle))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        yield Client(app, portal)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, sample_bundle: Path) -> Iterator[Client]:
    """A client of a service that has a model."""
    with _service(sample_bundle, folder=tmp_path_factory.mktemp("service")) as started:
        assert started.is_answered()
        yield started


@pytest.mark.parametrize("bad", REQUESTS, ids=lambda bad: bad.what)
def test_a_bad_request_is_refused(bad: BadRequest, client: Client) -> None:
    """The answer is a problem of RFC 9457 with a sentence for the caller; nothing is recorded, the service goes on."""
    response = client.send(bad.method, bad.path, content=bad.content, headers=bad.headers)
    assert response.status_code == bad.status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == bad.status
    assert problem["title"]
    assert problem["type"].startswith("/problems/") or problem["type"] == "about:blank"
    assert_is_clear(problem["detail"], expected=bad.message)
    assert client.count_recorded() == 0
    assert client.is_answered()


# --- bundles ----------------------------------------------------------------------------------------------------------

RewriteManifest: TypeAlias = Callable[[Path, Mapping[str, Any]], None]
ReplaceFile: TypeAlias = Callable[[Path, str, bytes], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """How a bundle is damaged so that its checksums fit."""

    rewrite_manifest: RewriteManifest
    replace_file: ReplaceFile


@dataclass(frozen=True, slots=True)
class BadBundle:
    """What is wrong, what does it to a bundle's folder, and what has to be said."""

    what: str
    damage: Callable[[Path, Tools], object]
    message: str


def _flip(name: str) -> Callable[[Path, Tools], object]:
    def flip(folder: Path, _: Tools) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return flip


def _cut(name: str) -> Callable[[Path, Tools], object]:
    def cut(folder: Path, _: Tools) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return cut


def _remove(name: str) -> Callable[[Path, Tools], object]:
    return lambda folder, _: (folder / name).unlink()


def _state(**values: Any) -> Callable[[Path, Tools], object]:
    return lambda folder, tools: tools.rewrite_manifest(folder, values)


def _empty(folder: Path, _: Tools) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _put(name: str, content: bytes) -> Callable[[Path, Tools], object]:
    return lambda folder, tools: tools.replace_file(folder, name, content)


def _pickled_weights() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, weights=np.array([{"a": 1}, None]))
    return buffer.getvalue()


BUNDLES = [
    BadBundle("an empty folder", _empty, r"'manifest\.json' is missing"),
    BadBundle("a missing manifest", _remove("manifest.json"), r"'manifest\.json' is missing"),
    BadBundle("a manifest that was cut off", _cut("manifest.json"), r"'manifest\.json' is no valid JSON"),
    BadBundle("a manifest that was edited", _flip("manifest.json"), r"'manifest\.json'"),
    BadBundle(
        "another feature version", _state(feature_version=0), "has feature version 0; this release reads version"
    ),
    BadBundle("another format version", _state(format_version=99), "has format version 99; this release reads version"),
    BadBundle("a file outside", _state(files={"../x.json": ""}), r"names a file outside the bundle: '\.\./x\.json'"),
    BadBundle("a file from the root", _state(files={"/x.json": ""}), r"names a file outside the bundle: '/x\.json'"),
    BadBundle("a missing file", _remove("targets/category.npz"), r"lacks its file 'targets/category\.npz'"),
    BadBundle("a missing part", _state(targets=["category", "mood"]), r"lacks its file 'targets/mood\.json'"),
    BadBundle("a file that was cut off", _cut("vectorizer.json"), r"'vectorizer\.json' is not what was trained"),
    BadBundle(
        "weights with one bit changed", _flip("targets/category.npz"), r"'targets/category\.npz' is not what was"
    ),
    BadBundle("trees with one bit changed", _flip("targets/kind.txt"), r"'targets/kind\.txt' is not what was trained"),
    BadBundle(
        "pickled objects", _put("targets/kind.npz", _pickled_weights()), r"'targets/kind\.npz' holds no plain arrays"
    ),
    BadBundle("arrays that are none", _put("evidence/kind.npz", b""), r"'evidence/kind\.npz' holds no plain arrays"),
    BadBundle("parts that do not fit together", _put("vectorizer.json", b"[]"), "parts do not fit together"),
    BadBundle("a glossary that is none", _put("glossary.txt", b"{}"), "parts do not fit together"),
]


@pytest.mark.parametrize("bad", BUNDLES, ids=lambda bad: bad.what)
def test_a_bad_bundle_is_refused(
    bad: BadBundle, tmp_path: Path, sample_bundle: Path, rewrite_manifest: RewriteManifest, replace_file: ReplaceFile
) -> None:
    """A bundle that is not what was trained is refused by the name of what is wrong, before anything of it is used."""
    folder = Path(shutil.copytree(sample_bundle, tmp_path / "bundle"))
    bad.damage(folder, Tools(rewrite_manifest, replace_file))
    with pytest.raises(BundleError) as refusal:
        ModelBundle.load(folder)
    assert_is_clear(str(refusal.value), expected=bad.message)
    assert str(tmp_path) not in str(refusal.value)


def test_a_service_with_a_refused_bundle_says_so(tmp_path: Path, sample_bundle: Path) -> None:
    """Without any good model the service answers 503 with the reason and is not ready, and does not fail."""
    folder = Path(shutil.copytree(sample_bundle, tmp_path / "bundle"))
    _flip("targets/category.npz")(folder, Tools(lambda *_: None, lambda *_: None))
    with _service(folder, folder=tmp_path / "var") as client:
        response = client.send("POST", "/v1/score", content=TICKET)
        assert response.status_code == 503
        assert_is_clear(response.json()["detail"], expected=r"'targets/category\.npz' is not what was trained")
        assert client.send("GET", "/readyz").status_code == 503
        assert client.send("GET", "/livez").status_code == 200


def test_the_tables_are_long_enough() -> None:
    """The tables name different bad inputs, enough of either kind."""
    named = [bad.what for kind in (REQUESTS, BUNDLES) for bad in kind]
    assert len(set(named)) == len(named) >= 25
    assert min(len(REQUESTS), len(BUNDLES)) >= 8
