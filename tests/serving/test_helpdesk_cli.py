"""The verbs of helpdesks, as a person or a script calls them, against a simulated Zendesk and a real database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from serving.cli import add_commands
from serving.helpdesks.interface import Event, EventKind
from serving.storage.sql import open_storage
from serving.webhooks import stored_delivery
from tests.connected_helpdesk import Connected, now, write_connections
from tests.simulated_helpdesks.tickets import Author, SimulatedArticle
from tests.simulated_helpdesks.zendesk import SIGNING_SECRET, TOKEN, SimulatedZendesk

NAME = "zendesk-main"
SAID = "VPN 연결이 계속 끊깁니다"


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connected]:
    """A Zendesk whose connection stands in the file that the environment names."""
    monkeypatch.setenv("TRIAGE_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TRIAGE_CONNECTIONS", str(tmp_path / "connections.toml"))
    with SimulatedZendesk().running() as simulated:
        storage = open_storage(f"sqlite:///{tmp_path / 'var' / 'triage.db'}")
        connected = Connected.to(simulated, storage=storage, folder=tmp_path)
        yield connected
        connected.close()


def run(*arguments: str) -> Result:
    """Run a verb in this process."""
    app = typer.Typer()
    add_commands(app)
    return CliRunner().invoke(app, list(arguments))


def told(*arguments: str, status: int = 0) -> dict[str, Any]:
    """Return the JSON that a verb prints, after checking its exit status."""
    result = run(*arguments, "--json")
    assert result.exit_code == status, result.output
    reply: dict[str, Any] = json.loads(result.stdout)
    return reply


def refusal(*arguments: str) -> str:
    """Return the sentence that a refused verb ends with."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert "Traceback" not in result.stderr
    return result.stderr


def deliver(connected: Connected, *, key: str = "1", **known: Any) -> str:
    """File a ticket, take its delivery in and return the delivery's id."""
    ticket = connected.simulated.add_ticket("VPN", SAID, **known)
    event = Event(EventKind.CREATED, connected.helpdesk.read(ticket.id).ticket)
    stored = stored_delivery(connected.connection, event, key=key, received_at=now())
    assert connected.storage.deliveries.accept(stored)
    return stored.id


# --- connections ------------------------------------------------------------------------------------------------------


def test_connections_are_listed_without_secrets(connected: Connected) -> None:
    """The list says what a connection may do, and never how it signs in."""
    (listed,) = told("connections", "list")["connections"]
    assert (listed["name"], listed["vendor"], listed["modes"]["priority"]) == (NAME, "zendesk", "autofill")
    shown = run("connections", "list").stdout + json.dumps(listed)
    assert NAME in shown
    assert not [secret for secret in (TOKEN, SIGNING_SECRET) if secret in shown]


def test_a_sound_connection_is_said_to_be_so(connected: Connected) -> None:
    """A helpdesk that lets us do all that we need is checked with status 0."""
    assert told("connections", "check", NAME) == {
        "user": "triage@helpdesk.example",
        "user_id": "900",
        "read": True,
        "write": True,
        "read_articles": True,
        "problems": [],
    }
    assert "ok  write" in run("connections", "check", NAME).stdout


def test_a_connection_that_lacks_something_ends_with_2(connected: Connected, tmp_path: Path) -> None:
    """What is missing is told with what to do about it."""
    file = tmp_path / "connections.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(TOKEN, "another"), encoding="utf-8")
    checked = told("connections", "check", NAME, status=2)
    assert not checked["write"]
    assert "API token" in checked["problems"][0]
    assert NAME in refusal("connections", "check", "nobody")


# --- deliveries -------------------------------------------------------------------------------------------------------


def test_deliveries_are_listed_shown_and_replayed(connected: Connected) -> None:
    """A delivery that was given up is found by its state and begun anew; what its ticket says is never shown."""
    first, second = deliver(connected), deliver(connected, key="2")
    connected.storage.deliveries.bury(first, at=now(), error="The helpdesk refuses it.")
    listed = told("deliveries", "list", "--state", "dead", "--connection", NAME, "--limit", "5")
    assert listed["counts"] == {"accepted": 1, "done": 0, "dead": 1, "unreadable": 0}
    assert [one["id"] for one in listed["deliveries"]] == [first]
    assert told("deliveries", "show", first)["last_error"] == "The helpdesk refuses it."
    shown = [run("deliveries", "list").stdout, run("deliveries", "show", first).stdout, json.dumps(listed)]
    assert not [text for text in shown if SAID in text]
    assert told("deliveries", "replay", "--all-dead") == {"replayed": [first], "not_replayed": []}
    assert told("deliveries", "replay", second, status=2) == {"replayed": [], "not_replayed": [second]}
    assert told("deliveries", "list")["counts"]["accepted"] == 2


def test_the_delivery_verbs_refuse_what_makes_no_sense(connected: Connected) -> None:
    """An unknown state, an unknown id and nothing to replay are each a sentence."""
    assert "accepted, done, dead, unreadable" in refusal("deliveries", "list", "--state", "lost")
    assert "'nobody'" in refusal("deliveries", "show", "nobody")
    assert "--all-dead" in refusal("deliveries", "replay")
    assert "--all-dead" in refusal("deliveries", "replay", "1", "--all-dead")


# --- tickets ----------------------------------------------------------------------------------------------------------


def test_backfill_takes_in_what_was_missed(connected: Connected) -> None:
    """A ticket that no delivery told of waits for the worker; the one that was delivered does not wait twice."""
    deliver(connected)
    connected.simulated.add_ticket("Printer", "It is jammed.")
    assert told("backfill", "--connection", NAME, "--since", "24h") == {"seen": 2, "taken_in": 1, "closed": 0}
    assert "0 taken in" in run("backfill", "--connection", NAME).stdout
    assert "is no moment" in refusal("backfill", "--connection", NAME, "--since", "lately")


def test_export_writes_tickets_and_articles(connected: Connected, tmp_path: Path) -> None:
    """Both files are named by options, of which one is needed."""
    connected.simulated.articles.append(SimulatedArticle("1", "VPN", "Restart it."))
    connected.simulated.close_ticket(connected.simulated.add_ticket("VPN", SAID))
    tickets, articles = tmp_path / "tickets.jsonl", tmp_path / "articles.jsonl"
    files = ("--tickets", str(tickets), "--articles", str(articles))
    counted = told("export", "--connection", NAME, "--since", "365d", *files)
    assert counted == {"tickets": 1, "forgotten": 0, "unconfirmed": 0, "articles": 1}
    assert [len(file.read_text(encoding="utf-8").splitlines()) for file in (tickets, articles)] == [1, 1]
    assert "1 articles." in run("export", "--connection", NAME, "--articles", str(articles)).stdout
    assert "--tickets FILE.jsonl" in refusal("export", "--connection", NAME)


def test_revert_takes_back_what_a_version_wrote(connected: Connected) -> None:
    """A rehearsal says what the real run then does; what a person touched is named."""
    ticket = connected.simulated.add_ticket("VPN", SAID)
    connected.write(ticket, priority="high", group="network-ops")
    connected.simulated.set_field(ticket, "group", "security", author=Author.AGENT)
    options = ("revert", "--connection", NAME, "--model-version", "7", "--since", "1h")
    rehearsed = told(*options, "--dry-run")
    assert ticket.fields["priority"] == "high"
    done = run(*options)
    assert done.exit_code == 0
    assert re.search(r"taken back: priority; touched by people and left: group", done.stdout)
    assert ticket.fields["priority"] == "normal"
    assert (rehearsed["effects"][0]["restored"], rehearsed["effects"][0]["touched"]) == (["priority"], ["group"])
    assert told(*options) == {"dry_run": False, "effects": [], "problems": 0}


def test_forget_erases_a_requester(connected: Connected) -> None:
    """What the tickets of an address said is gone, in letters of either case; their number is told."""
    delivery = deliver(connected, requester_email="forget@customer.example")
    assert told("forget", "--requester", "Forget@Customer.example") == {"tickets": 1}
    kept = connected.storage.deliveries.find(delivery)
    assert kept is not None
    assert kept.event == {}
    assert "0 tickets" in run("forget", "--requester", "nobody@customer.example").stdout
    assert "e-mail" in refusal("forget", "--requester", "mina")


def test_work_is_for_postgresql(connected: Connected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On SQLite the service does the work itself; without a connection there is none to do."""
    assert "`triage serve` does the work itself" in refusal("work")
    monkeypatch.setenv("TRIAGE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    write_connections(tmp_path / "connections.toml")
    assert "TRIAGE_CONNECTIONS" in refusal("work")
