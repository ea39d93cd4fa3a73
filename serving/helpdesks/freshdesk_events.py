"""What Freshdesk's webhooks say: an automation's simple content, or a template of the site's own. Calls nothing.

Simple content tells the event as `{status:{from:2,to:4}}`. A template may name it itself (`"event": "created"`,
`"comment"`, `"reopened"`, `"closed"` or `"changed"`) beside `ticket_id`, `ticket_subject`, `ticket_description`,
`ticket_source`, `requester_email`, `performer_email` and `comment_is_private`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from features.tickets import Requester, Ticket
from serving.connections import Connection
from serving.helpdesks.interface import Event, EventKind, Ignored, IgnoredBecause, Understood
from serving.helpdesks.payload_values import Table, as_id, as_moment, as_table, as_text
from serving.helpdesks.transcripts import customer_turns

_WRAPPER = "freshdesk_webhook"
_ENDED = frozenset({"4", "5", "resolved", "closed"})
_SPOKEN = frozenset({"chat", "phone", "messenger"})
_CHANNELS_BY_NUMBER = {
    "1": "email",
    "2": "portal",
    "3": "phone",
    "5": "messenger",
    "6": "messenger",
    "7": "chat",
    "8": "in-app",
    "9": "portal",
    "10": "email",
    "13": "messenger",
}
_CHANNELS = {
    "mail": "email",
    "feedback": "portal",
    "portal": "portal",
    "phone": "phone",
    "chat": "chat",
    **dict.fromkeys(("mobi", "in-app"), "in-app"),
    **dict.fromkeys(("whatsapp", "facebook", "twitter", "line", "kakao", "messag", "sms"), "messenger"),
    "api": "api",
}
_STATUS_CHANGE = re.compile(r"status:\s*\{\s*from:\s*(\w{1,20})\s*,\s*to:\s*(\w{1,20})")
# A part of how an event is named, by simple content or by a template; the first that is found counts.
_EVENTS: Mapping[str, EventKind | IgnoredBecause] = {
    "note_type:private": IgnoredBecause.INTERNAL_NOTE,
    "from:": IgnoredBecause.FIELD_CHANGE,
    "creat": EventKind.CREATED,
    "reopen": EventKind.REOPENED,
    "clos": EventKind.CLOSED,
    "resolv": EventKind.CLOSED,
    "reply_sent": IgnoredBecause.AGENT_COMMENT,
    "note_type:public": EventKind.REQUESTER_REPLIED,
    "comment": EventKind.REQUESTER_REPLIED,
    "repl": EventKind.REQUESTER_REPLIED,
    "updat": IgnoredBecause.FIELD_CHANGE,
    "chang": IgnoredBecause.FIELD_CHANGE,
    "assign": IgnoredBecause.FIELD_CHANGE,
}


def understood(body: Table, *, connection: Connection) -> Understood:
    """Return what a webhook's body says; it may have any shape."""
    told = as_table(body.get(_WRAPPER)) or body
    named = _text(told, "triggered_event", "event").lower()
    ticket_id = ticket_id_of(told)
    if not ticket_id:
        return Ignored(IgnoredBecause.NO_TICKET, named[:100])
    kind = _kind(told, named=named, connection=connection)
    if isinstance(kind, IgnoredBecause):
        return Ignored(kind, named[:100])
    updated_at = _text(told, "ticket_updated_at", "updated_at")
    moment = as_moment(updated_at)
    return Event(
        kind,
        _ticket(ticket_id, told, connection=connection),
        # Simple content writes dates for people to read: those name no state.
        version=updated_at if moment else "",
        occurred_at=moment,
    )


def ticket_id_of(body: Table) -> str:
    """Return the id of the ticket that a body tells of, "" where it tells none."""
    told = as_table(body.get(_WRAPPER)) or body
    return as_id(told.get("ticket_id")) or as_id(told.get("id"))


def channel_of(source: object) -> str:
    """Return the product's name for a source, which the API numbers and webhooks name."""
    named = as_text(source).strip().lower()
    if named in _CHANNELS_BY_NUMBER:
        return _CHANNELS_BY_NUMBER[named]
    return next((channel for part, channel in _CHANNELS.items() if part in named), "")


def said_first(description: object, *, channel: str, names: tuple[str, ...]) -> str:
    """Return a ticket's first message; of a chat or call only what the customer says."""
    text = as_text(description)
    return customer_turns(text, customer_names=names) if channel in _SPOKEN else text


def _kind(told: Table, *, named: str, connection: Connection) -> EventKind | IgnoredBecause:
    kind = _named_kind(named, status=_text(told, "ticket_status", "status"))
    # We file no tickets: one that our own user filed came from somebody else who shares the account.
    if kind is EventKind.CREATED:
        return kind
    if _is_own(told, connection=connection):
        return IgnoredBecause.OWN_CHANGE
    if kind is not EventKind.REQUESTER_REPLIED:
        return kind
    if _text(told, "comment_is_private").lower() in ("true", "yes", "1"):
        return IgnoredBecause.INTERNAL_NOTE
    performer = _text(told, "performer_email", "event_performer_email").casefold()
    requester = _text(told, "requester_email", "ticket_requester_email").casefold()
    # Public notes are mostly agents'; an event that a template calls a comment is the requester's by its rule.
    is_agents = performer != requester if performer and requester else "note_type" in named
    return IgnoredBecause.AGENT_COMMENT if is_agents else kind


def _named_kind(named: str, *, status: str) -> EventKind | IgnoredBecause:
    if not named:
        return EventKind.CLOSED if status.lower() in _ENDED else EventKind.CREATED
    if change := _STATUS_CHANGE.search(named):
        before, after = (one in _ENDED for one in change.groups())
        if before == after:
            return IgnoredBecause.FIELD_CHANGE
        return EventKind.CLOSED if after else EventKind.REOPENED
    return next((kind for part, kind in _EVENTS.items() if part in named), IgnoredBecause.UNHANDLED_EVENT)


def _is_own(told: Table, *, connection: Connection) -> bool:
    performer_id = _text(told, "performer_id", "event_performer_id")
    performer = _text(told, "performer_email", "event_performer_email").casefold()
    is_by_id = bool(performer_id) and performer_id == connection.own_user_id
    return is_by_id or (bool(performer) and performer == connection.user.casefold())


def _ticket(ticket_id: str, told: Table, *, connection: Connection) -> Ticket:
    channel = channel_of(_text(told, "ticket_source", "source"))
    name = _text(told, "requester_name", "ticket_requester_name")
    return Ticket(
        id=ticket_id,
        subject=_text(told, "ticket_subject", "subject"),
        body=said_first(_text(told, "ticket_description", "description"), channel=channel, names=(name,)),
        channel=channel,
        requester=Requester(
            id=_text(told, "requester_id", "ticket_requester_id"),
            email=_text(told, "requester_email", "ticket_requester_email"),
            organization=_text(told, "ticket_company_name", "company_name"),
        ),
        created_at=as_moment(_text(told, "ticket_created_at", "created_at")),
        attributes={
            attribute: text for attribute, place in connection.attributes.items() if (text := _text(told, place))
        },
    )


def _text(told: Table, *names: str) -> str:
    return next((text for name in names if (text := as_text(told.get(name)).strip())), "")
