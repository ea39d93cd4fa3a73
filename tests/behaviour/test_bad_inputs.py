"""Bad inputs, one a row: files, requests and bundles. Each is refused in a clear sentence and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import sys
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

import triage
from features.bundle import ModelBundle
from features.errors import BundleError
from serving.app import create_app
from serving.model_store import RegisteredVersion
from serving.served_models import UnknownModelError
from serving.settings import load_settings

# What belongs to a fault of the program and never to an answer.
_OF_A_FAULT = ("Traceback", 'File "', "Error:", "Exception", "unexpected", "NoneType", "site-packages")
# A sentence says more than a word and ends like one, or with the option that helps.
_SENTENCE = re.compile(r"\S.{20,}(?:[.?!]|--[a-z]+ \S+)\Z", re.DOTALL)


def assert_is_clear(said: str, *, expected: str) -> None:
    """Check that what is said is a sentence that names what is wrong, and nothing of the program's inside."""
    assert re.search(expected, said), said
    assert _SENTENCE.match(said), said
    assert not [word for word in _OF_A_FAULT if word in said], said


# --- files ------------------------------------------------------------------------------------------------------------


def _rows(count: int = 60, **columns: Callable[[int], object]) -> list[dict[str, object]]:
    """Return tickets of two categories, with columns by the ticket's number."""
    words = ("vpn tunnel", "paper jam")
    basic: dict[str, Callable[[int], object]] = {
        "id": lambda number: f"HD-{number}",
        "subject": lambda number: f"{words[number % 2]} on floor {number}",
        "body": lambda number: f"the {words[number % 2]} came back, desk {number * 7}",
        "category": lambda number: ("network", "printer")[number % 2],
    }
    return [{name: value(number) for name, value in (basic | columns).items()} for number in range(count)]


def _jsonl(rows: list[dict[str, object]]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


GOOD = _jsonl(_rows())
GLOSSARY_TWICE = '[terms]\nVPN = ["브이피엔"]\nTunnel = ["브이피엔"]'.encode()


@dataclass(frozen=True, slots=True)
class BadFile:
    """What is wrong, the options of `triage train` and the files that they name, and what has to be said."""

    what: str
    options: str
    message: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def _history(what: str, name: str, content: bytes, message: str, *, options: str = "") -> BadFile:
    return BadFile(what, f"--history {name} {options}", message, {name: content})


def _option(what: str, options: str, message: str, **files: bytes) -> BadFile:
    named = {f"{stem}.toml": content for stem, content in files.items()}
    return BadFile(what, f"--history good.jsonl {options}", message, {"good.jsonl": GOOD, **named})


FILES = [
    BadFile("nothing to learn from", "", "There is nothing to learn from: give --history FILE, --articles FILE"),
    BadFile("no such file", "--history gone.csv", r"The file 'gone\.csv' does not exist"),
    BadFile("a folder", "--history .", r"'\.' is a folder\. Name the file in it"),
    _history("an empty file", "a.csv", b"", r"'a\.csv' cannot be used: it is empty"),
    _history("a header alone", "a.csv", b"id,body,category\n", r"'a\.csv' holds a header and no rows"),
    _history("an unknown ending", "a.pages", b"x", r"unknown ending '\.pages'\. Known are \.csv, \.tsv"),
    _history("a broken gzip", "a.csv.gz", b"id,body\n1,a\n", "it is no gzip file, or was cut off"),
    _history("a gzip that was cut off", "a.jsonl.gz", gzip.compress(GOOD)[:-20], "it is no gzip file, or was cut off"),
    _history("a broken JSON line", "a.jsonl", GOOD + b'\n{"id": 2', "line 61 is no valid JSON"),
    _history("a picture", "a.csv", bytes(range(1, 256)) * 9, "it is no text in a known encoding"),
    _history(
        "no column of text", "a.csv", b"nr,words\n1,vpn\n", "No column holds the body or the subject. State it with"
    ),
    _history(
        "no labels", "a.jsonl", _jsonl(_rows(category=lambda _: "")), "No target can be trained.* --map category=COLUMN"
    ),
    _history(
        "ids given to different texts",
        "a.jsonl",
        _jsonl(_rows(id=lambda number: f"HD-{number // 2}")),
        "30 of the 60 rows .* 'HD-0' is the id of an earlier row with another text.* --drop-invalid",
    ),
    _history(
        "dates that cannot be",
        "a.jsonl",
        _jsonl(_rows(created_at=lambda number: "2026-02-30" if number == 3 else "2026-02-03")),
        "line 4, column 'created_at': '2026-02-30' is no date.* --drop-invalid",
    ),
    _history(
        "dates that are yet to come",
        "a.jsonl",
        _jsonl(_rows(created_at=lambda number: f"{2026 + 70 * (number % 2)}-02-03")),
        "line 2, column 'created_at': '2096-02-03' lies in the future",
    ),
    _history(
        "empty bodies",
        "a.jsonl",
        _jsonl(_rows(subject=lambda _: "", body=lambda _: " ")),
        "is empty, and so is the subject",
    ),
    _history(
        "one label only", "a.jsonl", _jsonl(_rows(category=lambda _: "vpn")), "its tickets have a single label, 'vpn'"
    ),
    _history("too few tickets", "a.jsonl", _jsonl(_rows(6)), "none of its 2 labels has 10 tickets"),
    _history(
        "a scale that cannot be told",
        "a.jsonl",
        _jsonl(_rows(priority=lambda number: ("soon", "whenever")[number % 2])),
        "The order of the labels of 'priority' cannot be told: soon, whenever.*--order priority=soon,whenever",
    ),
    _option(
        "a mapped column that is not there", "--map body=Descripton", "no column 'Descripton'. Its columns are: id"
    ),
    _option("a field that is not known", "--map bdy=body", "Unknown field 'bdy'. The fields are: id, subject"),
    _option("a mapping that is none", "--map body", "'body' is no mapping. Write FIELD=COLUMN"),
    _option("a saved mapping that is not there", "--mapping gone.toml", "mapping file 'gone.toml' does not exist"),
    _option("a saved mapping that is a folder", "--mapping .", "The mapping file '.' cannot be read"),
    _option("a place where no mapping can be saved", "--save-mapping gone/a.toml", "'gone/a.toml' cannot be written"),
    _option(
        "an unknown target in --default", "--default prioriy=3", "Unknown target 'prioriy'. The targets are: category"
    ),
    _option("a default without a value", "--default priority", "'priority' names no default. Write TARGET=VALUE"),
    _option("an unknown target in --only", "--only prioriy:type=3", "Unknown target 'prioriy'"),
    _option("a restriction that is none", "--only priority", "'priority' is no restriction. Write TARGET:COLUMN=VALUE"),
    _option("an unknown target in --order", "--order prioriy=a,b", "Unknown target 'prioriy'"),
    _option("an order that is none", "--order priority", "'priority' states no order. Write TARGET=A,B,C"),
    _option("an order of names", "--order category=network,printer", "'category' is no scale"),
    _option("a split column that is not there", "--split-column part", "no column 'part'. Its columns are: id"),
    _option("a split column of other words", "--split-column category", "'network' names no part of a split"),
    _option("an unknown recipe", "--recipe slow", "No recipe 'slow': it is neither a file nor one of balanced, best"),
    _option("a broken recipe", "--recipe r.toml", r"The recipe 'r\.toml' is no valid TOML", r=b"[boosted"),
    _option("an unknown key in a recipe", "--recipe r.toml", "Unknown key 'round' in the recipe", r=b"round = 1"),
    _option("a value of another type", "--recipe r.toml", "'name' in the recipe is 3; expected", r=b"name = 3"),
    _option("shares that leave nothing", "--recipe r.toml", "expected less than 1", r=b"[split]\ntest_share = 0.9"),
    _option("a recipe in another encoding", "--recipe r.toml", "is not in UTF-8", r=b'name = "\xb0\xa1"'),
    _option(
        "a pattern that is none",
        "--recipe r.toml",
        r"site pattern '\[' is no regular expression",
        r=b"site_patterns=['[']",
    ),
    _option("a broken glossary", "--glossary g.toml", r"The glossary 'g\.toml' is no valid TOML", g=b"[terms"),
    _option("a word with two meanings", "--glossary g.toml", "gives '브이피엔' to two words", g=GLOSSARY_TWICE),
    _option("a folder that exists", "--output .", "'.' exists already. Name a new folder with --output"),
    _option("a folder that cannot be made", "--output good.jsonl/bundle", "folder of .* does not exist|cannot be made"),
    _option(
        "a report that cannot be written", "--report gone/r.csv --map id=category", r"The report 'gone/r\.csv' cannot"
    ),
    BadFile(
        "articles without titles", "--articles a.csv", "No column holds the title", {"a.csv": b"id,body\n1,steps\n"}
    ),
    BadFile("articles that are no file", "--articles gone.csv", r"The file 'gone\.csv' does not exist"),
]


@pytest.mark.parametrize("bad", FILES, ids=lambda bad: bad.what)
def test_a_bad_file_or_option_is_refused(
    bad: BadFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`triage train` says what is wrong in one sentence and ends with status 2; not half a file is left."""
    for name, content in bad.files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIAGE_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    arguments = ["triage", "train", "--json", *bad.options.split()]
    if "--output" not in bad.options:
        arguments += ["--output", "bundle"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        triage.main()
    shown = capsys.readouterr()
    assert ended.value.code == 2, shown.err
    assert shown.out == ""
    program, _, said = shown.err.strip().splitlines()[-1].partition(": ")
    assert program == "triage"
    assert_is_clear(said, expected=bad.message)
    assert {path.name for path in tmp_path.iterdir()} == set(bad.files)


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


def test_the_table_is_long_enough() -> None:
    """The table names at least 25 different bad inputs, of all three kinds."""
    named = [bad.what for kind in (FILES, REQUESTS, BUNDLES) for bad in kind]
    assert len(set(named)) == len(named) >= 25
    assert min(len(FILES), len(REQUESTS), len(BUNDLES)) >= 8
