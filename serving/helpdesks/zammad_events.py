"""What Zammad's webhooks say, and its records as our tickets: one shape by webhook (objects), one by its API (names).

A webhook is sent by a trigger: on a ticket created, and on one updated by an article or closed. Pure: calls nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from features.tickets import AttributeValue, Requester, Ticket
from serving.connections import Connection
from serving.helpdesks.interface import Event, EventKind, Ignored, IgnoredBecause, Understood
from serving.helpdesks.payload_values import (
    Table,
    as_attribute,
    as_count,
    as_id,
    as_moment,
    as_table,
    as_text,
    as_texts,
)
from serving.helpdesks.transcripts import customer_turns

#: Zammad's own names; a site that renames them is asked for them by `GET /api/v1/ticket_states`.
CLOSED_STATES = frozenset({"closed", "merged", "removed"})
_SPOKEN = frozenset({"chat", "phone"})
_OF_THE_CUSTOMER = "customer."
# A part of how Zammad names the type of an article; the first that is found counts.
_CHANNELS = {
    "email": "email",
    "web": "portal",
    "phone": "phone",
    "chat": "chat",
    **dict.fromkeys(("sms", "telegram", "whatsapp", "facebook", "twitter"), "messenger"),
}
# A ticket is created and first written within a moment; later changes are a person's.
_AT_ONCE = timedelta(seconds=2)
_JUST_NOW = timedelta(seconds=60)


def understood(body: Table, *, connection: Connection) -> Understood:
    """Return what a webhook's body says; it may have any shape."""
    record, article = as_table(body.get("ticket")), as_table(body.get("article"))
    if not as_id(record.get("id")):
        return Ignored(IgnoredBecause.NO_TICKET)
    if _is_own(article or record, author="created_by" if article else "updated_by", own=connection.own_user_id):
        return Ignored(IgnoredBecause.OWN_CHANGE)
    what = _what_happened(record, article)
    if isinstance(what, IgnoredBecause):
        return Ignored(what, as_text(article.get("type"))[:100])
    customer = as_table(record.get("customer"))
    is_new = what is EventKind.CREATED
    return Event(
        kind=what,
        ticket=ticket_of(record, customer=customer, article=article if is_new else {}, connection=connection),
        version=as_text(record.get("updated_at")),
        occurred_at=as_moment(article.get("created_at")) or as_moment(record.get("updated_at")),
        is_complete=is_new and bool(article) and bool(as_text(customer.get("email"))),
    )


def ticket_of(record: Table, *, customer: Table, article: Table, connection: Connection) -> Ticket:
    """Return the ticket of Zammad's records; its body is the article's, of a chat or call what the customer says."""
    channel = channel_of(article.get("type") or record.get("create_article_type"))
    group = name_of(record.get("group"))
    return Ticket(
        id=as_id(record.get("id")),
        subject=as_text(record.get("title")),
        body=_said(article, channel=channel, customer=customer),
        channel=channel,
        requester=_requester(record, customer),
        group=connection.label("group", group) if group else "",
        created_at=as_moment(record.get("created_at")),
        attributes=_attributes(record, customer, connection=connection),
    )


def channel_of(article_type: object) -> str:
    """Return the product's name for the way in that an article's type tells, "" for one that is not known."""
    named = name_of(article_type).lower()
    return next((channel for part, channel in _CHANNELS.items() if part in named), "")


def name_of(value: object) -> str:
    """Return the name of what a webhook sends as an object and the API as a name; a list's texts in one."""
    if isinstance(value, list):
        return ", ".join(as_texts(value))
    return as_text(as_table(value).get("name")) if isinstance(value, dict) else as_text(value)


def is_of_customer(article: Table) -> bool:
    """Tell whether the requester wrote an article that all may read."""
    return not is_internal(article) and name_of(article.get("sender")).lower() == "customer"


def is_of_agent(article: Table) -> bool:
    """Tell whether a person of the helpdesk wrote an article that the requester may read."""
    return not is_internal(article) and name_of(article.get("sender")).lower() == "agent"


def is_internal(article: Table) -> bool:
    """Tell whether an article is an internal note."""
    return as_text(article.get("internal")).lower() in {"true", "1"}


def _is_own(record: Table, *, author: str, own: str) -> bool:
    stated = as_id(record.get(f"{author}_id")) or as_id(as_table(record.get(author)).get("id"))
    return bool(own) and stated == own


def _what_happened(record: Table, article: Table) -> EventKind | IgnoredBecause:
    is_closed = name_of(record.get("state")).lower() in CLOSED_STATES
    if is_of_customer(article):
        if _is_first(record, article):
            return EventKind.CREATED
        return EventKind.REOPENED if record.get("close_at") and not is_closed else EventKind.REQUESTER_REPLIED
    # An agent often closes with the answer itself.
    if is_closed and _closed_just_now(record):
        return EventKind.CLOSED
    if article:
        return IgnoredBecause.INTERNAL_NOTE if is_internal(article) else IgnoredBecause.AGENT_COMMENT
    return EventKind.CREATED if _is_as_created(record) else IgnoredBecause.FIELD_CHANGE


def _is_first(record: Table, article: Table) -> bool:
    """Tell whether an article opened its ticket: by the ids where told, since others may have followed meanwhile."""
    listed = record.get("article_ids")
    numbers = [number for one in listed if (number := as_count(one)) is not None] if isinstance(listed, list) else []
    own = as_count(article.get("id"))
    if numbers and own is not None:
        return own <= min(numbers)
    return (as_count(record.get("article_count")) or 0) <= 1


def _closed_just_now(record: Table) -> bool:
    closed = as_moment(record.get("last_close_at")) or as_moment(record.get("close_at"))
    updated = as_moment(record.get("updated_at"))
    return closed is None or updated is None or abs(updated - closed) <= _JUST_NOW


def _is_as_created(record: Table) -> bool:
    """Tell whether a ticket that names no article is as it was made; where one is named, its own event tells of it."""
    if record.get("article_ids") or as_count(record.get("article_count")):
        return False
    created, updated = as_moment(record.get("created_at")), as_moment(record.get("updated_at"))
    return created is not None and updated is not None and abs(updated - created) <= _AT_ONCE


def _said(article: Table, *, channel: str, customer: Table) -> str:
    text = as_text(article.get("body"))
    if channel not in _SPOKEN:
        return text
    first, last = as_text(customer.get("firstname")), as_text(customer.get("lastname"))
    names = (f"{first} {last}", f"{last}{first}", first, as_text(customer.get("email")), as_text(customer.get("login")))
    return customer_turns(text, customer_names=names)


def _requester(record: Table, customer: Table) -> Requester:
    # By the API the customer of a ticket is a login, which is nearly always the address.
    login = as_text(record.get("customer"))
    return Requester(
        id=as_id(customer.get("id")) or as_id(record.get("customer_id")),
        email=as_text(customer.get("email")) or (login if "@" in login else ""),
        organization=name_of(record.get("organization")) or name_of(customer.get("organization")),
    )


def _attributes(record: Table, customer: Table, *, connection: Connection) -> Mapping[str, AttributeValue]:
    """Return the attributes that the connection names; `customer.FIELD` stands for a field of the requester."""
    attributes: dict[str, AttributeValue] = {}
    for name, place in connection.attributes.items():
        is_customers = place.startswith(_OF_THE_CUSTOMER)
        value = customer.get(place.removeprefix(_OF_THE_CUSTOMER)) if is_customers else record.get(place)
        if value not in (None, "", [], {}):
            attributes[name] = name_of(value) if isinstance(value, dict) else as_attribute(value)
    return attributes
