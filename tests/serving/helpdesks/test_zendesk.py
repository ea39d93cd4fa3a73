"""Zendesk: webhooks that are its own and what they say, tickets read and written over HTTP on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from features.errors import (
    AuthenticationError,
    HelpdeskBusyError,
    HelpdeskDownError,
    HelpdeskRefusedError,
    TicketChangedError,
    TicketGoneError,
)
from serving.helpdesks.interface import (
    Delivery,
    Event,
    EventKind,
    Helpdesk,
    Ignored,
    IgnoredBecause,
    TicketChange,
)
from tests.offline_zendesk import NOW, offline
from tests.simulated_helpdesks.interface import Webhook
from tests.simulated_helpdesks.tickets import Author, SimulatedArticle
from tests.simulated_helpdesks.zendesk import SIGNING_SECRET, SimulatedZendesk

Connect: TypeAlias = Callable[..., Helpdesk]


@pytest.fixture
def helpdesk() -> Iterator[SimulatedZendesk]:
    """A simulated Zendesk that listens."""
    simulated = SimulatedZendesk(clock=lambda: NOW)
    with simulated.running():
        yield simulated


def delivered(webhook: Webhook, *, at: datetime = NOW) -> Delivery:
    """Return a webhook as it comes in."""
    return Delivery({name.lower(): value for name, value in webhook.headers.items()}, webhook.body, at)


# --- signatures -----------------------------------------------------------------------------------------------


def test_a_signed_webhook_is_accepted_and_one_flipped_bit_is_refused(
    helpdesk: SimulatedZendesk, connect: Connect
) -> None:
    """The signature covers every byte of the body and the time."""
    zendesk, ticket = connect(), helpdesk.add_ticket("Refund", "환불해 주세요")
    delivery = delivered(helpdesk.webhook(EventKind.CREATED, ticket))
    zendesk.verify(delivery)
    flipped = bytes([delivery.body[7] ^ 1])
    with pytest.raises(AuthenticationError, match="signing_secrets"):
        zendesk.verify(replace(delivery, body=delivery.body[:7] + flipped + delivery.body[8:]))
    later = {**delivery.headers, "x-zendesk-webhook-signature-timestamp": "2026-03-02T00:30:01Z"}
    with pytest.raises(AuthenticationError):
        zendesk.verify(replace(delivery, headers=later))


def test_published_signatures_are_verified(published: Path) -> None:
    """The vectors of Zendesk's documentation and of others' tests hold here too."""
    vectors = json.loads((published / "signature_vectors.json").read_text(encoding="utf-8"))
    own = [one for one in vectors if one["scheme"] == "zendesk"]
    assert own
    for one in own:
        stated = one["timestamp_header"]
        at = datetime.fromtimestamp(int(stated), UTC) if stated.isdigit() else datetime.fromisoformat(stated)
        body = (published / one["body_file"]).read_bytes() if "body_file" in one else one["body"].encode()
        headers = {
            "x-zendesk-webhook-signature": one["signature"],
            "x-zendesk-webhook-signature-timestamp": stated,
        }
        offline(signing_secrets=[one["secret_utf8"]]).verify(Delivery(headers, body, at))


def test_a_secret_that_is_being_replaced_counts_until_it_is_removed(
    helpdesk: SimulatedZendesk, connect: Connect
) -> None:
    """Each of a connection's secrets is tried."""
    delivery = delivered(helpdesk.webhook(EventKind.CREATED, helpdesk.add_ticket("a", "b")))
    connect(signing_secrets=["the next", SIGNING_SECRET]).verify(delivery)
    with pytest.raises(AuthenticationError):
        connect(signing_secrets=["the next"]).verify(delivery)


def test_an_old_delivery_is_refused(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """A delivery recorded and sent again after the tolerated time is not taken."""
    delivery = delivered(
        helpdesk.webhook(EventKind.CREATED, helpdesk.add_ticket("a", "b")), at=NOW + timedelta(minutes=6)
    )
    with pytest.raises(AuthenticationError, match="seconds"):
        connect().verify(delivery)


@pytest.mark.parametrize("secrets", [[], [""]])
def test_a_connection_without_secret_refuses_everything(
    helpdesk: SimulatedZendesk, connect: Connect, secrets: list[str]
) -> None:
    """Nothing is taken on trust, and an empty secret is none."""
    delivery = delivered(helpdesk.webhook(EventKind.CREATED, helpdesk.add_ticket("a", "b")))
    with pytest.raises(AuthenticationError, match="Set signing_secrets"):
        connect(signing_secrets=secrets).verify(delivery)


def test_a_retry_has_the_key_of_the_first_sending(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """Zendesk's id of the invocation tells; where it is missing, the body does."""
    ticket, zendesk = helpdesk.add_ticket("a", "b"), connect()
    first, again = (delivered(helpdesk.webhook(EventKind.CREATED, ticket, delivery="one")) for _ in range(2))
    other = delivered(helpdesk.webhook(EventKind.CLOSED, ticket))
    assert zendesk.delivery_key(first) == zendesk.delivery_key(again) == "one"
    bare = {zendesk.delivery_key(replace(one, headers={})) for one in (first, again, other)}
    assert len(bare) == 2


# --- events ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_is_told(helpdesk: SimulatedZendesk, connect: Connect, kind: EventKind) -> None:
    """A subscription's name and what it says of the change give the kind."""
    ticket = helpdesk.add_ticket("Refund", "Please")
    event = connect().understand(delivered(helpdesk.webhook(kind, ticket)))
    assert isinstance(event, Event)
    assert event.kind is kind
    assert event.ticket.id == ticket.id


@pytest.mark.parametrize("because", list(IgnoredBecause)[1:5])
def test_what_people_and_we_do_is_ignored(
    helpdesk: SimulatedZendesk, connect: Connect, because: IgnoredBecause
) -> None:
    """Agents' comments, notes, changed fields and our own changes ask for nothing."""
    ticket = helpdesk.add_ticket("Refund", "Please")
    understood = connect().understand(delivered(helpdesk.webhook(because.value, ticket)))
    assert isinstance(understood, Ignored)
    assert understood.because is because


# --- reading and writing --------------------------------------------------------------------------------------


def test_a_ticket_is_read_whole(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """Requester, organisation, fields, attributes, tags and the conversation by who said it."""
    helpdesk.page_size = 2
    ticket = helpdesk.add_ticket(
        "로그인 불가",
        "비밀번호가 틀리대요",
        organization="하늘식품",
        fields={"group": "결제팀", "category": "account"},
        custom={"plant": "평택"},
        tags=["vip"],
    )
    helpdesk.say(ticket, "아직도 안 돼요", author=Author.REQUESTER)
    helpdesk.say(ticket, "We look into it", author=Author.AGENT)
    helpdesk.say(ticket, "seen before", author=Author.AGENT, is_public=False)
    state = connect().read(ticket.id)
    assert (state.ticket.subject, state.ticket.body) == ("로그인 불가", "비밀번호가 틀리대요")
    assert (state.ticket.requester.email, state.ticket.requester.organization) == ("mina@customer.example", "하늘식품")
    assert state.ticket.attributes == {"plant": "평택"}
    assert state.fields == {
        "priority": "normal",
        "kind": "",
        "group": "결제팀",
        "category": "account",
        "tier": "",
        "impact": "",
        "urgency": "",
    }
    assert (state.tags, state.notes, state.follow_ups) == ({"vip"}, ("seen before",), ("아직도 안 돼요",))
    assert state.is_answered
    assert not state.is_closed


def test_a_change_is_written_in_one_private_update(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """Fields, tags and note go in one request; tags that were there stay, and nothing is said to the requester."""
    ticket = helpdesk.add_ticket("Refund", "Please", tags=["vip"])
    zendesk = connect()
    fields = {"priority": "urgent", "kind": "task", "group": "결제팀", "category": "hr", "tier": "2"}
    zendesk.write(zendesk.read(ticket.id), TicketChange(fields=fields, tags=("triage",), note="왜냐하면 #m1"))
    assert {target: ticket.fields[target] for target in fields} == fields
    assert set(ticket.tags) == {"vip", "triage", "hr"}
    assert ticket.notes == ["왜냐하면 #m1"]
    assert ticket.public_messages_of_ours == []
    assert [method for _, method, _, _ in helpdesk.calls].count("PUT") == 1
    state = zendesk.read(ticket.id)
    assert state.fields == {**fields, "impact": "", "urgency": ""}
    assert not state.is_answered
    zendesk.write(state, TicketChange(fields={"category": "", "group": ""}, removed_tags=("triage",)))
    assert (ticket.fields["category"], ticket.fields["group"], ticket.tags) == ("", "", ["vip"])


def test_a_ticket_changed_meanwhile_is_left_as_it_is(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """What a person sets between our reading and writing stays."""
    ticket = helpdesk.add_ticket("Refund", "Please")
    zendesk = connect()
    state = zendesk.read(ticket.id)
    helpdesk.set_field(ticket, "priority", "low", author=Author.AGENT)
    with pytest.raises(TicketChangedError):
        zendesk.write(state, TicketChange(fields={"priority": "urgent"}, note="n"))
    assert (ticket.fields["priority"], ticket.notes) == ("low", [])


def test_what_zendesk_does_not_know_is_refused(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """An unknown ticket is gone, an unknown value or group refused with its name."""
    ticket, zendesk = helpdesk.add_ticket("Refund", "Please"), connect()
    with pytest.raises(TicketGoneError):
        zendesk.read("424242")
    state = zendesk.read(ticket.id)
    with pytest.raises(HelpdeskRefusedError, match="priority"):
        zendesk.write(state, TicketChange(fields={"priority": "whenever"}))
    with pytest.raises(HelpdeskRefusedError, match="no group 'nobody'"):
        zendesk.write(state, TicketChange(fields={"group": "nobody"}))


def test_a_group_may_be_mapped_by_its_id(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """A connection that names a group's id reads and writes the id."""
    ticket = helpdesk.add_ticket("Refund", "Please", fields={"group": "service-desk"})
    zendesk = connect(values={"group": {"first line": "500", "access": "501"}})
    state = zendesk.read(ticket.id)
    assert (state.fields["group"], state.ticket.group) == ("500", "first line")
    zendesk.write(state, TicketChange(fields={"group": "501"}))
    assert ticket.fields["group"] == "identity"


def test_a_busy_or_failing_helpdesk_is_told_apart(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """429 says when to come back; a failure after the work leaves the work done and the marker to be found."""
    ticket, zendesk = helpdesk.add_ticket("Refund", "Please"), connect()
    state = zendesk.read(ticket.id)
    helpdesk.faults.failing_share, helpdesk.faults.after_share = 1.0, 1.0
    with pytest.raises(HelpdeskDownError):
        zendesk.write(state, TicketChange(note="#marker"))
    helpdesk.faults.failing_share = 0.0
    assert zendesk.read(ticket.id).notes == ("#marker",)
    helpdesk.faults.calls_per_minute = 1
    with pytest.raises(HelpdeskBusyError) as raised:
        [zendesk.read(ticket.id) for _ in range(3)]
    assert raised.value.retry_after_seconds > 0


def test_the_connection_is_checked(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """Who we are and what we may do, with what to set where something is missing."""
    capabilities = connect().check()
    assert (capabilities.user, capabilities.user_id) == ("triage@helpdesk.example", "900")
    assert (capabilities.may_read, capabilities.may_write, capabilities.may_read_articles) == (True, True, True)
    assert capabilities.problems == ()
    assert 'own_user_id = "900"' in connect(own_user_id="").check().problems[0]
    stranger = connect(token="wrong").check()
    assert not stranger.may_read
    assert "API token" in stranger.problems[0]


# --- many tickets, history, articles --------------------------------------------------------------------------


@pytest.fixture
def ten_minutes_of_tickets(helpdesk: SimulatedZendesk) -> Callable[[], list[str]]:
    """File five tickets a minute apart, two to a page of the export."""
    helpdesk.page_size = 2

    def filed() -> list[str]:
        moments = [NOW - timedelta(minutes=10 - minute) for minute in range(5)]
        for moment in moments:
            helpdesk.clock = lambda moment=moment: moment  # type: ignore[misc]
            helpdesk.add_ticket(f"at {moment:%M}", "text")
        helpdesk.clock = lambda: NOW
        return list(helpdesk.tickets)

    return filed


def test_changed_tickets_come_page_by_page(
    helpdesk: SimulatedZendesk, connect: Connect, ten_minutes_of_tickets: Callable[[], list[str]]
) -> None:
    """Every ticket since the moment once, oldest change first; a moment too recent for the export is no failure."""
    ids, zendesk = ten_minutes_of_tickets(), connect()
    assert [state.ticket.id for state in zendesk.changed_since(NOW - timedelta(minutes=9))] == ids[1:]
    helpdesk.set_field(helpdesk.tickets[ids[0]], "priority", "high", author=Author.AGENT)
    assert [state.ticket.id for state in zendesk.changed_since(NOW)] == [ids[0]]


def test_history_has_final_values_and_measures(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """Labels by our names, groups by theirs, and what became of the ticket."""
    start = NOW - timedelta(hours=2)
    helpdesk.clock = lambda: start
    fields = {"kind": "task", "group": "결제팀", "category": "hr", "priority": "high"}
    ticket = helpdesk.add_ticket("Payslip", "급여 명세서가 없어요", fields=fields, article_ids=["413"])
    helpdesk.add_ticket("Still open", "…")
    helpdesk.clock = lambda: start + timedelta(minutes=12)
    helpdesk.say(ticket, "On its way", author=Author.AGENT)
    ours = f"{helpdesk.url}/hc/en-us/articles/500\n[triage:3f2a9c81]"
    helpdesk.say(ticket, ours, author=Author.US, is_public=False)
    helpdesk.close_ticket(ticket)
    helpdesk.clock = lambda: NOW
    [row] = connect().history(start)
    assert (row.id, row.kind, row.group, row.category, row.priority) == (ticket.id, "request", "결제팀", "hr", "high")
    assert (row.first_response_at, row.resolved_at) == (start + timedelta(minutes=12), start + timedelta(minutes=12))
    assert (row.reassignments, row.reopened, row.article_ids, row.csat) == (1, 0, ("413",), None)
    assert list(connect().history(NOW - timedelta(hours=1))) == []


def test_articles_have_their_audience(helpdesk: SimulatedZendesk, connect: Connect) -> None:
    """An article of a staff segment is for that segment's group, one without segment for everyone."""
    helpdesk.page_size = 1
    helpdesk.articles = [
        SimulatedArticle("413", "Payslips", "<p>…</p>"),
        SimulatedArticle("414", "징계 절차", "비공개", audience="people-ops"),
    ]
    rows = list(connect().articles())
    assert [(row.id, row.audience) for row in rows] == [("413", "everyone"), ("414", "people-ops")]
    assert rows[0].url.endswith("/hc/en-us/articles/413")
