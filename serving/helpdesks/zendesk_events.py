"""What Zendesk's webhooks say: event subscriptions of its fixed form, and triggers with a template of the site's own.

A trigger's template names the event itself (`"event": "created"`, `"comment"`, `"reopened"`, `"closed"` or
`"changed"`) and any of `ticket_id`, `ticket_title`, `ticket_description`, `ticket_via`, `requester_id`,
`requester_email`, `comment_author_id`, `comment_is_public` and `current_user_id`. Pure: calls nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from features.tickets import AttributeValue, Requester, Ticket
from serving.connections import Connection
from serving.helpdesks.interface import Event, EventKind, Ignored, IgnoredBecause, Understood
from serving.helpdesks.payload_values import Table, as_id, as_moment, as_table, as_text
from serving.helpdesks.transcripts import customer_turns

_EVENT_PREFIX = "zen:event-type:"
_TICKET_PREFIX = "ticket."
_ENDED = frozenset({"solved", "closed"})
_FIELD_CHANGES = ("_changed", "_redacted", "_made_private", "_linked_to_comment")
_RULE = re.compile(r"-{10,}\s*")
_AUTHOR_AND_DATE = re.compile(r"[^\n]{1,200},[^\n]{0,100}\d[^\n]{0,100}")
_SPOKEN = frozenset({"chat", "phone", "messenger"})
# A part of how Zendesk names a way in, in events, the API and templates; the first that is found counts.
_CHANNELS = {
    "chat": "chat",
    **dict.fromkeys(("mobile", "sdk", "in_app"), "in-app"),
    **dict.fromkeys(("web_service", "api", "any_channel", "rule"), "api"),
    **dict.fromkeys(("messaging", "whatsapp", "facebook", "line", "kakao", "twitter", "sms", "text"), "messenger"),
    **dict.fromkeys(("voice", "phone", "call"), "phone"),
    "mail": "email",
    **dict.fromkeys(("web", "help_center", "help center", "portal", "closed_ticket", "sample"), "portal"),
}
_TEMPLATE_EVENTS: Mapping[str, EventKind | IgnoredBecause] = {
    "create": EventKind.CREATED,
    "new": EventKind.CREATED,
    "reopen": EventKind.REOPENED,
    "clos": EventKind.CLOSED,
    "solv": EventKind.CLOSED,
    "comment": EventKind.REQUESTER_REPLIED,
    "repl": EventKind.REQUESTER_REPLIED,
    "chang": IgnoredBecause.FIELD_CHANGE,
    "update": IgnoredBecause.FIELD_CHANGE,
}


def understood(body: Table, *, connection: Connection) -> Understood:
    """Return what a webhook's body says; it may have any shape."""
    event_type = as_text(body.get("type"))
    if not event_type.startswith(_EVENT_PREFIX):
        return _templated(_Template(body), connection=connection)
    name = event_type.removeprefix(_EVENT_PREFIX)
    if not name.startswith(_TICKET_PREFIX):
        return Ignored(IgnoredBecause.UNHANDLED_EVENT, name[:100])
    return _subscribed(name.removeprefix(_TICKET_PREFIX), body, connection=connection)


def channel_of(via: object) -> str:
    """Return the product's name for the way in by which a ticket came, "" for one that is not known."""
    named = as_text(as_table(via).get("channel") if isinstance(via, dict) else via).lower()
    return next((channel for part, channel in _CHANNELS.items() if part in named), "")


def said_first(description: object, *, channel: str, names: tuple[str, ...]) -> str:
    """Return a ticket's first message without Zendesk's heading; of a chat or call only what the customer says."""
    text = without_heading(as_text(description))
    return customer_turns(text, customer_names=names) if channel in _SPOKEN else text


def without_heading(description: str) -> str:
    """Return a description without the rule and the line of author and date that templates put above it."""
    lines = description.split("\n")
    if not _RULE.fullmatch(lines[0]):
        return description
    told = [number for number, line in enumerate(lines[:6]) if number and line.strip()]
    if not told or not _AUTHOR_AND_DATE.fullmatch(lines[told[0]].strip()):
        return description
    rest = lines[told[0] + 1 :]
    # What follows the heading is set off by an empty line: otherwise the rule is the customer's own.
    return "\n".join(rest).lstrip("\n\r ") if rest and not rest[0].strip() else description


# --- event subscriptions --------------------------------------------------------------------------------------


def _subscribed(name: str, body: Table, *, connection: Connection) -> Understood:
    detail = as_table(body.get("detail"))
    ticket_id = as_id(detail.get("id")) or as_id(as_text(body.get("subject")).rpartition(":")[2])
    if not ticket_id:
        return Ignored(IgnoredBecause.NO_TICKET, name[:100])
    kind = _subscribed_kind(name, as_table(body.get("event")), detail=detail, connection=connection)
    if isinstance(kind, IgnoredBecause):
        return Ignored(kind, name[:100])
    return Event(
        kind,
        _subscribed_ticket(ticket_id, detail, connection=connection),
        version=as_text(detail.get("updated_at")) or _sequence(body) or as_text(body.get("time")),
        occurred_at=as_moment(body.get("time")),
    )


def _subscribed_kind(name: str, event: Table, *, detail: Table, connection: Connection) -> EventKind | IgnoredBecause:
    comment = as_table(event.get("comment"))
    author = as_table(comment.get("author"))
    actor = as_text(author.get("id")) or as_text(detail.get("actor_id"))
    # We file no tickets: one that our own user filed came from somebody else who shares the account.
    if name == "created":
        return EventKind.CREATED
    if connection.own_user_id and actor == connection.own_user_id:
        return IgnoredBecause.OWN_CHANGE
    if name == "comment_added":
        return _comment_kind(is_public=comment.get("is_public") is not False, is_staff=_is_staff(author, detail=detail))
    if name == "status_changed":
        return _status_kind(event)
    return IgnoredBecause.FIELD_CHANGE if name.endswith(_FIELD_CHANGES) else IgnoredBecause.UNHANDLED_EVENT


def _is_staff(author: Table, *, detail: Table) -> bool:
    if isinstance(author.get("is_staff"), bool):
        return bool(author["is_staff"])
    # Where the event does not say, the requester is no staff and anybody else is.
    return as_text(author.get("id")) != as_text(detail.get("requester_id"))


def _comment_kind(*, is_public: bool, is_staff: bool) -> EventKind | IgnoredBecause:
    if not is_public:
        return IgnoredBecause.INTERNAL_NOTE
    return IgnoredBecause.AGENT_COMMENT if is_staff else EventKind.REQUESTER_REPLIED


def _status_kind(event: Table) -> EventKind | IgnoredBecause:
    before, after = (as_text(event.get(when)).lower() in _ENDED for when in ("previous", "current"))
    if before == after:
        return IgnoredBecause.FIELD_CHANGE
    return EventKind.CLOSED if after else EventKind.REOPENED


def _subscribed_ticket(ticket_id: str, detail: Table, *, connection: Connection) -> Ticket:
    channel = channel_of(detail.get("via"))
    return Ticket(
        id=ticket_id,
        subject=as_text(detail.get("subject")),
        body=said_first(detail.get("description"), channel=channel, names=()),
        channel=channel,
        requester=Requester(id=as_text(detail.get("requester_id"))),
        created_at=as_moment(detail.get("created_at")),
        attributes=_attributes(detail, connection=connection),
    )


def _sequence(body: Table) -> str:
    meta = as_table(as_table(body.get("event")).get("meta"))
    return as_text(as_table(meta.get("sequence")).get("id"))


def _attributes(source: Table, *, connection: Connection) -> Mapping[str, AttributeValue]:
    return {name: text for name, place in connection.attributes.items() if (text := as_text(source.get(place)))}


# --- triggers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Template:
    """A trigger's body: values stand at the top, with or without `ticket_` before their name, or under `ticket`."""

    body: Table

    def find(self, *names: str) -> object:
        """Return the first value that one of the names has, None where none has."""
        nested = as_table(self.body.get("ticket"))
        for name in names:
            for place, key in ((nested, name), (self.body, f"ticket_{name}"), (self.body, name)):
                if place.get(key) not in (None, ""):
                    return place[key]
        return None

    def text(self, *names: str) -> str:
        """Return a value as text."""
        return as_text(self.find(*names))

    def person(self, role: str) -> Table:
        """Return what is told of a person as an object, where the template nests it."""
        return as_table(self.find(role))


def _templated(template: _Template, *, connection: Connection) -> Understood:
    named = template.text("event", "triggered_event", "event_type").lower()
    ticket_id = as_id(template.find("id"))
    if not ticket_id:
        return Ignored(IgnoredBecause.NO_TICKET, named[:100])
    kind = _templated_kind(template, named=named, connection=connection)
    if isinstance(kind, IgnoredBecause):
        return Ignored(kind, named[:100])
    updated_at = as_moment(template.find("updated_at_with_timestamp", "updated_at"))
    return Event(
        kind,
        _templated_ticket(ticket_id, template, connection=connection),
        # A template may write a day where a moment is needed: that names no state.
        version=template.text("updated_at_with_timestamp", "updated_at") if updated_at else "",
        occurred_at=updated_at,
    )


def _templated_kind(template: _Template, *, named: str, connection: Connection) -> EventKind | IgnoredBecause:
    kind = _named_kind(named, has_ended=template.text("status").lower() in _ENDED)
    if kind is EventKind.CREATED:
        return kind
    if connection.own_user_id and template.text("current_user_id") == connection.own_user_id:
        return IgnoredBecause.OWN_CHANGE
    if kind is not EventKind.REQUESTER_REPLIED:
        return kind
    author = template.text("comment_author_id", "latest_comment_author_id")
    requester = template.text("requester_id")
    is_public = template.text("comment_is_public", "latest_comment_is_public").lower() not in ("false", "no")
    # A trigger that tells no author is one whose conditions let only the requester's comments through.
    return _comment_kind(is_public=is_public, is_staff=bool(author and requester) and author != requester)


def _named_kind(named: str, *, has_ended: bool) -> EventKind | IgnoredBecause:
    if not named:
        return EventKind.CLOSED if has_ended else EventKind.CREATED
    return next((kind for part, kind in _TEMPLATE_EVENTS.items() if part in named), IgnoredBecause.UNHANDLED_EVENT)


def _templated_ticket(ticket_id: str, template: _Template, *, connection: Connection) -> Ticket:
    person = template.person("requester")
    name = template.text("requester_full_name", "requester_name") or as_text(person.get("name"))
    channel = channel_of(template.find("via", "channel"))
    return Ticket(
        id=ticket_id,
        subject=template.text("title", "subject"),
        body=said_first(template.find("description"), channel=channel, names=(name,)),
        channel=channel,
        requester=Requester(
            id=template.text("requester_id") or as_text(person.get("id")),
            email=template.text("requester_email") or as_text(person.get("email")),
            organization=template.text("organization_name", "organization"),
        ),
        created_at=as_moment(template.find("created_at_with_timestamp", "created_at")),
        attributes=_attributes(template.body, connection=connection),
    )
