"""Jira Service Management: its webhooks are verified and understood, its issues read, written and exported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
from serving.helpdesks.atlassian_documents import text_of_document
from serving.helpdesks.interface import Delivery, Event, EventKind, Ignored, TicketChange
from serving.helpdesks.jira import Jira
from tests.simulated_helpdesks.jira import SimulatedJira, document
from tests.simulated_helpdesks.tickets import Author

_NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
_SINCE = _NOW - timedelta(days=1)
# Atlassian's published example of a signature.
_SECRET, _BODY = "It's a Secret to Everybody", b"Hello World!"
_SIGNATURE = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = _NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of the test."""
    return Clock()


@pytest.fixture
def site(clock: Clock) -> Iterator[SimulatedJira]:
    """A running site."""
    site = SimulatedJira(clock=clock)
    with site.running():
        yield site


@pytest.fixture
def desk(site: SimulatedJira, clock: Clock) -> Iterator[Jira]:
    """The site as the product is connected to it."""
    desk = Jira(Connection.model_validate(site.connection()), clock=clock)
    yield desk
    desk.close()


def _offline(**changed: Any) -> Jira:
    table = {"name": "jira", "vendor": "jira", "signing_secrets": [_SECRET], "own_user_id": "me", **changed}
    return Jira(Connection.model_validate(table), clock=lambda: _NOW)


def _delivery(body: object, **headers: str) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery({name.replace("_", "-"): value for name, value in headers.items()}, raw, _NOW)


def test_published_signature_is_verified_and_a_flipped_bit_refused() -> None:
    """Atlassian's own example passes by any secret in use; another body, hash or secret does not."""
    _offline(signing_secrets=["older", _SECRET]).verify(_delivery(_BODY, x_hub_signature=_SIGNATURE))
    for desk, body, signature in (
        (_offline(), b"Hello World ", _SIGNATURE),
        (_offline(), _BODY, _SIGNATURE[:-1] + "8"),
        (_offline(), _BODY, "sha1=" + _SIGNATURE[7:47]),
        (_offline(signing_secrets=["other"]), _BODY, _SIGNATURE),
        (_offline(signing_secrets=[]), _BODY, _SIGNATURE),
    ):
        with pytest.raises(AuthenticationError):
            desk.verify(_delivery(body, x_hub_signature=signature))


def test_rule_of_the_automation_carries_a_secret_header() -> None:
    """What Jira does not sign must carry the shared secret."""
    _offline().verify(_delivery(b"{}", x_triage_secret=_SECRET))
    with pytest.raises(AuthenticationError):
        _offline().verify(_delivery(b"{}"))


def test_published_webhooks_are_understood(published: Path) -> None:
    """A created issue is an event; a comment by somebody who is no customer asks for nothing."""
    created, comment = (
        _offline().understand(_delivery((published / "jira" / f"mattermost__webhook-{name}.json").read_bytes()))
        for name in ("issue-created", "cloud-comment-created")
    )
    assert isinstance(created, Event)
    assert (created.kind, created.ticket.id) == (EventKind.CREATED, "TES-41")
    assert created.ticket.body.startswith("Unit test description")
    assert isinstance(comment, Ignored)
    assert comment.because == "agent comment"


@pytest.mark.parametrize("kind", [*EventKind, "agent comment", "internal note", "field change", "own change"])
def test_simulated_webhooks_are_understood_as_what_they_are(site: SimulatedJira, desk: Jira, kind: str) -> None:
    """The simulated site's deliveries pass and mean what they say."""
    ticket = site.add_ticket("모니터", "화면이 안 나와요")
    if kind == EventKind.CLOSED:
        site.close_ticket(ticket)
    webhook = site.webhook(kind, ticket, delivery="flow-1")
    delivery = Delivery({name.lower(): value for name, value in webhook.headers.items()}, webhook.body, _NOW)
    desk.verify(delivery)
    said = desk.understand(delivery)
    assert (said.because if isinstance(said, Ignored) else said.kind) == kind
    assert desk.delivery_key(delivery) == "flow-1"


# A client takes longer to build than all that is asked of it here.
_DESK = _offline()
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["fields", "key", "items", "accountId", "content", "type"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
_NAMES = ["webhookEvent", "issue", "comment", "user", "changelog", "timestamp", "fields", "key"]


@settings(max_examples=80, deadline=None)
@given(
    body=st.dictionaries(st.sampled_from(_NAMES), _VALUES),
    fields=st.dictionaries(st.sampled_from(["summary", "description", "reporter", "status", "created"]), _VALUES),
    event=st.sampled_from(["jira:issue_created", "jira:issue_updated", "comment_created", ""]),
)
def test_no_odd_value_breaks_the_understanding(body: dict[str, Any], fields: dict[str, Any], event: str) -> None:
    """Any JSON in any place of a webhook is understood or ignored."""
    whole = {"webhookEvent": event, "issue": {"key": "SD-1", "fields": fields}, **body}
    assert isinstance(_DESK.understand(_delivery(whole)), Event | Ignored)
    assert text_of_document(body) is not None
    with pytest.raises(DeliveryError):
        _DESK.understand(_delivery([whole]))


def test_document_becomes_lines() -> None:
    """Paragraphs, lists, breaks, mentions and links keep their words, a line for each block."""
    listed = {"type": "listItem", "content": document("첫째")["content"]}
    mention = {"type": "mention", "attrs": {"id": "1", "text": "@Mina"}}
    card = {"type": "inlineCard", "attrs": {"url": "https://haneul.example"}}
    paragraph = {"type": "paragraph", "content": [mention, {"type": "hardBreak"}, card]}
    whole = {
        "type": "doc",
        "content": [*document("VPN")["content"], {"type": "bulletList", "content": [listed]}, paragraph],
    }
    assert text_of_document(whole) == "VPN\n첫째\n@Mina\nhttps://haneul.example"


def test_read_tells_all_of_a_request(site: SimulatedJira, desk: Jira) -> None:
    """Text, requester, organisation, channel, fields, labels, notes and replies come with one reading."""
    known = {"organization": "Haneul Foods", "tags": ["vip"], "channel": "portal"}
    ticket = site.add_ticket("VPN", "붙지 않아요\n오류 809", fields={"kind": "incident", "priority": "높음"}, **known)
    site.rows_a_page = 1
    site.say(ticket, "재부팅도 했어요", author=Author.REQUESTER)
    site.say(ticket, "looks like DNS", author=Author.AGENT, is_public=False)
    state = desk.read(ticket.id)
    assert (state.ticket.body, state.ticket.channel) == ("붙지 않아요\n오류 809", "portal")
    assert (state.ticket.requester.email, state.ticket.requester.organization) == (
        "mina@customer.example",
        "Haneul Foods",
    )
    assert (state.fields["priority"], state.fields["kind"], state.fields["group"]) == ("높음", "incident", "")
    assert (state.follow_ups, state.notes) == (("재부팅도 했어요",), ("looks like DNS",))
    assert state.tags == {"vip"}
    assert not state.is_answered
    site.say(ticket, "Please restart", author=Author.AGENT)
    assert desk.read(ticket.id).is_answered


def test_write_sets_fields_and_adds_labels_and_an_internal_note(site: SimulatedJira, desk: Jira) -> None:
    """Renamed priority, request type by its id, component and choices are written; what is not named is kept."""
    ticket = site.add_ticket("VPN", "down", tags=["vip"])
    state = desk.read(ticket.id)
    site.set_field(ticket, "tier", "2", author=Author.AGENT)
    fields = {"priority": "긴급", "kind": "incident", "group": "network-ops", "category": "network"}
    desk.write(state, TicketChange(fields=fields, tags=("triage", "two words"), note="[triage:1] see [~accountid:x]"))
    after = desk.read(ticket.id)
    assert {target: after.fields[target] for target in fields} == fields
    assert after.fields["tier"] == "2"
    assert after.tags == {"vip", "triage", "two_words"}
    assert after.notes == ("[triage:1] see [ ~accountid:x]",)
    assert ticket.public_messages_of_ours == []
    desk.write(after, TicketChange(fields={"group": "", "category": "", "kind": ""}, removed_tags=("triage",)))
    reverted = desk.read(ticket.id)
    assert [reverted.fields[target] for target in ("group", "category", "kind")] == ["", "", ""]
    assert reverted.tags == {"vip", "two_words"}


def test_what_cannot_be_written_is_refused(site: SimulatedJira, desk: Jira) -> None:
    """An unknown request type says what to do; Jira's own refusal of a priority is passed on."""
    state = desk.read(site.add_ticket("VPN", "down").id)
    for fields, meant in (({"kind": "holiday"}, "no request type 'holiday'"), ({"priority": "P0"}, "400")):
        with pytest.raises(HelpdeskRefusedError, match=meant):
            desk.write(state, TicketChange(fields=fields, note="n"))
    assert desk.read(state.ticket.id).notes == ()


def test_failures_are_told_apart(site: SimulatedJira, desk: Jira) -> None:
    """Gone, busy and failed after the work each raise their own error; the note tells what was done."""
    state = desk.read(site.add_ticket("VPN", "down").id)
    for unknown in ("SD-99", "../myself"):
        with pytest.raises(TicketGoneError):
            desk.read(unknown)
    site.faults.failing_share, site.faults.after_share = 1.0, 1.0
    with pytest.raises(HelpdeskDownError):
        desk.write(state, TicketChange(note="[triage:1]"))
    site.faults.failing_share = 0.0
    assert desk.read(state.ticket.id).notes == ("[triage:1]",)
    site.faults.calls_per_minute = 1
    with pytest.raises(HelpdeskBusyError):
        [desk.read(state.ticket.id) for _ in range(2)]


def test_check_says_what_the_account_may_do(desk: Jira) -> None:
    """The account is named with its permissions."""
    able = desk.check()
    assert (able.user, able.may_read, able.may_write, able.problems) == ("Triage", True, True, ())


def test_history_holds_final_values_in_the_products_words(site: SimulatedJira, clock: Clock, desk: Jira) -> None:
    """Renamed priorities come back as labels, with the answer, the moves between groups and the rating."""
    site.add_ticket("open", "still")
    ticket = site.add_ticket(
        "VPN", "down", custom={"rating": "4", "was_reopened": "1", "duplicates": "SD-1"}, article_ids=["413"]
    )
    for target, value in (("priority", "높음"), ("group", "service-desk"), ("group", "network-ops")):
        site.set_field(ticket, target, value, author=Author.AGENT)
    clock.now += timedelta(minutes=7)
    site.say(ticket, "Please restart", author=Author.AGENT)
    site.close_ticket(ticket)
    (row,) = desk.history(_SINCE)
    assert (row.id, row.priority, row.group, row.kind) == (ticket.id, "high", "network-ops", None)
    assert (row.reassignments, row.reopened, row.csat, row.duplicate_of) == (1, 1, 0.75, "SD-1")
    assert (row.first_response_at, row.resolved_at) == (clock.now, clock.now)
    assert (row.resolution, row.article_ids) == ("Please restart\n이 문서", ("413",))


def test_history_names_the_articles_that_people_linked_to(site: SimulatedJira, desk: Jira) -> None:
    """Pages of Confluence and of the portal count, in notes too; a requester's links and ours do not."""
    ticket = site.add_ticket("VPN", "down")
    wiki, portal = "https://haneul.atlassian.net/wiki/spaces", "https://haneul.atlassian.net/servicedesk/customer"
    site.say(ticket, f"I read {wiki}/IT/pages/1", author=Author.REQUESTER)
    site.say(ticket, f"See {wiki}/IT/pages/20/VPN and {portal}/kb/view/21", author=Author.AGENT)
    site.say(ticket, f"{portal}/portal/3/article/22, {wiki}/IT/pages/20", author=Author.AGENT, is_public=False)
    site.say(ticket, f"{wiki}/IT/pages/30\n[triage:3f2a9c81]", author=Author.US, is_public=False)
    site.close_ticket(ticket)
    assert [row.article_ids for row in desk.history(_SINCE)] == [("20", "21", "22")]


def test_changed_requests_come_once_over_all_pages(site: SimulatedJira, clock: Clock, desk: Jira) -> None:
    """More requests than a page holds come in order; what changed before the moment is left out to the second."""
    site.rows_a_page = 2
    for number in range(5):
        site.add_ticket(f"Ticket {number}", "text")
        clock.now += timedelta(seconds=10)
    assert [one.ticket.subject for one in desk.changed_since(_SINCE)] == [f"Ticket {number}" for number in range(5)]
    assert len(list(desk.changed_since(_NOW + timedelta(seconds=25)))) == 2
