"""ServiceNow: what its business rules send is understood, and its incidents are read, written and exported."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from features.errors import (
    AuthenticationError,
    HelpdeskBusyError,
    HelpdeskDownError,
    HelpdeskRefusedError,
    TicketGoneError,
)
from serving.connections import Connection
from serving.helpdesks.interface import Delivery, EventKind, Ignored, TicketChange
from serving.helpdesks.servicenow import ServiceNow
from tests.offline_servicenow import NOW, delivered, offline
from tests.simulated_helpdesks.faults import Fault
from tests.simulated_helpdesks.servicenow import AGENT_NAME, SimulatedServiceNow, SurveyAnswer, sys_id
from tests.simulated_helpdesks.tickets import Author, SimulatedArticle, SimulatedTicket

_SINCE = NOW - timedelta(days=1)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of the test."""
    return Clock()


@pytest.fixture
def instance(clock: Clock) -> Iterator[SimulatedServiceNow]:
    """A running instance."""
    instance = SimulatedServiceNow(clock=clock)
    with instance.running():
        yield instance


class Opens(Protocol):
    """Connects to the instance, with settings of the connection changed."""

    def __call__(self, **changed: Any) -> ServiceNow:
        """Return the instance as the product is connected to it."""


@pytest.fixture
def connect(instance: SimulatedServiceNow) -> Iterator[Opens]:
    """Connect to the instance, and let go of it after the test."""
    opened: list[ServiceNow] = []

    def connected(**changed: Any) -> ServiceNow:
        connection = Connection.model_validate({**instance.connection(), **changed})
        opened.append(ServiceNow(connection, clock=instance.clock))
        return opened[-1]

    yield connected
    for desk in opened:
        desk.close()


@pytest.fixture
def desk(connect: Opens) -> ServiceNow:
    """The instance as the product is connected to it."""
    return connect()


# --- verify -----------------------------------------------------------------------------------------------------


def test_secret_header_is_accepted_and_one_changed_letter_refused() -> None:
    """Any of the secrets in use passes; a letter less does not; a connection without secrets refuses all."""
    desk = offline(signing_secrets=["old-one", "new-one"])
    desk.verify(delivered(b"{}", x_triage_secret="old-one"))
    desk.verify(delivered(b"{}", x_triage_secret="new-one"))
    for refused in (delivered(b"{}", x_triage_secret="new-onf"), delivered(b"{}")):
        with pytest.raises(AuthenticationError):
            desk.verify(refused)
    with pytest.raises(AuthenticationError, match="has no secret"):
        offline(signing_secrets=[]).verify(delivered(b"{}", x_triage_secret=""))


def test_basic_password_is_accepted() -> None:
    """A REST message may prove itself by a user and password."""
    desk = offline(webhook_user="now", webhook_passwords=["pass:word"])
    desk.verify(delivered(b"{}", authorization="Basic " + b64encode(b"now:pass:word").decode()))
    with pytest.raises(AuthenticationError):
        desk.verify(delivered(b"{}", authorization="Basic " + b64encode(b"now:password").decode()))


# --- understand -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*EventKind, "agent comment", "internal note", "field change", "own change"])
def test_simulated_webhooks_are_understood_as_what_they_are(
    instance: SimulatedServiceNow, desk: ServiceNow, kind: str
) -> None:
    """The simulated business rule's deliveries pass and mean what they say."""
    ticket = instance.add_ticket("모니터", "화면이 안 나와요", organization="Haneul")
    instance.say(ticket, "아직 안 돼요", author=Author.REQUESTER)
    if kind == EventKind.CLOSED:
        instance.close_ticket(ticket)
    webhook = instance.webhook(kind, ticket)
    delivery = Delivery({name.lower(): value for name, value in webhook.headers.items()}, webhook.body, NOW)
    desk.verify(delivery)
    said = desk.understand(delivery)
    assert (said.because if isinstance(said, Ignored) else said.kind) == kind


# --- read and write ---------------------------------------------------------------------------------------------


def _talked(instance: SimulatedServiceNow) -> SimulatedTicket:
    ticket = instance.add_ticket("VPN", "붙지 않아요", organization="Haneul Foods", channel="portal")
    instance.say(ticket, "재부팅도 했어요", author=Author.REQUESTER)
    instance.say(ticket, "looks like DNS", author=Author.AGENT, is_public=False)
    return ticket


def test_read_tells_all_of_a_ticket(instance: SimulatedServiceNow, desk: ServiceNow) -> None:
    """Text, requester, fields, notes and replies come with one reading, by sys_id or by number."""
    ticket = _talked(instance)
    instance.set_field(ticket, "group", "Network", author=Author.AGENT)
    state = desk.read(ticket.id)
    assert desk.read("INC0000001") == state
    assert (state.ticket.subject, state.ticket.body, state.ticket.channel) == ("VPN", "붙지 않아요", "portal")
    assert state.ticket.requester.email == "mina@customer.example"
    assert state.ticket.requester.organization == "Haneul Foods"
    assert (state.follow_ups, state.notes) == (("재부팅도 했어요",), ("looks like DNS",))
    assert (state.fields["priority"], state.fields["group"], state.fields["kind"]) == ("5", "Network", "")
    assert not state.is_answered
    instance.say(ticket, "Please try again", author=Author.AGENT)
    assert desk.read(ticket.id).is_answered


def test_notes_are_seen_where_the_journal_is_closed(instance: SimulatedServiceNow, desk: ServiceNow) -> None:
    """A user without the journal's table still finds its own note."""
    ticket = instance.add_ticket("VPN", "down")
    desk.write(desk.read(ticket.id), TicketChange(note="[triage:abc] suggested"))
    instance.is_journal_open = False
    assert any("[triage:abc]" in note for note in desk.read(ticket.id).notes)


def test_write_sets_fields_tags_and_a_work_note_in_one_request(instance: SimulatedServiceNow, desk: ServiceNow) -> None:
    """The priority comes about through impact and urgency, the group by its sys_id, and nothing is public."""
    ticket = instance.add_ticket("VPN", "down", tags=["vip"])
    state = desk.read(ticket.id)
    fields = {"priority": "2", "group": "네트워크운영팀", "category": "network", "kind": "incident"}
    desk.write(state, TicketChange(fields=fields, tags=("triage",), note="사유: [code]<b>x</b>[/code]"))
    assert [call[1] for call in instance.calls].count("PATCH") == 1
    after = desk.read(ticket.id)
    assert {target: after.fields[target] for target in fields} == fields
    assert (after.fields["impact"], after.fields["urgency"]) == ("2", "1")
    assert after.tags == {"vip", "triage"}
    assert after.notes == ("사유: [ code]<b>x</b>[/ code]",)
    assert ticket.public_messages_of_ours == []
    desk.write(after, TicketChange(fields={"group": "", "category": ""}, removed_tags=("triage",)))
    reverted = desk.read(ticket.id)
    assert (reverted.fields["group"], reverted.fields["category"]) == ("", "")
    assert reverted.tags == {"vip"}


def test_what_is_not_in_the_change_is_kept(instance: SimulatedServiceNow, desk: ServiceNow) -> None:
    """A field that a person set between reading and writing stays as it is."""
    ticket = instance.add_ticket("VPN", "down")
    state = desk.read(ticket.id)
    instance.set_field(ticket, "category", "network", author=Author.AGENT)
    desk.write(state, TicketChange(fields={"group": "Network"}))
    assert (ticket.fields["category"], ticket.fields["group"]) == ("network", "Network")


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"group": "No such"}, "no active group 'No such'"),
        ({"group": "a^ORnameISNOTEMPTY"}, "no active group"),
        ({"priority": "P0"}, "priority_matrix"),
        ({"tier": "2"}, "no field for tier"),
    ],
)
def test_what_cannot_be_written_is_refused_before_writing(
    instance: SimulatedServiceNow, connect: Opens, fields: dict[str, str], meant: str
) -> None:
    """A group that is not there, a priority out of the matrix and a target without field name what to do."""
    desk, ticket = connect(fields={}), instance.add_ticket("VPN", "down")
    state = desk.read(ticket.id)
    with pytest.raises(HelpdeskRefusedError, match=meant):
        desk.write(state, TicketChange(fields=fields, note="n"))
    assert not ticket.changes


def test_failures_are_told_apart(instance: SimulatedServiceNow, connect: Opens, desk: ServiceNow) -> None:
    """Gone, busy, wrong password and failed after the work each raise their own error; the note tells what was done."""
    ticket = instance.add_ticket("VPN", "down")
    state = desk.read(ticket.id)
    for unknown in ("00" * 16, "../incident", "INC9999999"):
        with pytest.raises(TicketGoneError):
            desk.read(unknown)
    with pytest.raises(HelpdeskRefusedError, match="401"):
        connect(token="wrong").read(ticket.id)
    instance.faults.failing_share, instance.faults.after_share = 1.0, 1.0
    with pytest.raises(HelpdeskDownError):
        desk.write(state, TicketChange(note="[triage:1]"))
    instance.faults.failing_share = 0.0
    assert instance.faults.draw() is Fault.NONE
    assert desk.read(ticket.id).notes == ("[triage:1]",)
    instance.faults.calls_per_minute = 1
    with pytest.raises(HelpdeskBusyError) as busy:
        [desk.read(ticket.id) for _ in range(2)]
    assert 0 < busy.value.retry_after_seconds <= 60


def test_check_says_what_the_user_may_do(instance: SimulatedServiceNow, connect: Opens, desk: ServiceNow) -> None:
    """A user with its role may read and write; a wrong password says so in the problems."""
    instance.add_ticket("VPN", "down")
    instance.articles.append(SimulatedArticle("KB0010001", "VPN", "..."))
    able = desk.check()
    assert able.may_read
    assert able.may_write
    assert able.may_read_articles
    assert (able.user, able.user_id, able.problems) == ("triage.bot", sys_id("triage.bot"), ())
    unable = connect(token="wrong").check()
    assert not unable.may_read
    assert any("401" in problem for problem in unable.problems)


# --- export -----------------------------------------------------------------------------------------------------


def test_pages_lose_no_ticket_of_one_second(instance: SimulatedServiceNow, clock: Clock, desk: ServiceNow) -> None:
    """More tickets than a page holds, changed within one second, all come once and in order."""
    for number in range(130):
        instance.add_ticket(f"Ticket {number}", "text")
    clock.now += timedelta(seconds=5)
    instance.add_ticket("Last", "text")
    subjects = [state.ticket.subject for state in desk.changed_since(_SINCE)]
    assert len(subjects) == len(set(subjects)) == 131
    assert subjects[-1] == "Last"
    assert [state.ticket.subject for state in desk.changed_since(clock.now)] == ["Last"]


def test_history_holds_final_values_of_closed_incidents(
    instance: SimulatedServiceNow, clock: Clock, desk: ServiceNow
) -> None:
    """Labels are the product's, groups are names, and what is open is left out."""
    instance.add_ticket("open", "still")
    ticket = instance.add_ticket("VPN", "붙지 않아요", organization="Haneul Foods", article_ids=["KB0010001"])
    instance.set_field(ticket, "priority", "2", author=Author.AGENT)
    instance.set_field(ticket, "group", "Service Desk", author=Author.AGENT)
    instance.set_field(ticket, "group", "Network", author=Author.AGENT)
    clock.now += timedelta(minutes=7)
    instance.say(ticket, "Please restart", author=Author.AGENT)
    clock.now += timedelta(hours=1)
    ticket.custom["close_notes"] = "DNS was wrong"
    instance.close_ticket(ticket)
    (row,) = desk.history(_SINCE)
    assert (row.id, row.subject, row.organization) == (ticket.id, "VPN", "Haneul Foods")
    assert (row.priority, row.group, row.category, row.kind) == ("high", "Network", "inquiry", None)
    assert (row.reassignments, row.article_ids, row.resolution) == (1, ("KB0010001",), "DNS was wrong")
    assert row.first_response_at == NOW + timedelta(minutes=7)
    assert row.resolved_at == clock.now


def test_history_holds_how_satisfied_callers_were(instance: SimulatedServiceNow, desk: ServiceNow) -> None:
    """The mean of the answers on a scale, turned where low is better; open surveys and closed tables tell nothing."""
    rated, unrated = instance.add_ticket("VPN", "down"), instance.add_ticket("Printer", "jams")
    for ticket in (rated, unrated):
        instance.close_ticket(ticket)
    instance.survey_answers = [
        SurveyAnswer(rated.id, "5"),
        SurveyAnswer(rated.id, "2", lowest="0", highest="4"),
        SurveyAnswer(rated.id, "0", lowest="0", highest="10", better="low"),
        SurveyAnswer(rated.id, "1", lowest="0", highest="1", datatype="string"),
        SurveyAnswer(rated.id, "1", state="ready"),
        SurveyAnswer(unrated.id, "", lowest="", highest=""),
        SurveyAnswer(unrated.id, "7"),
        SurveyAnswer(unrated.id, "1", lowest="1", highest="1"),
    ]
    assert {row.id: row.csat for row in desk.history(_SINCE)} == {
        rated.id: pytest.approx((1 + 0.5 + 1) / 3),
        unrated.id: None,
    }
    instance.are_surveys_open = False
    assert [row.csat for row in desk.history(_SINCE)] == [None, None]


def test_articles_carry_their_audience(instance: SimulatedServiceNow, desk: ServiceNow) -> None:
    """An article with one group in its criterion is that group's; one without criteria is everyone's."""
    instance.articles += [
        SimulatedArticle("KB0010001", "VPN 설정", "<p>...</p>"),
        SimulatedArticle("KB0010002", "Payroll", "...", audience="people-ops"),
    ]
    audiences = {row.id: row.audience for row in desk.articles()}
    assert audiences == {"KB0010001": "everyone", "KB0010002": "people-ops"}


def test_agents_are_not_taken_for_the_caller(instance: SimulatedServiceNow, desk: ServiceNow) -> None:
    """A comment by the helpdesk is no follow-up of the requester's."""
    ticket = instance.add_ticket("VPN", "down", requester_email=f"not-{AGENT_NAME}@customer.example")
    instance.say(ticket, "Have you restarted?", author=Author.AGENT)
    assert desk.read(ticket.id).follow_ups == ()
