"""Helpdesks of no known vendor: Standard Webhooks, CloudEvents, a map of fields, and suggestions sent back."""

from __future__ import annotations

import json
from base64 import b64encode
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
    TicketChangedError,
    TicketGoneError,
)
from serving.connections import Connection
from serving.helpdesks.generic import Generic
from serving.helpdesks.interface import Delivery, Event, EventKind, Ignored, IgnoredBecause, TicketChange, TicketState
from serving.helpdesks.vendors import open_helpdesk
from tests.simulated_helpdesks.generic import SimulatedGeneric
from tests.simulated_helpdesks.interface import Webhook
from tests.simulated_helpdesks.tickets import Author, SimulatedArticle

_NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _generic(**settings: Any) -> Generic:
    known = {"name": "desk", "vendor": "generic", "base_url": "http://127.0.0.1:9"}
    return Generic(Connection.model_validate({**known, **settings}), clock=lambda: _NOW)


def _delivery(body: object, *, at: datetime = _NOW, **headers: str) -> Delivery:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery({name.replace("_", "-"): value for name, value in headers.items()}, content, at)


def _sent(webhook: Webhook) -> Delivery:
    return Delivery({name.lower(): value for name, value in webhook.headers.items()}, webhook.body, _NOW)


def _event(body: object, **settings: Any) -> Event:
    understood = _generic(**settings).understand(_delivery(body))
    assert isinstance(understood, Event)
    return understood


@cache
def _kept() -> Generic:
    """One helpdesk for all examples: to make its client takes longer than to try it."""
    return _generic(
        signing_secrets=["secret"],
        attributes={"plan": "requester.plan"},
        event_fields={"subject": "data.ticket.channel"},
    )


@pytest.fixture
def simulated() -> Iterator[SimulatedGeneric]:
    """A running helpdesk of no known vendor."""
    desk = SimulatedGeneric(clock=lambda: _NOW)
    with desk.running():
        yield desk


@pytest.fixture
def helpdesk(simulated: SimulatedGeneric) -> Iterator[Generic]:
    """Ours, connected to it."""
    opened = open_helpdesk(Connection.model_validate(simulated.connection()), clock=lambda: _NOW)
    assert isinstance(opened, Generic)
    yield opened
    opened.close()


def test_published_signatures_are_verified_and_flipped_bits_refused(published: Path) -> None:
    """The vectors of the reference libraries are accepted among the secrets of a rotation; one bit spoils them."""
    vectors = json.loads((published / "signature_vectors.json").read_bytes())
    for vector in (one for one in vectors if one["scheme"] == "standard-webhooks-v1"):
        helpdesk = _generic(signing_secrets=["whsec_" + b64encode(b"old").decode(), vector["secret"]])
        at = datetime.fromtimestamp(int(vector["webhook_timestamp"]), UTC)
        headers = {
            "webhook_id": vector["webhook_id"],
            "webhook_timestamp": vector["webhook_timestamp"],
            "webhook_signature": "v1a,other " + vector["signature"],
        }
        body = vector["body"].encode()
        helpdesk.verify(_delivery(body, at=at, **headers))
        with pytest.raises(AuthenticationError, match="signing_secrets"):
            helpdesk.verify(_delivery(bytes([body[0] ^ 1]) + body[1:], at=at, **headers))
        with pytest.raises(AuthenticationError, match="301 seconds"):
            helpdesk.verify(_delivery(body, at=at + timedelta(seconds=301), **headers))
        for name in headers:
            with pytest.raises(AuthenticationError):
                helpdesk.verify(_delivery(body, at=at, **{**headers, name: ""}))


def test_a_secret_that_is_no_base64_is_named_as_such() -> None:
    """The error says what is wrong and does not show the secret."""
    with pytest.raises(AuthenticationError, match="not base64") as refused:
        _generic(signing_secrets=["whsec_???"]).verify(_delivery({}))
    assert "???" not in str(refused.value)


def test_a_connection_without_secret_refuses() -> None:
    """Nothing is let in, and the error says what to set."""
    with pytest.raises(AuthenticationError, match="signing_secrets"):
        _generic().verify(_delivery({}))


def test_a_sender_that_cannot_sign_may_send_a_password() -> None:
    """Basic authentication is enough where the connection names a password."""
    helpdesk = _generic(webhook_user="relay", webhook_passwords=["pass"])
    helpdesk.verify(_delivery({}, authorization="Basic " + b64encode(b"relay:pass").decode()))
    with pytest.raises(AuthenticationError):
        helpdesk.verify(_delivery({}))


def test_events_of_the_default_form_are_understood() -> None:
    """A ticket within an envelope is told with all that it names."""
    ticket = {
        "id": "T-7",
        "subject": "급여 명세서",
        "body": "열리지 않아요",
        "requester": {"email": "mina@customer.example", "id": 12},
        "organization": {"name": "Acme"},
        "channel": "Web",
        "created_at": "2026-03-02T08:59:00Z",
        "attributes": {"seats": 12, "plan": "gold"},
    }
    event = _event({"type": "ticket.created", "timestamp": "2026-03-02T09:00:00Z", "data": {"ticket": ticket}})
    assert (event.kind, event.is_complete, event.occurred_at) == (EventKind.CREATED, True, _NOW)
    assert (event.ticket.id, event.ticket.subject, event.ticket.channel) == ("T-7", "급여 명세서", "portal")
    requester = event.ticket.requester
    assert (requester.id, requester.email, requester.organization) == ("12", "mina@customer.example", "Acme")
    assert event.ticket.attributes == {"seats": 12.0, "plan": "gold"}


def test_a_cloud_event_is_understood() -> None:
    """Structured with its own id and subject beside the ticket's, or binary with its type in a header."""
    ticket = {"id": 8, "subject": "VPN", "body": "down"}
    structured = {"specversion": "1.0", "id": "e-1", "source": "/desk", "subject": "x", "data": ticket}
    event = _event({**structured, "type": "com.desk.ticket.closed", "time": "2026-03-02T09:00:00Z"})
    assert (event.kind, event.ticket.id, event.ticket.subject) == (EventKind.CLOSED, "8", "VPN")
    helpdesk, binary = _generic(), _delivery(ticket, ce_type="ticket.reopened", ce_id="e-2")
    assert helpdesk.delivery_key(binary) == "e-2"
    understood = helpdesk.understand(binary)
    assert isinstance(understood, Event)
    assert (understood.kind, understood.ticket.body) == (EventKind.REOPENED, "down")
    nothing = helpdesk.understand(_delivery({**structured, "data": None}))
    assert nothing == Ignored(IgnoredBecause.NO_TICKET)


def test_a_map_of_fields_finds_them_anywhere() -> None:
    """Dotted paths from the top of the body name each field, the kind of event among them."""
    event = _event(
        {"what": {"did": "new"}, "issue": {"key": "A-1", "text": {"long": "printer"}, "rev": 4}},
        event_fields={"id": "issue.key", "body": "issue.text.long", "kind": "what.did", "version": "issue.rev"},
    )
    assert (event.ticket.id, event.ticket.body, event.kind, event.version) == (
        "A-1",
        "printer",
        EventKind.CREATED,
        "4",
    )


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
    simulated: SimulatedGeneric, helpdesk: Generic, kind: str, because: IgnoredBecause
) -> None:
    """Our own changes, agents' comments, notes and changes of fields ask for nothing."""
    delivery = _sent(simulated.webhook(kind, simulated.add_ticket("A", "B")))
    helpdesk.verify(delivery)
    understood = helpdesk.understand(delivery)
    assert isinstance(understood, Ignored)
    assert understood.because is because


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_is_understood(simulated: SimulatedGeneric, helpdesk: Generic, kind: EventKind) -> None:
    """What is sent of a ticket is what is read of it."""
    ticket = simulated.add_ticket("VPN", "오류", organization="Acme", channel="portal")
    understood = helpdesk.understand(_sent(simulated.webhook(kind, ticket)))
    assert isinstance(understood, Event)
    assert understood.kind is kind
    assert understood.ticket == helpdesk.read(ticket.id).ticket


def test_a_suggestion_is_done_once_however_often_it_is_sent(simulated: SimulatedGeneric, helpdesk: Generic) -> None:
    """After an answer that was lost the same suggestion carries the same id, also with the ticket's later version."""
    ticket = simulated.add_ticket("VPN", "오류", tags=["vip"])
    state = helpdesk.read(ticket.id)
    change = TicketChange({"priority": "high"}, ("triaged",), note="제안 [m-1]")
    simulated.faults.failing_share, simulated.faults.after_share = 1.0, 1.0
    with pytest.raises(HelpdeskDownError):
        helpdesk.write(state, change)
    simulated.faults.failing_share = 0.0
    helpdesk.write(state, change)
    helpdesk.write(helpdesk.read(ticket.id), change)
    state = helpdesk.read(ticket.id)
    assert (state.notes, state.tags, state.fields["priority"]) == (
        ("제안 [m-1]",),
        frozenset({"vip", "triaged"}),
        "high",
    )
    assert not ticket.public_messages_of_ours
    helpdesk.write(state, TicketChange(removed_tags=("triaged",)))
    assert helpdesk.read(ticket.id).tags == {"vip"}


def test_all_calls_go_over_one_connection(simulated: SimulatedGeneric, helpdesk: Generic) -> None:
    """Reading and each suggestion use what the first call opened."""
    ticket = simulated.add_ticket("VPN", "오류")
    for number in range(3):
        helpdesk.write(helpdesk.read(ticket.id), TicketChange(note=f"제안 {number}"))
    assert len(simulated.suggestions) == 3
    assert len(simulated.callers) == 1


def test_a_value_set_meanwhile_is_kept(simulated: SimulatedGeneric, helpdesk: Generic) -> None:
    """The receiver answers 409 where the ticket has changed since it was read."""
    ticket = simulated.add_ticket("VPN", "오류")
    state = helpdesk.read(ticket.id)
    simulated.set_field(ticket, "priority", "low", author=Author.AGENT)
    with pytest.raises(TicketChangedError):
        helpdesk.write(state, TicketChange({"priority": "high"}))
    assert helpdesk.read(ticket.id).fields["priority"] == "low"


def test_a_ticket_is_read_with_its_conversation(simulated: SimulatedGeneric, helpdesk: Generic) -> None:
    """Notes, follow-ups and whether a person has answered are there."""
    ticket = simulated.add_ticket("VPN", "오류")
    simulated.say(ticket, "any news?", author=Author.REQUESTER)
    simulated.say(ticket, "we are looking", author=Author.AGENT)
    simulated.say(ticket, "call the vendor", author=Author.AGENT, is_public=False)
    state = helpdesk.read(ticket.id)
    assert (state.follow_ups, state.notes, state.is_answered) == (("any news?",), ("call the vendor",), True)
    assert (state.fields["priority"], state.fields["category"]) == ("normal", "")


def test_failures_are_told_apart(simulated: SimulatedGeneric, helpdesk: Generic) -> None:
    """Gone, busy and refused are different errors; where nothing is served, the ticket is gone."""
    for missing in ("404", "..", "", "a/b"):
        with pytest.raises(TicketGoneError):
            helpdesk.read(missing)
    with pytest.raises(TicketGoneError, match="base_url"):
        _generic(base_url="").read("1")
    ticket = simulated.add_ticket("VPN", "오류")
    state = helpdesk.read(ticket.id)
    with pytest.raises(HelpdeskRefusedError, match="signing_secrets"):
        _generic().write(state, TicketChange(note="x"))
    simulated.faults.calls_per_minute = 1
    helpdesk.write(state, TicketChange(note="x"))
    with pytest.raises(HelpdeskBusyError):
        helpdesk.write(state, TicketChange(note="x"))


def test_a_suggestion_goes_to_the_address_as_it_is_written(simulated: SimulatedGeneric) -> None:
    """No slash is added to the path of base_url."""
    helpdesk = _generic(**{**simulated.connection(), "base_url": f"{simulated.url}/hooks/triage"})
    ticket = simulated.add_ticket("VPN", "오류")
    with pytest.raises(TicketGoneError):
        helpdesk.write(TicketState(_event({"id": ticket.id}).ticket, {}), TicketChange(note="x"))
    helpdesk.close()
    assert simulated.calls[-1][1:3] == ("POST", "/hooks/triage")


def test_lists_are_read_page_by_page(simulated: SimulatedGeneric, helpdesk: Generic) -> None:
    """Changed tickets, closed ones with their labels, and articles with their audience."""
    for number in range(120):
        simulated.add_ticket(f"t{number}", "x", fields={"category": "network"})
    simulated.close_ticket(simulated.tickets["1007"])
    changed = [one.ticket.subject for one in helpdesk.changed_since(_NOW)]
    assert (len(changed), len(set(changed))) == (120, 120)
    (row,) = helpdesk.history(_NOW)
    assert (row.id, row.category, row.priority, row.kind, row.resolved_at) == (
        "1007",
        "network",
        "normal",
        None,
        _NOW,
    )
    simulated.articles = [SimulatedArticle("a1", "VPN", "reinstall"), SimulatedArticle("a2", "Pay", "x", "hr")]
    assert [(one.id, one.audience) for one in helpdesk.articles()] == [("a1", "everyone"), ("a2", "hr")]


def test_a_check_says_what_is_missing(helpdesk: Generic) -> None:
    """A connection that is set has no problems; one that is not says what to set."""
    assert helpdesk.check().problems == ()
    told = _generic(base_url="", signing_secrets=["whsec_?"]).check()
    assert (told.may_read, told.may_write) == (False, False)
    assert "signing_secrets" in " ".join(told.problems)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    ["id", "type", "data", "ticket", "requester", "organization", "channel", "fields", "attributes", "specversion"]
)
_BODIES = st.recursive(_JSON, lambda inner: st.dictionaries(_NAMES, inner, max_size=6), max_leaves=5)


def _as_body(value: object) -> bytes:
    return json.dumps(value).encode()


@settings(deadline=None)
@given(st.dictionaries(_NAMES, _BODIES))
def test_any_object_is_understood_or_ignored(body: dict[str, Any]) -> None:
    """Whatever is sent, nothing is raised."""
    assert isinstance(_kept().understand(_delivery(body)), Event | Ignored)


@settings(deadline=None)
@given(st.binary(max_size=40) | _JSON.filter(lambda value: not isinstance(value, dict)).map(_as_body))
def test_a_body_that_is_no_object_is_refused_in_words(body: bytes) -> None:
    """Nothing but DeliveryError is raised."""
    with pytest.raises(DeliveryError, match="Let the helpdesk send"):
        _kept().understand(_delivery(body))


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=40))
def test_no_headers_break_the_signature_check(identity: str, stamp: str, signed: str) -> None:
    """Headers of any text are refused, not stumbled over."""
    delivery = _delivery({}, webhook_id=identity, webhook_timestamp=stamp, webhook_signature=signed)
    with pytest.raises(AuthenticationError):
        _kept().verify(delivery)
