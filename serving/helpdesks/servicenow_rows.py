"""ServiceNow's rows read as tickets: values in whichever of the forms that its tables and scripts give.

A value is plain text, or a value with its display value, or a value with a link. Calls nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeAlias

from features.tickets import Requester, Ticket
from serving.connections import Connection
from serving.helpdesks.payload_values import as_count, as_text
from serving.helpdesks.transcripts import customer_turns

Row: TypeAlias = Mapping[str, Any]

TABLE = "incident"
MOMENT_FORMAT = "%Y-%m-%d %H:%M:%S"
# Where an incident keeps our targets unless the connection says otherwise. It has no kind and no tier of its own.
DEFAULT_FIELDS: Mapping[str, str] = {
    "category": "category",
    "priority": "priority",
    "group": "assignment_group",
    "impact": "impact",
    "urgency": "urgency",
}
GROUP_FIELD, PRIORITY_FIELD = "assignment_group", "priority"
# Resolved, Closed and Canceled as ServiceNow ships them; a site with states of its own still empties `active`.
_CLOSED_STATES = frozenset({"6", "7", "8", "resolved", "closed", "canceled", "cancelled"})
_CHANNELS: Mapping[str, str] = {
    "email": "email",
    "phone": "phone",
    "self-service": "portal",
    "self service": "portal",
    "portal": "portal",
    "chat": "chat",
    "virtual_agent": "chat",
    "messenger": "messenger",
    "integration": "api",
    "api": "api",
    "mobile": "in-app",
    "in-app": "in-app",
}
_SPOKEN = frozenset({"chat", "phone", "messenger"})
_SYS_ID = re.compile(r"[0-9a-f]{32}")


def value_of(row: Row, name: str) -> str:
    """Return a field as ServiceNow keeps it: the number of a choice, the sys_id of a reference; "" where it is empty.

    A dotted name is also found as scripts write it, with underscores.
    """
    found = row.get(name, row.get(name.replace(".", "_")))
    if isinstance(found, Mapping):
        found = found.get("value", found.get("display_value"))
    return as_text(found)


def shown_of(row: Row, name: str) -> str:
    """Return a field as people see it; "" where only a sys_id is known."""
    found = next((row[key] for key in _keys_of_shown(name) if key in row), None)
    if isinstance(found, Mapping):
        found = found.get("display_value")
    shown = as_text(found)
    return "" if is_sys_id(shown) else shown


def _keys_of_shown(name: str) -> tuple[str, ...]:
    flat = name.replace(".", "_")
    return f"dv_{name}", f"dv_{flat}", name, flat


def is_sys_id(text: str) -> bool:
    """Tell whether a text is the name of a record that only ServiceNow understands."""
    return _SYS_ID.fullmatch(text) is not None


def moment_of(row: Row, name: str) -> datetime | None:
    """Return a moment; ServiceNow keeps them in UTC without saying so."""
    with suppress(ValueError):
        return datetime.strptime(value_of(row, name)[:19].replace("T", " "), MOMENT_FORMAT).replace(tzinfo=UTC)
    return None


def count_of(row: Row, name: str) -> int | None:
    """Return a count, None where it is empty or none."""
    return as_count(value_of(row, name))


def is_closed(row: Row) -> bool:
    """Tell whether an incident has its final values: resolved, closed or cancelled."""
    states = {value_of(row, "state").casefold(), shown_of(row, "state").casefold()}
    return value_of(row, "active").casefold() == "false" or not _CLOSED_STATES.isdisjoint(states)


def ticket_from(row: Row, connection: Connection) -> Ticket:
    """Return the ticket at intake that a row tells of."""
    channel = channel_of(row)
    return Ticket(
        id=value_of(row, "sys_id") or value_of(row, "number"),
        subject=value_of(row, "short_description"),
        body=body_of(row, channel=channel),
        channel=channel,
        requester=Requester(
            id=value_of(row, "caller_id"), email=value_of(row, "caller_id.email"), organization=organization_of(row)
        ),
        product=product_of(row),
        group=native_of(row, "group", connection=connection),
        created_at=moment_of(row, "opened_at") or moment_of(row, "sys_created_on"),
        attributes=attributes_of(row, connection),
    )


def channel_of(row: Row) -> str:
    """Return the channel by our names; "" for one that is not known."""
    for stated in (value_of(row, "contact_type"), shown_of(row, "contact_type")):
        if stated.strip().casefold() in _CHANNELS:
            return _CHANNELS[stated.strip().casefold()]
    return ""


def body_of(row: Row, *, channel: str) -> str:
    """Return what the caller wrote or, of a chat or call, said."""
    text = value_of(row, "description")
    if channel not in _SPOKEN or not text:
        return text
    names = [name for name in (shown_of(row, "caller_id"), value_of(row, "caller_id.name")) if name]
    return customer_turns(text, customer_names=names)


def organization_of(row: Row) -> str:
    """Return the name of the caller's company."""
    return shown_of(row, "caller_id.company") or shown_of(row, "company")


def product_of(row: Row) -> str:
    """Return the name of the service or else of the thing that the incident is about."""
    return shown_of(row, "business_service") or shown_of(row, "cmdb_ci")


def attributes_of(row: Row, connection: Connection) -> dict[str, str]:
    """Return the attributes that the connection maps, as people see them."""
    found = {name: shown_of(row, field) or value_of(row, field) for name, field in connection.attributes.items()}
    return {name: value for name, value in found.items() if value}


def field_of(target: str, connection: Connection) -> str:
    """Return the incident's field of a target, "" where it has none."""
    return connection.fields.get(target, DEFAULT_FIELDS.get(target, ""))


def fields_from(row: Row, connection: Connection) -> dict[str, str]:
    """Return the native value of each target that the connection knows a field for."""
    targets = {**DEFAULT_FIELDS, **connection.fields}
    return {target: native_of(row, target, connection=connection) for target in targets}


def native_of(row: Row, target: str, *, connection: Connection) -> str:
    """Return a target's value as it is written: a choice's value, a group's name.

    A group that the connection maps by its sys_id is given by that.
    """
    field = field_of(target, connection)
    value = value_of(row, field)
    mapped = {native.casefold() for native in connection.values.get(target, {}).values()}
    if field == GROUP_FIELD and value.casefold() not in mapped:
        return shown_of(row, field)
    return value


def tags_from(text: str) -> frozenset[str]:
    """Return the tags of a field that holds them between commas."""
    return frozenset(tag.strip() for tag in text.split(",") if tag.strip())


def fields_to_ask(connection: Connection) -> str:
    """Return the names of all fields that a ticket is made of, for one question."""
    own: Iterable[str] = (*connection.fields.values(), *connection.attributes.values(), tags_field(connection))
    return ",".join(dict.fromkeys(name for name in (*_ASKED, *DEFAULT_FIELDS.values(), *own) if name))


def tags_field(connection: Connection) -> str:
    """Return the text field that holds our tags, "" where there is none.

    ServiceNow's own tags cannot be written through its API without the vendor's role, so a site that wants them adds
    a field and names it under `event_fields.tags`.
    """
    return connection.event_fields.get("tags", "")


_ASKED = (
    *("sys_id", "number", "short_description", "description", "contact_type", "state", "active", "opened_at"),
    *("sys_created_on", "sys_updated_on", "sys_mod_count", "reopen_count", "reassignment_count", "resolved_at"),
    *("closed_at", "close_notes", "close_code", "parent_incident", "business_service", "cmdb_ci", "company"),
    *("caller_id", "caller_id.email", "caller_id.name", "caller_id.user_name", "caller_id.company"),
)
