"""Freshdesk: webhooks that show whose they are and what they say, tickets read and written over HTTP on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

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
from serving.helpdesks.freshdesk import Freshdesk
from serving.helpdesks.freshdesk_events import channel_of
from serving.helpdesks.freshdesk_tickets import satisfaction
from serving.helpdesks.interface import (
    Delivery,
    Event,
    EventKind,
    Helpdesk,
    Ignored,
    IgnoredBecause,
    TicketChange,
    Understood,
)
from tests.simulated_helpdesks.freshdesk import SimulatedFreshdesk
from tests.simulated_helpdesks.interface import Webhook
from tests.simulated_helpdesks.tickets import Author, SimulatedArticle

Connect: TypeAlias = Callable[..., Helpdesk]

NOW = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def helpdesk() -> Iterator[SimulatedFreshdesk]:
    """A simulated Freshdesk that listens."""
    simulated = SimulatedFreshdesk(clock=lambda: NOW)
    with simulated.running():
        yield simulated


@cache
def known() -> Freshdesk:
    """Return one adapter for all that is only understood: each has a client of its own, which takes time to make."""
    table = {"name": "freshdesk-main", "vendor": "freshdesk", "base_url": "http://127.0.0.1:9"}
    who = {"user": "triage@helpdesk.example", "own_user_id": "900"}
    return Freshdesk(Connection.model_validate({**table, **who}), clock=lambda: NOW)


def delivered(webhook: Webhook) -> Delivery:
    """Return a webhook as it comes in."""
    return Delivery({name.lower(): value for name, value in webhook.headers.items()}, webhook.body, NOW)


def told(body: object) -> Understood:
    """Return what a body says."""
    return known().understand(Delivery({}, json.dumps(body).encode(), NOW))


def fixture(name: str) -> dict[str, Any]:
    """Return one of our own payloads."""
    loaded: dict[str, Any] = json.loads((FIXTURES / name).read_text(encoding="utf-8"))
    return loaded


# --- webhooks -------------------------------------------------------------------------------------------------


def test_a_webhook_shows_its_password_or_header(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """Freshdesk signs nothing: either of the two is enough, and one wrong character is refused."""
    delivery = delivered(helpdesk.webhook(EventKind.CREATED, helpdesk.add_ticket("a", "b")))
    connect().verify(delivery)
    flipped = delivery.headers["authorization"][:-3] + "A" + delivery.headers["authorization"][-2:]
    for headers in ({}, {"authorization": flipped}, {"x-triage-secret": "other"}):
        with pytest.raises(AuthenticationError):
            connect(signing_secrets=["secret"]).verify(replace(delivery, headers=headers))
    connect(signing_secrets=["secret"]).verify(replace(delivery, headers={"x-triage-secret": "secret"}))


def test_a_connection_without_secret_refuses_everything(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """Nothing is taken on trust."""
    delivery = delivered(helpdesk.webhook(EventKind.CREATED, helpdesk.add_ticket("a", "b")))
    with pytest.raises(AuthenticationError, match="Set webhook_user"):
        connect(webhook_passwords=[]).verify(delivery)


def test_a_delivery_is_known_by_its_body(helpdesk: SimulatedFreshdesk) -> None:
    """Sent again it is the same; another event or another ticket is another."""
    one, two = helpdesk.add_ticket("a", "b"), helpdesk.add_ticket("a", "b")
    first = delivered(helpdesk.webhook(EventKind.CREATED, one, delivery="first"))
    again = delivered(helpdesk.webhook(EventKind.CREATED, one, delivery="first"))
    others = [helpdesk.webhook(EventKind.CLOSED, one), helpdesk.webhook(EventKind.CREATED, two)]
    keys = [known().delivery_key(delivery) for delivery in (first, again, *map(delivered, others))]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_korean_simple_content_is_understood() -> None:
    """HTML is kept as sent, nulls are no values, and a date for people to read is no moment."""
    event = told(fixture("freshdesk_created_ko.json"))
    assert isinstance(event, Event)
    assert event.kind is EventKind.CREATED
    assert (event.ticket.id, event.ticket.subject, event.ticket.channel) == ("311", "이중 결제 환불 요청", "email")
    assert event.ticket.body.startswith("<div>어제 결제한 금액이")
    assert event.ticket.requester.email == "mina@customer.example"
    assert (event.ticket.created_at, event.version, event.is_complete) == (None, "", False)


def test_an_english_template_is_understood() -> None:
    """A site's own template may name the event itself."""
    event = told(fixture("freshdesk_template_en.json"))
    assert isinstance(event, Event)
    assert (event.kind, event.ticket.id, event.ticket.channel) == (EventKind.REQUESTER_REPLIED, "312", "portal")
    assert event.ticket.requester.organization == "Haneul Foods"
    assert event.version == "2026-03-02T00:20:00Z"


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"comment_is_private": True}, IgnoredBecause.INTERNAL_NOTE),
        ({"performer_email": "agent@helpdesk.example"}, IgnoredBecause.AGENT_COMMENT),
        ({"performer_email": "Triage@helpdesk.example"}, IgnoredBecause.OWN_CHANGE),
        ({"performer_id": 900}, IgnoredBecause.OWN_CHANGE),
        ({"event": "{priority:{from:1,to:4}}"}, IgnoredBecause.FIELD_CHANGE),
        ({"event": "{status:{from:4,to:5}}"}, IgnoredBecause.FIELD_CHANGE),
        ({"event": "{note_type:private}"}, IgnoredBecause.INTERNAL_NOTE),
        ({"event": "weather"}, IgnoredBecause.UNHANDLED_EVENT),
        ({"ticket_id": "../agents/1"}, IgnoredBecause.NO_TICKET),
    ],
)
def test_what_asks_for_nothing_is_ignored(changed: dict[str, Any], because: IgnoredBecause) -> None:
    """Who acted, what changed and who may read it decide."""
    understood = told({**fixture("freshdesk_template_en.json"), **changed})
    assert isinstance(understood, Ignored)
    assert understood.because is because


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_is_told(helpdesk: SimulatedFreshdesk, kind: EventKind) -> None:
    """What triggered an automation gives the kind."""
    ticket = helpdesk.add_ticket("Refund", "Please")
    event = known().understand(delivered(helpdesk.webhook(kind, ticket)))
    assert isinstance(event, Event)
    assert (event.kind, event.ticket.id) == (kind, ticket.id)


@pytest.mark.parametrize("because", list(IgnoredBecause)[1:5])
def test_what_people_and_we_do_is_ignored(helpdesk: SimulatedFreshdesk, because: IgnoredBecause) -> None:
    """Agents' replies, notes, changed fields and our own changes ask for nothing."""
    understood = known().understand(delivered(helpdesk.webhook(because.value, helpdesk.add_ticket("Refund", "Please"))))
    assert isinstance(understood, Ignored)
    assert understood.because is because


def test_every_published_payload_is_taken(published: Path) -> None:
    """What others recorded is understood."""
    [path] = (published / "freshdesk").glob("*.json")
    event = known().understand(Delivery({}, path.read_bytes(), NOW))
    assert isinstance(event, Event)
    assert (event.kind, event.ticket.id) == (EventKind.CREATED, "11")


@pytest.mark.parametrize(
    ("source", "channel"),
    [(1, "email"), ("7", "chat"), ("Feedback Widget", "portal"), ("Whatsapp", "messenger"), (None, ""), (99, "")],
)
def test_ways_in_have_our_names(source: object, channel: str) -> None:
    """The API numbers the ways in, webhooks name them."""
    assert channel_of(source) == channel


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["freshdesk_webhook", "ticket_id", "id", "event"]) | st.text(), ANYTHING))
def test_any_object_is_understood_or_ignored(body: dict[str, Any]) -> None:
    """No JSON object makes understanding fail."""
    assert isinstance(told(body), Event | Ignored)


@settings(deadline=None)
@given(st.data())
def test_a_mutated_payload_is_understood_or_ignored(data: st.DataObject) -> None:
    """Whatever stands where a value was expected, nothing fails."""
    body = fixture(data.draw(st.sampled_from(["freshdesk_created_ko.json", "freshdesk_template_en.json"])))
    place = data.draw(st.sampled_from([body, body.get("freshdesk_webhook", body)]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(ANYTHING)
    assert isinstance(told(body), Event | Ignored)


@settings(deadline=None)
@given(st.binary(max_size=40) | ANYTHING.filter(lambda one: not isinstance(one, dict)).map(json.dumps).map(str.encode))
def test_a_body_that_is_no_object_is_refused_and_has_a_key(body: bytes) -> None:
    """A body that is no JSON object is said to be none."""
    delivery = Delivery({}, body, NOW)
    assert known().delivery_key(delivery)
    with pytest.raises(DeliveryError, match="JSON"):
        known().understand(delivery)


# --- reading and writing --------------------------------------------------------------------------------------


def test_a_ticket_is_read_whole(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """Requester, company, fields, attributes, tags and the conversation by who said it."""
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
    helpdesk.say(ticket, "seen <before>", author=Author.AGENT, is_public=False)
    state = connect().read(ticket.id)
    assert (state.ticket.subject, state.ticket.body) == ("로그인 불가", "<div>비밀번호가 틀리대요</div>")
    assert (state.ticket.requester.email, state.ticket.requester.organization) == ("mina@customer.example", "하늘식품")
    assert state.ticket.attributes == {"plant": "평택"}
    native = {"priority": "low", "kind": "", "group": "결제팀", "category": "account"}
    assert state.fields == {**native, "tier": "", "impact": "", "urgency": ""}
    assert (state.tags, state.notes) == ({"vip"}, ("seen <before>",))
    assert state.follow_ups == ("<div>아직도 안 돼요</div>",)
    assert state.is_answered


def test_a_change_is_written_and_its_note_comes_last(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """The note is private and text; tags that were there stay, and nothing is said to the requester."""
    ticket, freshdesk = helpdesk.add_ticket("Refund", "Please", tags=["vip"]), connect()
    fields = {"priority": "urgent", "kind": "Request", "group": "결제팀", "category": "hr", "tier": "2"}
    change = TicketChange(fields=fields, tags=("triage",), note="1 < 2\n왜냐하면 #m1")
    freshdesk.write(freshdesk.read(ticket.id), change)
    assert {target: ticket.fields[target] for target in fields} == fields
    assert (ticket.tags, ticket.notes) == (["triage", "vip"], ["1 < 2\n왜냐하면 #m1"])
    assert ticket.public_messages_of_ours == []
    assert [method for _, method, _, _ in helpdesk.calls][-2:] == ["PUT", "POST"]
    state = freshdesk.read(ticket.id)
    assert (state.fields["priority"], state.is_answered) == ("urgent", False)
    freshdesk.write(state, TicketChange(fields={"category": "", "group": ""}, removed_tags=("triage",)))
    assert (ticket.fields["category"], ticket.fields["group"], ticket.tags) == ("", "", ["vip"])


def test_a_ticket_changed_meanwhile_is_left_as_it_is(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """What a person sets between our reading and writing stays."""
    ticket, freshdesk = helpdesk.add_ticket("Refund", "Please"), connect()
    state = freshdesk.read(ticket.id)
    helpdesk.set_field(ticket, "priority", "high", author=Author.AGENT)
    with pytest.raises(TicketChangedError):
        freshdesk.write(state, TicketChange(fields={"priority": "urgent"}, note="n"))
    assert (ticket.fields["priority"], ticket.notes) == ("high", [])


def test_what_freshdesk_does_not_know_is_refused(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """An unknown ticket is gone, an unknown value or group refused with its name."""
    ticket, freshdesk = helpdesk.add_ticket("Refund", "Please"), connect()
    with pytest.raises(TicketGoneError):
        freshdesk.read("424242")
    state = freshdesk.read(ticket.id)
    with pytest.raises(HelpdeskRefusedError, match="priority"):
        freshdesk.write(state, TicketChange(fields={"priority": "whenever"}))
    with pytest.raises(HelpdeskRefusedError, match="no group 'nobody'"):
        freshdesk.write(state, TicketChange(fields={"group": "nobody"}))


def test_values_may_be_mapped_by_their_numbers(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """A connection that names the API's numbers reads and writes them."""
    ticket = helpdesk.add_ticket("Refund", "Please", fields={"group": "service-desk", "priority": "high"})
    freshdesk = connect(
        values={"group": {"first line": "500", "access": "501"}, "priority": {"top": "4", "second": "3"}}
    )
    state = freshdesk.read(ticket.id)
    assert (state.fields["group"], state.fields["priority"], state.ticket.group) == ("500", "3", "first line")
    freshdesk.write(state, TicketChange(fields={"group": "501", "priority": "4"}))
    assert (ticket.fields["group"], ticket.fields["priority"]) == ("identity", "urgent")


def test_a_busy_or_failing_helpdesk_is_told_apart(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """429 says when to come back; down says that what was done is not known."""
    ticket, freshdesk = helpdesk.add_ticket("Refund", "Please"), connect()
    state = freshdesk.read(ticket.id)
    helpdesk.faults.failing_share, helpdesk.faults.after_share = 1.0, 1.0
    with pytest.raises(HelpdeskDownError):
        freshdesk.write(state, TicketChange(note="#marker"))
    helpdesk.faults.failing_share = 0.0
    helpdesk.faults.calls_per_minute = 1
    with pytest.raises(HelpdeskBusyError) as raised:
        [freshdesk.read(ticket.id) for _ in range(3)]
    assert raised.value.retry_after_seconds > 0


def test_the_connection_is_checked(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """Who we are and what we may do, with what to set where something is missing."""
    capabilities = connect().check()
    assert (capabilities.user, capabilities.user_id) == ("triage@helpdesk.example", "900")
    assert (capabilities.may_read, capabilities.may_write, capabilities.may_read_articles) == (True, True, True)
    assert capabilities.problems == ()
    assert 'own_user_id = "900"' in connect(own_user_id="").check().problems[0]
    assert "API key" in connect(token="wrong").check().problems[0]


# --- many tickets, history, articles --------------------------------------------------------------------------


def test_changed_tickets_come_page_by_page(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """Every ticket since the moment once, oldest change first, over more than one page."""
    old = helpdesk.add_ticket("old", "text")
    old.updated_at = NOW - timedelta(hours=1)
    ids = [helpdesk.add_ticket(f"number {number}", "text").id for number in range(101)]
    states = list(connect().changed_since(NOW - timedelta(minutes=9)))
    assert [state.ticket.id for state in states] == ids
    assert states[0].ticket.body == "<div>text</div>"


def test_history_has_final_values_and_measures(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """Labels by our names, groups by theirs, and what became of the ticket."""
    start = NOW - timedelta(hours=2)
    helpdesk.clock = lambda: start
    fields = {"kind": "Request", "group": "결제팀", "category": "hr", "priority": "medium"}
    known_at_intake = {"organization": "하늘식품", "article_ids": ["413"]}
    ticket = helpdesk.add_ticket("Payslip", "급여 명세서가 없어요", fields=fields, **known_at_intake)
    helpdesk.add_ticket("Still open", "…")
    helpdesk.clock = lambda: start + timedelta(minutes=12)
    helpdesk.say(ticket, "On its way", author=Author.AGENT)
    ours = f"{helpdesk.url}/support/solutions/articles/500\n[triage:3f2a9c81]"
    helpdesk.say(ticket, ours, author=Author.US, is_public=False)
    helpdesk.close_ticket(ticket)
    helpdesk.ratings[ticket.id] = 103
    helpdesk.clock = lambda: NOW
    [row] = connect().history(start)
    assert (row.id, row.kind, row.group, row.category, row.priority) == (ticket.id, "request", "결제팀", "hr", "normal")
    assert (row.first_response_at, row.resolved_at) == (start + timedelta(minutes=12), start + timedelta(minutes=12))
    assert (row.reassignments, row.reopened, row.article_ids, row.csat) == (None, 0, ("413",), 1.0)
    assert row.organization == "하늘식품"


@pytest.mark.parametrize(("stated", "rating"), [(103, 1.0), (100, 0.5), (-103, 0.0), (None, None), ("-", None)])
def test_ratings_lie_between_nought_and_one(stated: object, rating: float | None) -> None:
    """Freshdesk counts happy upwards from 100 and unhappy downwards from -101."""
    assert satisfaction({"ratings": {"default_question": stated}}) == rating


def test_articles_have_their_audience(helpdesk: SimulatedFreshdesk, connect: Connect) -> None:
    """An article of a folder for agents is for whom the folder is named, one of an open folder for everyone."""
    helpdesk.articles = [
        SimulatedArticle("413", "Payslips", "<p>…</p>"),
        SimulatedArticle("414", "징계 절차", "비공개", audience="people-ops"),
    ]
    rows = list(connect().articles())
    assert [(row.id, row.audience) for row in rows] == [("413", "everyone"), ("414", "people-ops")]
