"""Freshdesk's tickets, conversations and articles as its API writes them, and the update that it takes. Calls nothing.

A priority is known by its name and a group by its name; a connection that maps a label to the number that the API
uses sees the number instead.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from features.articles import EVERYONE
from features.history import ArticleRow, HistoryRow
from features.tickets import AttributeValue, Requester, Ticket
from serving.connections import Connection
from serving.helpdesks.freshdesk_events import channel_of, said_first
from serving.helpdesks.history_rows import labelled_row, linked_articles
from serving.helpdesks.interface import TicketChange, TicketState
from serving.helpdesks.payload_values import Table, as_attribute, as_id, as_moment, as_table, as_text, as_texts

_DEFAULT_FIELDS = {"priority": "priority", "kind": "type", "group": "group_id"}
_GROUP_PATHS = frozenset({"group", "group_id"})
_PRIORITY = "priority"
_PRIORITIES = {"1": "low", "2": "medium", "3": "high", "4": "urgent"}
_PRIORITY_NUMBERS = {name: number for number, name in _PRIORITIES.items()}
_CUSTOM, _CUSTOM_PREFIX = "custom_fields.", "cf_"
_ENDED = frozenset({"4", "5"})
_NEUTRAL_RATING = 100
_EVERYONE_MAY_SEE = frozenset({"1", "2"})
_PUBLISHED = "2"
_ARTICLE_LINK = re.compile(r"/solutions/articles/(\d{1,20})")


@dataclass(frozen=True, slots=True)
class Known:
    """The groups and companies that tickets name by id."""

    groups: Mapping[str, str] = field(default_factory=dict)
    companies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A ticket's replies and notes, by who wrote them for whom; what we wrote ourselves answers nothing."""

    follow_ups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Table], *, own_user_id: str) -> Conversation:
        """Sort the entries of a conversation, oldest first."""
        public = [row for row in rows if row.get("private") is not True]
        theirs = [row for row in public if row.get("incoming") is True]
        agents = [row for row in public if row.get("incoming") is not True]
        return cls(
            follow_ups=tuple(as_text(row.get("body")) for row in theirs),
            # A note is read as text: we write it as text, and a marker in it must be found again.
            notes=tuple(
                as_text(row.get("body_text")) or as_text(row.get("body")) for row in rows if row.get("private") is True
            ),
            answers=tuple(as_text(row.get("body")) for row in agents if as_text(row.get("user_id")) != own_user_id),
        )


def ticket_state(
    row: Table, *, known: Known, connection: Connection, conversation: Conversation | None = None
) -> TicketState:
    """Return a ticket of the API; without its conversation where that was not asked for."""
    said = conversation or Conversation()
    is_closed = has_ended(row)
    return TicketState(
        ticket=ticket(row, known=known, connection=connection),
        fields={
            target: field_value(row, target, known=known, connection=connection) for target in mapped_fields(connection)
        },
        tags=frozenset(as_texts(row.get("tags"), separator=",")),
        notes=said.notes,
        follow_ups=said.follow_ups,
        is_answered=bool(said.answers),
        is_closed=is_closed,
        is_reopened=not is_closed and as_moment(as_table(row.get("stats")).get("reopened_at")) is not None,
        version=as_text(row.get("updated_at")),
        updated_at=as_moment(row.get("updated_at")),
        url=f"{connection.base_url}/a/tickets/{as_id(row.get('id'))}",
    )


def ticket(row: Table, *, known: Known, connection: Connection) -> Ticket:
    """Return a ticket as it stood at intake; its body is HTML, as in webhooks."""
    person = as_table(row.get("requester"))
    channel = channel_of(row.get("source"))
    group = field_value(row, "group", known=known, connection=connection)
    company = as_text(as_table(row.get("company")).get("name"))
    description = as_text(row.get("description")) or as_text(row.get("description_text"))
    return Ticket(
        id=as_id(row.get("id")),
        subject=as_text(row.get("subject")),
        body=said_first(description, channel=channel, names=(as_text(person.get("name")),)),
        channel=channel,
        requester=Requester(
            id=as_text(row.get("requester_id")),
            email=as_text(person.get("email")),
            organization=company or known.companies.get(as_text(row.get("company_id")), ""),
        ),
        group=connection.label("group", group),
        created_at=as_moment(row.get("created_at")),
        attributes=_attributes(row, connection=connection),
    )


def has_ended(row: Table) -> bool:
    """Tell whether a ticket is resolved or closed, so that its values are final."""
    return as_text(row.get("status")) in _ENDED


def mapped_fields(connection: Connection) -> dict[str, str]:
    """Return where each target that can be written stands; a target mapped to nothing is left out."""
    return {target: path for target, path in {**_DEFAULT_FIELDS, **connection.fields}.items() if path}


def field_value(row: Table, target: str, *, known: Known, connection: Connection) -> str:
    """Return what the helpdesk shows for a target, "" where it shows nothing."""
    path = mapped_fields(connection).get(target, "")
    value = as_text(_value_at(row, "group_id" if path in _GROUP_PATHS else path))
    if value in connection.values.get(target, {}).values():
        return value
    if path in _GROUP_PATHS:
        return known.groups.get(value, value)
    return _PRIORITIES.get(value, value) if path == _PRIORITY else value


def _is_custom(path: str) -> bool:
    return path.startswith((_CUSTOM, _CUSTOM_PREFIX))


def _value_at(row: Table, path: str) -> object:
    if _is_custom(path):
        return as_table(row.get("custom_fields")).get(path.removeprefix(_CUSTOM))
    return row.get(path)


def _attributes(row: Table, *, connection: Connection) -> Mapping[str, AttributeValue]:
    # Ids of Freshdesk's own fields are numbers that count nothing: they stay text. The site's own fields may count.
    found = {
        name: as_attribute(_value_at(row, path)) if _is_custom(path) else as_text(row.get(path))
        for name, path in connection.attributes.items()
    }
    return {name: value for name, value in found.items() if value != ""}


# --- writing --------------------------------------------------------------------------------------------------


def ticket_update(
    state: TicketState, change: TicketChange, *, connection: Connection, group_id: Callable[[str], int]
) -> dict[str, Any]:
    """Return the update of fields and tags, empty where neither changes. Freshdesk replaces tags, so all are sent."""
    update: dict[str, Any] = {}
    custom: dict[str, str | None] = {}
    for target, value in change.fields.items():
        path = mapped_fields(connection).get(target, "")
        if path in _GROUP_PATHS:
            update["group_id"] = group_id(value) if value else None
        elif path == _PRIORITY:
            update[path] = _priority_number(value)
        elif _is_custom(path):
            custom[path.removeprefix(_CUSTOM)] = value or None
        elif path:
            update[path] = value or None
    if custom:
        update["custom_fields"] = custom
    if change.tags or change.removed_tags:
        update["tags"] = sorted((state.tags - set(change.removed_tags)) | set(change.tags))
    return update


def _priority_number(value: str) -> int | str:
    # Every ticket has a priority; low is the one that Freshdesk gives by itself.
    number = _PRIORITY_NUMBERS.get(value.casefold(), value) or "1"
    return int(number) if number in _PRIORITIES else number


def note_body(note: str) -> str:
    """Return a note as the HTML that Freshdesk keeps."""
    return html.escape(note, quote=False).replace("\n", "<br>")


# --- history and articles -------------------------------------------------------------------------------------


def history_row(
    row: Table, *, known: Known, connection: Connection, conversation: Conversation, csat: float | None
) -> HistoryRow:
    """Return a resolved ticket with its final values as labels; how often it was reassigned the API does not tell."""
    at_intake = ticket(row, known=known, connection=connection)
    stats = as_table(row.get("stats"))
    values = {
        target: field_value(row, target, known=known, connection=connection) for target in mapped_fields(connection)
    }
    return replace(
        labelled_row(at_intake, values, connection=connection),
        article_ids=linked_articles((*conversation.answers, *conversation.notes), _ARTICLE_LINK),
        resolved_at=as_moment(stats.get("resolved_at")) or as_moment(stats.get("closed_at")),
        first_response_at=as_moment(stats.get("first_responded_at")),
        # The API tells the last reopening and not how many there were.
        reopened=None if not stats else int(as_moment(stats.get("reopened_at")) is not None),
        csat=csat,
        resolution=conversation.answers[-1] if conversation.answers else "",
    )


def satisfaction(row: Table) -> float | None:
    """Return a rating of a survey between 0 and 1: Freshdesk counts from 100 upwards and from -101 downwards."""
    stated = as_text(as_table(row.get("ratings")).get("default_question"))
    if not stated.removeprefix("-").isdecimal() or len(stated) > 6:
        return None
    rating = int(stated)
    return 0.5 if rating == _NEUTRAL_RATING else float(rating > _NEUTRAL_RATING)


def is_published(article: Table) -> bool:
    """Tell whether an article is no draft."""
    return as_text(article.get("status")) == _PUBLISHED


def article_row(row: Table, *, folder: Table, connection: Connection) -> ArticleRow:
    """Return an article. A folder that not all may see is known by its name, which may be a group's."""
    article_id = as_text(row.get("id"))
    is_open = as_text(folder.get("visibility")) in _EVERYONE_MAY_SEE
    folder_name = as_text(folder.get("name")) or f"folder {as_text(folder.get('id'))}"
    return ArticleRow(
        id=article_id,
        title=as_text(row.get("title")),
        body=as_text(row.get("description")),
        url=f"{connection.base_url}/support/solutions/articles/{article_id}",
        tags=as_texts(row.get("tags"), separator=","),
        audience=EVERYONE if is_open else connection.label("group", folder_name),
        updated_at=as_moment(row.get("updated_at")),
    )
