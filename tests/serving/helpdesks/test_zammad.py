"""Zammad's webhooks, and a round trip through its API against a simulated one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import (
    AuthenticationError,
    DeliveryError,
    HelpdeskBusyError,
    HelpdeskDownError,
    HelpdeskRefusedError,
    TicketGoneError,
)
from serving.connections import Connection
from serving.helpdesks.interface import Delivery, Event, EventKind, Ignored, IgnoredBecause, TicketChange
from serving.helpdesks.vendors import open_helpdesk
from serving.helpdesks.zammad import Zammad
from tests.simulated_helpdesks.interface import Webhook
from tests.simulated_helpdesks.tickets import Author, SimulatedArticle
from tests.simulated_helpdesks.zammad import SimulatedZammad

_NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class _Clock:
    def __init__(self) -> None:
        self.now = _NOW

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=10)
        return self.now


def _zammad(**settings: Any) -> Zammad:
    known = {"name": "desk", "vendor": "zammad", "base_url": "http://127.0.0.1:9", "own_user_id": 99}
    return Zammad(Connection.model_validate({**known, **settings}), clock=lambda: _NOW)


def _delivery(body: object, **headers: str) -> Delivery:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery({name.replace("_", "-"): value for name, value in headers.items()}, content, _NOW)


def _sent(webhook: Webhook) -> Delivery:
    return Delivery({name.lower(): value for name, value in webhook.headers.items()}, webhook.body, _NOW)


@cache
def _kept() -> Zammad:
    """One helpdesk for all examples: to make its client takes longer than to try it."""
    return _zammad(attributes={"vip": "customer.vip"})


@pytest.fixture
def simulated() -> Iterator[SimulatedZammad]:
    """A running Zammad."""
    desk = SimulatedZammad(clock=_Clock())
    with desk.running():
        yield desk


@pytest.fixture
def helpdesk(simulated: SimulatedZammad) -> Iterator[Zammad]:
    """Ours, connected to it."""
    opened = open_helpdesk(Connection.model_validate(simulated.connection()), clock=lambda: _NOW)
    assert isinstance(opened, Zammad)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def documented(published: Path) -> bytes:
    """The payload that Zammad's documentation prints."""
    return (published / "zammad" / "docs_default_webhook_payload.json").read_bytes()


def test_the_documented_payload_is_a_new_ticket(documented: bytes) -> None:
    """It is understood with its requester, their organisation and the way in."""
    event = _zammad().understand(_delivery(documented))
    assert isinstance(event, Event)
    assert (event.kind, event.is_complete, event.ticket.id) == (EventKind.CREATED, True, "81")
    assert (event.ticket.requester.email, event.ticket.requester.organization) == (
        "emily@example.com",
        "Awesome Customer Inc.",
    )
    assert event.ticket.body.startswith("This is a simple Webhook Test.")
    assert (event.ticket.channel, event.ticket.group) == ("phone", "Service Desk")


def test_a_recorded_signature_is_verified_and_a_flipped_bit_refused(published: Path, documented: bytes) -> None:
    """The vector computed by Zammad's rule is accepted; one bit of body or signature spoils it."""
    vectors = json.loads((published / "signature_vectors.json").read_bytes())
    vector = next(one for one in vectors if one["scheme"] == "zammad-x-hub-signature-sha1")
    helpdesk = _zammad(signing_secrets=["before-the-rotation", vector["secret_utf8"]])
    helpdesk.verify(_delivery(documented, x_hub_signature=vector["signature"]))
    flipped = bytes([documented[0] ^ 1]) + documented[1:]
    with pytest.raises(AuthenticationError, match="signing_secrets"):
        helpdesk.verify(_delivery(flipped, x_hub_signature=vector["signature"]))
    for wrong in (vector["signature"][:-1] + "0", "", "md5=00", "sha1=", "sha1=é"):
        with pytest.raises(AuthenticationError):
            helpdesk.verify(_delivery(documented, x_hub_signature=wrong))


def test_a_connection_without_secret_refuses() -> None:
    """Nothing is let in, and the error says what to set."""
    with pytest.raises(AuthenticationError, match="signing_secrets"):
        _zammad().verify(_delivery({}))


@pytest.mark.parametrize(
    ("kind", "because"),
    [
        ("own change", IgnoredBecause.OWN_CHANGE),
        ("agent comment", IgnoredBecause.AGENT_COMMENT),
        ("internal note", IgnoredBecause.INTERNAL_NOTE),
        ("field change", IgnoredBecause.FIELD_CHANGE),
    ],
)
def test_what_others_do_is_ignored(
    simulated: SimulatedZammad, helpdesk: Zammad, kind: str, because: IgnoredBecause
) -> None:
    """Our own changes, agents' comments, notes and changes of fields ask for nothing."""
    ticket = simulated.add_ticket("Drucker", "<p>kaputt</p>")
    simulated.set_field(ticket, "priority", "3 high", author=Author.AGENT)
    delivery = _sent(simulated.webhook(kind, ticket))
    helpdesk.verify(delivery)
    understood = helpdesk.understand(delivery)
    assert isinstance(understood, Ignored)
    assert understood.because is because


def test_a_ticket_lives_through_its_events(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """Created, answered by the requester, closed and reopened are told apart."""
    ticket = simulated.add_ticket("VPN 접속 불가", "<p>오류 809</p>", organization="Acme", channel="portal")
    created = helpdesk.understand(_sent(simulated.webhook(EventKind.CREATED, ticket)))
    assert isinstance(created, Event)
    assert (created.kind, created.is_complete) == (EventKind.CREATED, True)
    assert created.ticket == helpdesk.read(ticket.id).ticket
    simulated.say(ticket, "still broken", author=Author.REQUESTER)
    kinds = [helpdesk.understand(_sent(simulated.webhook(EventKind.REQUESTER_REPLIED, ticket)))]
    simulated.close_ticket(ticket)
    kinds.append(helpdesk.understand(_sent(simulated.webhook(EventKind.CLOSED, ticket))))
    ticket.status = "open"
    simulated.say(ticket, "broken again", author=Author.REQUESTER)
    kinds.append(helpdesk.understand(_sent(simulated.webhook(EventKind.REOPENED, ticket))))
    assert [one.kind for one in kinds if isinstance(one, Event)] == [
        EventKind.REQUESTER_REPLIED,
        EventKind.CLOSED,
        EventKind.REOPENED,
    ]


def test_retries_of_a_delivery_share_its_key(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """Zammad's id tells; without it the body does."""
    ticket = simulated.add_ticket("A", "B")
    first, again = (_sent(simulated.webhook(EventKind.CREATED, ticket, delivery="d-1")) for _ in range(2))
    assert helpdesk.delivery_key(first) == helpdesk.delivery_key(again) == "d-1"
    assert helpdesk.delivery_key(_delivery(b"{}")) != helpdesk.delivery_key(_delivery(b"[]"))


def test_a_chat_keeps_the_customers_turns() -> None:
    """Of a chat's transcript only what the customer says is scored."""
    article = {"id": 1, "type": "chat", "sender": "Customer", "body": "Emma: Hi<br>Mina Kim: 비밀번호 만료<br>Emma: Ok"}
    body = {"ticket": {"id": "7", "customer": {"firstname": "Mina", "lastname": "Kim"}}, "article": article}
    event = _zammad().understand(_delivery(body))
    assert isinstance(event, Event)
    assert (event.ticket.body, event.ticket.channel) == ("비밀번호 만료", "chat")


def test_a_ticket_is_read_with_its_conversation(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """Notes, follow-ups, fields, tags and the requester are there."""
    ticket = simulated.add_ticket("VPN", "오류", organization="Acme", tags=["vip"])
    simulated.say(ticket, "any news?", author=Author.REQUESTER)
    simulated.say(ticket, "we are looking", author=Author.AGENT)
    simulated.say(ticket, "call the vendor", author=Author.AGENT, is_public=False)
    state = helpdesk.read(ticket.id)
    assert (state.ticket.body, state.follow_ups, state.notes) == ("오류", ("any news?",), ("call the vendor",))
    assert state.is_answered
    assert not state.is_closed
    assert (state.ticket.requester.email, state.ticket.requester.organization) == ("mina@customer.example", "Acme")
    assert (state.fields["priority"], state.fields["group"], state.fields["category"]) == ("2 normal", "Users", "")
    assert state.tags == {"vip"}


def test_a_change_is_written_privately_and_read_again(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """Fields and note go in one request after the tags; nothing is said in public and no other tag is lost."""
    ticket = simulated.add_ticket("VPN", "오류", tags=["vip"])
    change = TicketChange({"priority": "3 high", "category": "network"}, ("triaged",), note="제안 [m-1]")
    helpdesk.write(helpdesk.read(ticket.id), change)
    state = helpdesk.read(ticket.id)
    assert (state.fields["priority"], state.fields["category"]) == ("3 high", "network")
    assert (state.tags, state.notes) == (frozenset({"vip", "triaged"}), ("제안 [m-1]",))
    assert not ticket.public_messages_of_ours
    assert ticket.status == "open"
    assert [call[1] for call in simulated.calls].count("PUT") == 1
    helpdesk.write(state, TicketChange({"category": ""}, removed_tags=("triaged",)))
    assert (helpdesk.read(ticket.id).tags, ticket.fields["category"]) == (frozenset({"vip"}), "")


def test_what_a_person_set_meanwhile_is_read_back(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """A value set by a person after our write stands, and the version tells of it."""
    ticket = simulated.add_ticket("VPN", "오류")
    before = helpdesk.read(ticket.id)
    simulated.set_field(ticket, "priority", "1 low", author=Author.AGENT)
    after = helpdesk.read(ticket.id)
    assert after.fields["priority"] == "1 low"
    assert after.version != before.version


def test_failures_are_told_apart(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """Busy, down, refused and gone are four different errors; what failed after the work has been done."""
    ticket = simulated.add_ticket("VPN", "오류")
    state = helpdesk.read(ticket.id)
    for missing in ("404404", "1/../../users", ""):
        with pytest.raises(TicketGoneError):
            helpdesk.read(missing)
    simulated.faults.failing_share, simulated.faults.after_share = 1.0, 0.0
    with pytest.raises(HelpdeskDownError):
        helpdesk.read(ticket.id)
    simulated.faults.after_share = 1.0
    with pytest.raises(HelpdeskDownError):
        helpdesk.write(state, TicketChange(note="[m-2]"))
    simulated.faults.failing_share = 0.0
    assert helpdesk.read(ticket.id).notes == ("[m-2]",)
    with pytest.raises(HelpdeskRefusedError):
        helpdesk.write(state, TicketChange({"priority": ""}))
    simulated.faults.calls_per_minute = 1
    with pytest.raises(HelpdeskBusyError):
        helpdesk.read(ticket.id)


def test_changed_tickets_are_found_over_several_pages(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """Each ticket since a moment comes once, oldest first, also where many share a moment."""
    simulated.add_ticket("old", "x")
    since = _NOW + timedelta(days=1)
    simulated.clock = lambda: since
    for number in range(230):
        simulated.add_ticket(f"t{number}", "x")
    assert [one.ticket.subject for one in helpdesk.changed_since(since)] == [f"t{number}" for number in range(230)]


def test_closed_tickets_are_history(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """A closed ticket has its final labels, its resolution and how often it went from group to group."""
    simulated.add_ticket("open", "x")
    ticket = simulated.add_ticket("VPN", "오류", organization="Acme", fields={"category": "network"})
    simulated.say(ticket, "Reinstall the client.", author=Author.AGENT)
    simulated.close_ticket(ticket)
    ticket.status = "종료"
    (row,) = helpdesk.history(_NOW - timedelta(days=1))
    assert (row.id, row.body, row.category, row.group, row.kind) == (ticket.id, "오류", "network", "Users", None)
    assert (row.resolution, row.reassignments, row.reopened) == ("Reinstall the client.", 1, 1)
    assert row.resolved_at == ticket.closed_at


def test_the_knowledge_base_is_read_with_its_audiences(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """What is published inside is for agents alone."""
    simulated.articles = [
        SimulatedArticle("11", "VPN", "Reinstall"),
        SimulatedArticle("12", "Firing", "x", "hr"),
    ]
    rows = list(helpdesk.articles())
    assert [(row.id, row.body, row.audience) for row in rows] == [
        ("11", "Reinstall", "everyone"),
        ("12", "x", "agents"),
    ]


def test_a_check_says_who_we_are_and_what_is_missing(simulated: SimulatedZammad, helpdesk: Zammad) -> None:
    """A good token may read and write; a wrong one is a problem with what to do."""
    told = helpdesk.check()
    assert (told.user, told.user_id, told.may_read, told.may_write) == ("triage@desk.example", "99", True, True)
    wrong = Zammad(Connection.model_validate({**simulated.connection(), "token": "wrong"}), clock=lambda: _NOW)
    assert "Token Access" in wrong.check().problems[0]
    wrong.close()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _as_body(value: object) -> bytes:
    return json.dumps(value).encode()


_NAMES = st.sampled_from(
    ["id", "state", "title", "group", "customer", "article_ids", "created_at", "close_at", "sender", "body", "internal"]
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["ticket", "article"]), _JSON | st.dictionaries(_NAMES, _JSON, max_size=8)))
def test_any_object_is_understood_or_ignored(body: dict[str, Any]) -> None:
    """Whatever Zammad or a custom payload sends, nothing is raised."""
    assert isinstance(_kept().understand(_delivery(body)), Event | Ignored)


@settings(deadline=None)
@given(st.binary(max_size=40) | _JSON.filter(lambda value: not isinstance(value, dict)).map(_as_body))
def test_a_body_that_is_no_object_is_refused_in_words(body: bytes) -> None:
    """Nothing but DeliveryError is raised."""
    with pytest.raises(DeliveryError, match="Let the helpdesk send"):
        _kept().understand(_delivery(body))
