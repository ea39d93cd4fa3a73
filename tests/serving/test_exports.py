"""Exported tickets and articles: redacted, without what we wrote ourselves, without the forgotten, whole or not."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.errors import HelpdeskDownError, HistoryError
from features.history import TICKET_FIELDS
from serving.exports import ExportedTickets, export_articles, export_tickets
from serving.helpdesks.interface import Event, EventKind
from serving.storage.intake import Closing, FinalValue, SetBy, requester_sha256
from serving.storage.sql import open_storage
from serving.webhooks import stored_delivery
from tests.connected_helpdesk import Connected, now
from tests.simulated_helpdesks.interface import SimulatedHelpdesk
from tests.simulated_helpdesks.servicenow import SimulatedServiceNow
from tests.simulated_helpdesks.tickets import Author, SimulatedArticle
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

SAID = "결제팀 담당자님, 010-1234-5678 로 전화 주세요. 비밀번호는 hunter2!x 입니다. 메일은 mina@customer.example"


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[SimulatedHelpdesk], Connected]]:
    storage = open_storage(f"sqlite:///{tmp_path / 'triage.db'}")
    opened: list[Connected] = []

    def connect_(simulated: SimulatedHelpdesk) -> Connected:
        simulated.start()
        opened.append(Connected.to(simulated, storage=storage, folder=tmp_path))
        return opened[-1]

    yield connect_
    for one in opened:
        one.simulated.stop()
        one.close()


@pytest.fixture
def zendesk(connect: Callable[[SimulatedHelpdesk], Connected]) -> Connected:
    return connect(SimulatedZendesk())


def _export(connected: Connected, file: Path) -> tuple[ExportedTickets, list[dict[str, Any]]]:
    done = export_tickets(
        connected.connection,
        helpdesk=connected.helpdesk,
        storage=connected.storage,
        since=now() - timedelta(days=365),
        file=file,
    )
    return done, [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_ticket_is_a_row_without_personal_data(zendesk: Connected, tmp_path: Path) -> None:
    """A closed ticket has the product's columns and its final values; an open one is not there."""
    ticket = zendesk.simulated.add_ticket(SAID, SAID, organization="한빛상사", article_ids=["77"])
    zendesk.simulated.set_field(ticket, "priority", "high", author=Author.AGENT)
    zendesk.simulated.say(ticket, f"해결했습니다. {SAID}", author=Author.AGENT)
    zendesk.simulated.close_ticket(ticket)
    zendesk.simulated.add_ticket("VPN", "It drops.")
    done, (row,) = _export(zendesk, tmp_path / "tickets.jsonl")
    assert done == ExportedTickets(tickets=1)
    assert tuple(row) == TICKET_FIELDS
    assert (row["id"], row["priority"], row["organization"]) == (ticket.id, "high", "한빛상사")
    assert row["article_ids"] == ["77"]
    written = (tmp_path / "tickets.jsonl").read_text(encoding="utf-8")
    assert not [secret for secret in ("5678", "hunter2", "customer.example") if secret in written]
    assert stat.S_IMODE((tmp_path / "tickets.jsonl").stat().st_mode) == 0o600


def test_what_we_wrote_and_nobody_touched_is_no_label(zendesk: Connected, tmp_path: Path) -> None:
    """Our own value is left empty, by what we wrote or by what stood there at close; a person's is kept."""
    ticket = zendesk.simulated.add_ticket("VPN", "It drops.")
    zendesk.write(ticket, priority="high", kind="request", category="network")
    zendesk.simulated.set_field(ticket, "category", "hardware", author=Author.AGENT)
    zendesk.simulated.set_field(ticket, "tier", "2", author=Author.US)
    zendesk.simulated.close_ticket(ticket)
    at_close = {"tier": FinalValue("2", SetBy.US, is_confirmed=False)}
    zendesk.storage.closings.record(Closing(zendesk.connection.name, ticket.id, now(), at_close, "7"))
    done, (row,) = _export(zendesk, tmp_path / "tickets.jsonl")
    assert (row["priority"], row["kind"], row["tier"], row["category"]) == (None, None, None, "hardware")
    assert done.unconfirmed == 3


def test_what_is_computed_from_our_value_is_ours(
    connect: Callable[[SimulatedHelpdesk], Connected], tmp_path: Path
) -> None:
    """ServiceNow's impact and urgency, written for a priority of ours, are no labels either."""
    servicenow = connect(SimulatedServiceNow())
    ticket = servicenow.simulated.add_ticket("VPN", "It drops.")
    servicenow.simulated.set_field(ticket, "category", "network", author=Author.AGENT)
    servicenow.write(ticket, priority="high")
    servicenow.simulated.close_ticket(ticket)
    _, (row,) = _export(servicenow, tmp_path / "tickets.jsonl")
    assert (row["priority"], row["impact"], row["urgency"], row["category"]) == (None, None, None, "network")


def test_a_forgotten_ticket_is_no_row(zendesk: Connected, tmp_path: Path) -> None:
    """The tickets of a requester who was forgotten are left out and counted."""
    ticket = zendesk.simulated.add_ticket("VPN", "It drops.", requester_email="forget@customer.example")
    told = Event(EventKind.CREATED, zendesk.helpdesk.read(ticket.id).ticket)
    zendesk.storage.deliveries.accept(stored_delivery(zendesk.connection, told, key="1", received_at=now()))
    zendesk.storage.originals.forget(requester_sha256("Forget@customer.example"), at=now())
    zendesk.simulated.close_ticket(ticket)
    done, rows = _export(zendesk, tmp_path / "tickets.jsonl")
    assert (done, rows) == (ExportedTickets(forgotten=1), [])


def test_a_file_is_whole_or_as_it_was(zendesk: Connected, tmp_path: Path) -> None:
    """An export that fails leaves the file of the last one, and nothing beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "tickets.jsonl").write_text("the last one", encoding="utf-8")
    for number in range(3):
        zendesk.simulated.close_ticket(zendesk.simulated.add_ticket(f"VPN {number}", "It drops."))
    zendesk.simulated.faults.failing_share = 1.0
    with pytest.raises(HelpdeskDownError):
        _export(zendesk, folder / "tickets.jsonl")
    assert [path.name for path in folder.iterdir()] == ["tickets.jsonl"]
    assert (folder / "tickets.jsonl").read_text(encoding="utf-8") == "the last one"
    with pytest.raises(HistoryError, match="cannot be written"):
        _export(zendesk, tmp_path / "nowhere" / "tickets.jsonl")


def test_articles_keep_their_audience(zendesk: Connected, tmp_path: Path) -> None:
    """Who may read an article is exported with it."""
    zendesk.simulated.articles += [
        SimulatedArticle("1", "VPN", "Restart it. Ask kim@helpdesk.example."),
        SimulatedArticle("2", "Firewall", "Only we know.", audience="security"),
    ]
    assert export_articles(helpdesk=zendesk.helpdesk, file=tmp_path / "articles.jsonl") == 2
    rows = [json.loads(line) for line in (tmp_path / "articles.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["audience"] for row in rows] == ["everyone", "security"]
    assert rows[0]["body"] == "Restart it. Ask [email]."
