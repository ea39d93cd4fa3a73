"""What the events of a helpdesk of no known vendor say, and its tickets in the product's own field names.

By default an event is `{"type", "timestamp", "data": {"ticket": {...}}}`, a CloudEvent (structured, or binary by its
headers) or the ticket alone; `event_fields` of the connection names other places, as dotted paths from the top of the
body. A ticket is `{"id", "subject", "body", "requester_email", "requester_id", "organization", "channel", "product",
"group", "created_at", "updated_at", "version", "status", "tags", "notes", "follow_ups", "is_answered", "is_reopened",
"url", "fields": {TARGET: value}, "attributes": {...}}`; only `id` must be there. Pure: calls nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from features.tickets import AttributeValue, Requester, Ticket
from serving.connections import Connection
from serving.helpdesks.interface import Event, EventKind, Ignored, IgnoredBecause, TicketState, Understood
from serving.helpdesks.payload_values import Table, as_attribute, as_moment, as_table, as_text, as_texts
from serving.helpdesks.transcripts import customer_turns

SUGGESTION = "triage.suggestion"
#: Where the value of a target stands in a ticket, unless the connection's `fields` name another place.
FIELD_PLACE = "fields.{target}"
_SPOKEN = frozenset({"chat", "phone", "messenger"})
_CLOSED = frozenset({"closed", "solved", "resolved", "done"})
_CHANNELS = frozenset({"email", "portal", "chat", "phone", "messenger", "in-app", "api"})
_CHANNEL_WORDS = {"mail": "email", "e-mail": "email", "web": "portal", "form": "portal", "call": "phone"}
# Places of what is named otherwise than itself, within a ticket; the first that holds something counts.
_PLACES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "ticket_id"),
    "subject": ("subject", "title"),
    "body": ("body", "description"),
    "requester_email": ("requester_email", "requester.email"),
    "requester_id": ("requester_id", "requester.id"),
    "requester_name": ("requester_name", "requester.name"),
    "organization": ("organization", "organization.name", "requester.organization"),
    "version": ("version", "updated_at"),
}
# A part of an event's type, the telling ones first.
_KINDS: Mapping[str, EventKind | IgnoredBecause] = {
    SUGGESTION: IgnoredBecause.OWN_CHANGE,
    "note": IgnoredBecause.INTERNAL_NOTE,
    "internal": IgnoredBecause.INTERNAL_NOTE,
    "agent": IgnoredBecause.AGENT_COMMENT,
    "reopen": EventKind.REOPENED,
    "clos": EventKind.CLOSED,
    "solved": EventKind.CLOSED,
    "resolved": EventKind.CLOSED,
    "repl": EventKind.REQUESTER_REPLIED,
    "comment": EventKind.REQUESTER_REPLIED,
    "message": EventKind.REQUESTER_REPLIED,
    "creat": EventKind.CREATED,
    "opened": EventKind.CREATED,
    "new": EventKind.CREATED,
    "updat": IgnoredBecause.FIELD_CHANGE,
    "chang": IgnoredBecause.FIELD_CHANGE,
}


def understood(body: Table, *, headers: Mapping[str, str], connection: Connection) -> Understood:
    """Return what an event says; it may have any shape. A ticket sent without a type of event is a new one."""
    record = _ticket_within(body)
    told = _Told(body, record, connection=connection)
    ticket = _ticket(told)
    if not ticket.id:
        return Ignored(IgnoredBecause.NO_TICKET)
    stated = told.text("kind") or headers.get("ce-type", "") or as_text(body.get("type")) or as_text(body.get("event"))
    what = _what_happened(stated)
    if connection.own_user_id and told.text("author_id") == connection.own_user_id:
        what = IgnoredBecause.OWN_CHANGE
    if isinstance(what, IgnoredBecause):
        return Ignored(what, stated[:100])
    moments = (told.text("occurred_at"), as_text(body.get("timestamp")), as_text(body.get("time")))
    return Event(
        kind=what,
        ticket=ticket,
        version=told.text("version"),
        occurred_at=next((moment for one in moments if (moment := as_moment(one))), None),
        is_complete=what is EventKind.CREATED and not ticket.is_empty,
    )


def ticket_state(record: Table, *, connection: Connection) -> TicketState:
    """Return a ticket in the product's own field names as its state."""
    told = _Told({}, record, connection=connection)
    return TicketState(
        ticket=_ticket(told),
        fields={target: told.field(target) for target in _targets(record, connection=connection)},
        tags=frozenset(as_texts(record.get("tags"), separator=",")),
        notes=_bodies(record.get("notes")),
        follow_ups=_bodies(record.get("follow_ups")),
        is_answered=record.get("is_answered") is True,
        is_closed=told.text("status").casefold() in _CLOSED,
        is_reopened=record.get("is_reopened") is True,
        version=told.text("version"),
        updated_at=as_moment(record.get("updated_at")),
        url=told.text("url"),
    )


def value_at(table: Table, place: str) -> object:
    """Return what stands at a dotted path, None where the path leads nowhere."""
    value: object = table
    for part in place.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


class _Told:
    """What a body tells under the product's names, by the connection's places or the default ones."""

    def __init__(self, body: Table, record: Table, *, connection: Connection) -> None:
        self.body, self.record, self.connection = body, record, connection

    def text(self, name: str) -> str:
        """Return a text, "" where nothing is told."""
        # The map of places speaks of events; a ticket that is read has the product's own names.
        place = self.connection.event_fields.get(name) if self.body else None
        if place:
            return as_text(value_at(self.body, place))
        return next((text for one in _PLACES.get(name, (name,)) if (text := as_text(value_at(self.record, one)))), "")

    def field(self, target: str) -> str:
        """Return the value of a target."""
        place = self.connection.fields.get(target) or FIELD_PLACE.format(target=target)
        return as_text(value_at(self.record, place))

    def attributes(self) -> Mapping[str, AttributeValue]:
        """Return the attributes at the places that the connection names, else all that the ticket lists as such."""
        named = self.connection.attributes
        found = {name: value_at(self.record, place) for name, place in named.items()}
        listed = found if named else as_table(self.record.get("attributes"))
        return {name: as_attribute(value) for name, value in listed.items() if value not in (None, "", [], {})}


def _ticket_within(body: Table) -> Table:
    """Return the part of a body that is the ticket; the top of an envelope is none, though it has an id as well."""
    data = as_table(body.get("data"))
    for part in (data.get("ticket"), body.get("ticket"), data):
        if isinstance(part, dict) and part:
            return part
    is_envelope = "data" in body or "specversion" in body
    return {} if is_envelope else body


def _ticket(told: _Told) -> Ticket:
    channel, group = _channel(told.text("channel")), told.text("group") or told.field("group")
    body, names = told.text("body"), (told.text("requester_name"), told.text("requester_email"))
    return Ticket(
        id=told.text("id").strip()[:200],
        subject=told.text("subject"),
        body=customer_turns(body, customer_names=names) if channel in _SPOKEN else body,
        channel=channel,
        requester=Requester(
            id=told.text("requester_id"), email=told.text("requester_email"), organization=told.text("organization")
        ),
        product=told.text("product"),
        group=told.connection.label("group", group) if group else "",
        language=told.text("language"),
        created_at=as_moment(told.text("created_at")),
        attributes=told.attributes(),
    )


def _channel(stated: str) -> str:
    word = stated.strip().casefold()
    return word if word in _CHANNELS else _CHANNEL_WORDS.get(word, "")


def _what_happened(stated: str) -> EventKind | IgnoredBecause:
    words = stated.casefold()
    if not words:
        return EventKind.CREATED
    return next((what for part, what in _KINDS.items() if part in words), IgnoredBecause.UNHANDLED_EVENT)


def _targets(record: Table, *, connection: Connection) -> list[str]:
    """Return the targets that the connection maps or gives a mode, and those that the ticket lists itself."""
    listed = (as_text(name) for name in as_table(record.get("fields")))
    return list(dict.fromkeys([*connection.fields, *connection.modes, *listed]))


def _bodies(messages: object) -> tuple[str, ...]:
    """Return the texts of messages, which may be texts or objects with a body."""
    listed = messages if isinstance(messages, list) else []
    return tuple(as_text(one.get("body")) if isinstance(one, dict) else as_text(one) for one in listed)
