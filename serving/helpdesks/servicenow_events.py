"""What a business rule of ServiceNow sends, understood. It has no webhooks of its own: a site's script writes them.

The script that we advise sends `event` and the row; without `event` the row itself tells what happened. Calls nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from features.errors import DeliveryError
from serving.connections import Connection
from serving.helpdesks.interface import Delivery, Event, EventKind, Ignored, IgnoredBecause, Understood
from serving.helpdesks.payload_values import as_text, read_object
from serving.helpdesks.servicenow_rows import (
    TABLE,
    Row,
    is_closed,
    moment_of,
    shown_of,
    ticket_from,
    value_of,
)

_ENVELOPES = ("record", "current", "incident", "result", "data")
_STATED_IN = ("event", "event_type", "operation", "action")
_CREATED = frozenset({"created", "insert", "inserted", "create", "new"})
_COMMENTED = frozenset({"commented", "comment", "comment_added"})
_NOTED = frozenset({"work_note", "work_notes", "noted", "work_note_added"})
_CLOSED = frozenset({"closed", "resolved", "close", "resolve"})
_REOPENED = frozenset({"reopened", "reopen"})
_UPDATED = frozenset({"updated", "update", ""})
# Inbound mail of a caller whom ServiceNow does not know is written by this user.
GUEST = "guest"


def key_over(delivery: Delivery) -> str:
    """Return a key over what was sent: ServiceNow gives its requests no id."""
    try:
        row = _row(read_object(delivery.body))
    except DeliveryError:
        row = {}
    ticket = value_of(row, "sys_id") or value_of(row, "number")
    return sha256(ticket.encode("utf-8", "replace") + b"\0" + delivery.body).hexdigest()


def understand(body: Mapping[str, Any], *, connection: Connection) -> Understood:
    """Return what a body says; a shape that is not known asks for nothing."""
    row, stated = _row(body), _stated(body)
    ticket = ticket_from(row, connection)
    table = value_of(row, "sys_class_name") or value_of(body, "table") or TABLE
    if not ticket.id or table.casefold() != TABLE:
        return Ignored(IgnoredBecause.NO_TICKET, detail=table[:60])
    if _is_own(row, connection):
        return Ignored(IgnoredBecause.OWN_CHANGE, detail=stated)
    found = _kind(row, body=body, stated=stated)
    if isinstance(found, IgnoredBecause):
        return Ignored(found, detail=stated)
    return Event(
        found,
        ticket,
        version=value_of(row, "sys_mod_count") or value_of(row, "sys_updated_on"),
        occurred_at=moment_of(row, "sys_updated_on") or moment_of(row, "sys_created_on"),
        is_complete=found is EventKind.CREATED and _tells_all(row, connection),
    )


def _row(body: Mapping[str, Any]) -> Row:
    """Return the part of a body that holds the incident, with what stands beside it."""
    for name in _ENVELOPES:
        inner = body.get(name)
        if isinstance(inner, Mapping):
            return {**body, **inner}
    return body


def _stated(body: Mapping[str, Any]) -> str:
    for name in _STATED_IN:
        stated = as_text(body.get(name)).strip().casefold().removeprefix("incident.")
        if stated:
            return stated[:60]
    return ""


def _is_own(row: Row, connection: Connection) -> bool:
    changed_by = {value_of(row, "sys_updated_by"), value_of(row, "updated_by_id")} - {""}
    return not changed_by.isdisjoint({connection.own_user_id, connection.user})


def _kind(row: Row, *, body: Mapping[str, Any], stated: str) -> EventKind | IgnoredBecause:
    if stated in _CREATED:
        return EventKind.CREATED
    if stated in _CLOSED:
        return EventKind.CLOSED
    if stated in _REOPENED:
        return EventKind.REOPENED
    if stated in _COMMENTED:
        return _comment_kind(row)
    if stated in _NOTED:
        return IgnoredBecause.INTERNAL_NOTE
    return _kind_by_row(row, body=body) if stated in _UPDATED else IgnoredBecause.UNHANDLED_EVENT


def _kind_by_row(row: Row, *, body: Mapping[str, Any]) -> EventKind | IgnoredBecause:
    """Tell what happened from the row alone: a first state, a new comment, a state that differs from the one before."""
    if value_of(row, "sys_mod_count") == "0":
        return EventKind.CREATED
    if value_of(row, "comments"):
        return _comment_kind(row)
    if value_of(row, "work_notes"):
        return IgnoredBecause.INTERNAL_NOTE
    before = value_of(body, "previous_state") or value_of(row, "previous_state")
    was_closed = is_closed({"state": before})
    if is_closed(row):
        return IgnoredBecause.FIELD_CHANGE if was_closed else EventKind.CLOSED
    return EventKind.REOPENED if was_closed else IgnoredBecause.FIELD_CHANGE


def _comment_kind(row: Row) -> EventKind | IgnoredBecause:
    author = value_of(row, "sys_updated_by")
    if author and author in {value_of(row, "caller_id.user_name"), value_of(row, "caller_id.email"), GUEST}:
        return EventKind.REQUESTER_REPLIED
    return IgnoredBecause.AGENT_COMMENT


def _tells_all(row: Row, connection: Connection) -> bool:
    names = ("short_description", "description", "caller_id.email", "contact_type", "company")
    is_named = all(name in row or name.replace(".", "_") in row for name in names)
    # A company of which only the sys_id was sent has no name yet.
    is_company_shown = not value_of(row, "company") or bool(shown_of(row, "company"))
    return is_named and is_company_shown and not connection.attributes
