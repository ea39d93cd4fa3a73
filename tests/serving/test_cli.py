"""The verbs that serve, as a person or a script calls them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner, Result

import serving
from serving.cli import add_commands
from serving.storage.sql import open_storage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
TICKET = {"id": 42, "subject": "VPN 연결이 자꾸 끊깁니다"}
ROOT = Path(serving.__file__).parents[1]
PROGRAM = "import typer; from serving.cli import add_commands; app = typer.Typer(); add_commands(app); app()"

Run = Callable[..., Result]


@pytest.fixture
def environment(registered: Any, tmp_path: Path) -> dict[str, str]:
    """The variables under which the verbs run: a registry with one model, and a folder of the test's own."""
    return {"TRIAGE_VAR_DIR": str(tmp_path / "var"), "MLFLOW_TRACKING_URI": registered.tracking_uri}


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb in this process."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = typer.Typer()
    add_commands(app)

    def run_(*arguments: str, sent: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=sent)

    return run_


def refusal(result: Result) -> str:
    """Return the sentence that a refused verb ends with, after checking that it is one."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr.strip()


# --- score ------------------------------------------------------------------------------------------------------------


def test_score_answers_a_file_as_the_route_does(run: Run, tmp_path: Path, shared_service: Any) -> None:
    """The JSON of a file's ticket is the JSON of the route, model and all; nothing is recorded."""
    (tmp_path / "ticket.json").write_text(json.dumps({**TICKET, "via": "web"}), encoding="utf-8")
    result = run("score", str(tmp_path / "ticket.json"), "--json")
    assert result.exit_code == 0, result.stderr
    assert "\n" not in result.stdout.strip()
    said = json.loads(result.stdout)
    assert said == shared_service.post("/v1/score?record=false", json={**TICKET, "via": "web"}).json()
    with closing(open_storage(f"sqlite:///{tmp_path / 'var' / 'triage.db'}")) as storage:
        assert storage.count_scored() == 0


def test_a_site_glossary_is_used_without_training_anew(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that the model never saw counts as the word that the site's glossary says it is."""
    known, unknown = (json.dumps({"id": "7", "body": f"{word} 접속이 안 됩니다"}) for word in ("VPN", "굴뚝망"))
    expected = json.loads(run("score", "-", sent=known).stdout)["targets"]
    assert json.loads(run("score", "-", sent=unknown).stdout)["targets"] != expected
    (tmp_path / "words.toml").write_text('[terms]\nVPN = ["굴뚝망"]\n', encoding="utf-8")
    monkeypatch.setenv("TRIAGE_GLOSSARY", str(tmp_path / "words.toml"))
    assert json.loads(run("score", "-", sent=unknown).stdout)["targets"] == expected


def test_a_broken_glossary_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A glossary that is not there is named, not a trace."""
    monkeypatch.setenv("TRIAGE_GLOSSARY", "nowhere.toml")
    assert "nowhere.toml" in refusal(run("score", "-", sent=json.dumps(TICKET)))


def test_score_reads_standard_input_and_answers_a_list_with_a_list(run: Run) -> None:
    """A list of tickets gets a list of answers in order; Korean is written as it is."""
    result = run("score", "-", sent=json.dumps([TICKET, {"id": 43, "body": "printer jam"}]))
    assert result.exit_code == 0, result.stderr
    assert [answer["ticket_id"] for answer in json.loads(result.stdout)] == ["42", "43"]
    assert "\\u" not in result.stdout
    assert json.loads(run("score", "-", sent="[]").stdout) == []


def test_score_records_when_asked_to(run: Run, tmp_path: Path) -> None:
    """With --record the answer is kept as the command line's."""
    assert run("score", "-", "--record", sent=json.dumps(TICKET)).exit_code == 0
    storage = open_storage(f"sqlite:///{tmp_path / 'var' / 'triage.db'}")
    (entry,) = storage.scored("42")
    storage.close()
    assert (entry.source.value, entry.caller) == ("cli", "command line")


def test_score_takes_a_version(run: Run, registered: Any) -> None:
    """A version asked for by number answers under no alias."""
    result = run("score", "-", "--version", registered.version, sent=json.dumps(TICKET))
    assert json.loads(result.stdout)["model"] == {
        "name": "ticket-triage",
        "version": registered.version,
        "alias": "",
    }


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("{}", "a subject or a body"),
        ("7", "expected an object"),
        ('[{"body": "a"}, {}]', "tickets.1"),
        ('{"body": "a", "created_at": "soon"}', "created_at"),
    ],
)
def test_score_says_what_is_wrong_with_a_ticket(run: Run, sent: str, words: str) -> None:
    """A ticket that cannot be understood is refused in a sentence, with status 2."""
    assert words in refusal(run("score", "-", sent=sent))


def test_score_says_which_model_or_file_is_missing(run: Run, tmp_path: Path) -> None:
    """A file, a model and a version that do not exist are named."""
    assert "nothing.json" in refusal(run("score", str(tmp_path / "nothing.json")))
    assert "nobody" in refusal(run("score", "-", "--model", "nobody", sent=json.dumps(TICKET)))
    assert "version 99" in refusal(run("score", "-", "--version", "99", sent=json.dumps(TICKET)))
    assert "no bundle" in refusal(run("score", "-", "--model", "foreign", sent=json.dumps(TICKET)))


def test_a_setting_that_cannot_be_used_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong environment variable ends every verb with status 2."""
    monkeypatch.setenv("TRIAGE_PORT", "many")
    for verb in (("score", "-"), ("serve",), ("keys", "list")):
        assert "TRIAGE_PORT" in refusal(run(*verb, sent=json.dumps(TICKET)))


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_made_listed_and_revoked(run: Run) -> None:
    """A key is shown once; the list never shows a secret; a revoked key stays in the list."""
    made = json.loads(run("keys", "create", "helpdesk", "--scope", "score", "--scope", "feedback", "--json").stdout)
    assert made["key"].startswith(f"tt_{made['id']}_")
    assert made["scopes"] == ["feedback", "score"]
    listed = run("keys", "list", "--json")
    assert made["key"] not in listed.stdout
    assert json.loads(listed.stdout)["keys"][0]["revoked_at"] is None
    assert json.loads(run("keys", "revoke", made["id"], "--json").stdout) == {"revoked": True}
    assert json.loads(run("keys", "list", "--json").stdout)["keys"][0]["revoked_at"] is not None


def test_a_person_can_read_what_the_key_verbs_say(run: Run) -> None:
    """Without --json the key stands alone on standard output, to be piped, and the list is a line a key."""
    assert "no key yet" in run("keys", "list").stdout
    made = run("keys", "create", "helpdesk", "--scope", "score")
    assert made.stdout.strip().startswith("tt_")
    assert "cannot be shown again" in made.stderr
    assert "helpdesk" in run("keys", "list").stdout
    assert "revoked" in run("keys", "revoke", made.stdout.strip()).stdout
    assert "revoked" in run("keys", "list").stdout


def test_the_key_verbs_refuse_what_makes_no_sense(run: Run) -> None:
    """An unknown scope and an unknown key are named."""
    assert "'everything'" in refusal(run("keys", "create", "helpdesk", "--scope", "everything"))
    assert "abcd1234" in refusal(run("keys", "revoke", "abcd1234"))


# --- serve ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def serve(environment: dict[str, str]) -> Iterator[Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]]:
    """Start `serve` as a process of its own and return it with what it says of itself."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, **variables: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve", "--port", "0", "--json", *options],
            env={**os.environ, **environment, **variables},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_serve_answers_until_it_is_told_to_stop(serve: Any, registered: Any) -> None:
    """The service says where it answers, answers there, and ends in order when interrupted."""
    process, says = serve()
    assert (says["is_loopback"], says["needs_key"]) == (True, False)
    assert says["docs"] == f"{says['url']}/docs"
    with httpx.Client(base_url=says["url"], timeout=30) as client:
        answer = client.post("/v1/score", json=TICKET)
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"]["version"] == registered.version
        assert "server" not in answer.headers
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert {"service_started", "model_served", "service_stopped"} <= set(events)
    assert "VPN" not in log


def test_serve_on_the_network_asks_for_keys(serve: Any) -> None:
    """A service that others can reach says so, and answers nobody without a key."""
    _, says = serve("--host", "0.0.0.0")
    assert (says["is_loopback"], says["needs_key"]) == (False, True)
    assert "triage keys create" in says["reach"]
    assert httpx.post(f"{says['url']}/v1/score", json=TICKET, timeout=30).status_code == 401


def test_serve_says_why_it_cannot_start(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port in use, a host that is none and a database that cannot be opened are each a sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot be listened on" in refusal(run("serve", "--port", str(taken.getsockname()[1])))
    assert "no-such-host.invalid" in refusal(run("serve", "--host", "no-such-host.invalid"))
    monkeypatch.setenv("TRIAGE_DATABASE_URL", f"sqlite:///{tmp_path}")
    assert "database" in refusal(run("serve"))


def test_serve_tells_people_where_to_look(environment: dict[str, str]) -> None:
    """Without --json the addresses, and who can reach them, are written to be read."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "serve", "--port", "0"],
        env={**os.environ, **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    shown = "".join(process.stdout.readline() for _ in range(3))
    process.terminate()
    process.communicate(timeout=30)
    assert "/v1/score" in shown
    assert "/docs" in shown
    assert "this machine only; callers need no key" in shown
