"""Zendesk's tickets, comments and articles as its API writes them, and the update that it takes. Calls nothing.

A group is known by its name; a connection that maps a label to a group's id sees the id instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from features.articles import EVERYONE
from features.history import ArticleRow, HistoryRow
from features.tickets import AttributeValue, Requester, Ticket
from serving.connections import Connection
from serving.helpdesks.history_rows import labelled_row, linked_articles
from serving.helpdesks.interface import TicketChange, TicketState
from serving.helpdesks.payload_values import (
    Table,
    as_attribute,
    as_count,
    as_id,
    as_moment,
    as_table,
    as_tables,
    as_text,
    as_texts,
)
from serving.helpdesks.zendesk_events import channel_of, said_first

_DEFAULT_FIELDS = {"priority": "priority", "kind": "type", "group": "group_id"}
_GROUP_PATHS = frozenset({"group", "group_id"})
_CUSTOM = "custom_fields."
_ENDED = frozenset({"solved", "closed"})
_SATISFACTION = {"good": 1.0, "bad": 0.0}
_ARTICLE_LINK = re.compile(r"/hc/(?:[\w-]{1,12}/)?articles/(\d{1,20})")


@dataclass(frozen=True, slots=True)
class Known:
    """The people, groups and organisations that tickets name by id, and the measures of tickets."""

    users: Mapping[str, Table] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    organizations: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Table] = field(default_factory=dict)

    @classmethod
    def told_by(cls, reply: Table) -> Known:
        """Return what stands beside the tickets or comments of an answer."""
        return cls(
            users=_by_id(reply.get("users")),
            groups={key: as_text(one.get("name")) for key, one in _by_id(reply.get("groups")).items()},
            organizations={key: as_text(one.get("name")) for key, one in _by_id(reply.get("organizations")).items()},
            metrics=_by_id(reply.get("metric_sets"), key="ticket_id"),
        )

    def measures(self, row: Table) -> Table:
        """Return the measures of a ticket, which stand in it or beside it."""
        return as_table(row.get("metric_set")) or self.metrics.get(as_id(row.get("id")), {})


@dataclass(frozen=True, slots=True)
class Conversation:
    """A ticket's comments after the first, by who wrote them for whom; `own_user_id` is no person."""

    follow_ups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    @classmethod
    def of(cls, comments: Sequence[Table], *, users: Mapping[str, Table], own_user_id: str) -> Conversation:
        """Sort comments, the first of which is the description, by their authors' roles."""
        later = [(_is_public(one), _is_staff(one, users), as_text(one.get("author_id")), one) for one in comments[1:]]
        return cls(
            follow_ups=_bodies(one for public, staff, _, one in later if public and staff is False),
            notes=_bodies(one for public, _, _, one in later if not public),
            answers=_bodies(one for public, staff, who, one in later if public and staff and who != own_user_id),
        )


def ticket_state(
    row: Table, *, known: Known, connection: Connection, conversation: Conversation | None = None
) -> TicketState:
    """Return a ticket of the API; without its conversation where that was not asked for."""
    said = conversation or Conversation()
    is_closed = as_text(row.get("status")).lower() in _ENDED
    return TicketState(
        ticket=ticket(row, known=known, connection=connection),
        fields={
            target: field_value(row, target, known=known, connection=connection) for target in mapped_fields(connection)
        },
        tags=frozenset(as_texts(row.get("tags"))),
        notes=said.notes,
        follow_ups=said.follow_ups,
        is_answered=bool(said.answers),
        is_closed=is_closed,
        is_reopened=not is_closed and bool(as_count(known.measures(row).get("reopens"))),
        version=as_text(row.get("updated_at")),
        updated_at=as_moment(row.get("updated_at")),
        url=f"{connection.base_url}/agent/tickets/{as_id(row.get('id'))}",
    )


def ticket(row: Table, *, known: Known, connection: Connection) -> Ticket:
    """Return a ticket as it stood at intake."""
    requester_id = as_text(row.get("requester_id"))
    person = known.users.get(requester_id, {})
    channel = channel_of(row.get("via"))
    group = field_value(row, "group", known=known, connection=connection)
    return Ticket(
        id=as_id(row.get("id")),
        subject=as_text(row.get("subject")),
        body=said_first(row.get("description"), channel=channel, names=(as_text(person.get("name")),)),
        channel=channel,
        requester=Requester(
            id=requester_id,
            email=as_text(person.get("email")),
            organization=known.organizations.get(as_text(row.get("organization_id")), ""),
        ),
        group=connection.label("group", group),
        created_at=as_moment(row.get("created_at")),
        attributes=_attributes(row, connection=connection),
    )


def mapped_fields(connection: Connection) -> dict[str, str]:
    """Return where each target that can be written stands; a target mapped to nothing is left out."""
    return {target: path for target, path in {**_DEFAULT_FIELDS, **connection.fields}.items() if path}


def field_value(row: Table, target: str, *, known: Known, connection: Connection) -> str:
    """Return what the helpdesk shows for a target, "" where it shows nothing."""
    path = mapped_fields(connection).get(target, "")
    if path in _GROUP_PATHS:
        return _group(as_text(row.get("group_id")), known=known, connection=connection)
    return as_text(_value_at(row, path))


def _group(group_id: str, *, known: Known, connection: Connection) -> str:
    is_mapped_by_id = group_id in connection.values.get("group", {}).values()
    return group_id if is_mapped_by_id else known.groups.get(group_id, group_id)


def custom_field_id(path: str) -> str:
    """Return the id of the site's own field that a path names, "" for a field of every ticket."""
    return as_id(path.removeprefix(_CUSTOM))


def _value_at(row: Table, path: str) -> object:
    field_id = custom_field_id(path)
    if not field_id:
        return row.get(path)
    return next(
        (one.get("value") for one in as_tables(row.get("custom_fields")) if as_id(one.get("id")) == field_id), None
    )


def _attributes(row: Table, *, connection: Connection) -> Mapping[str, AttributeValue]:
    # Ids of Zendesk's own fields are numbers that count nothing: they stay text. The site's own fields may count.
    found = {
        name: as_attribute(_value_at(row, path)) if custom_field_id(path) else as_text(row.get(path))
        for name, path in connection.attributes.items()
    }
    return {name: value for name, value in found.items() if value != ""}


# --- writing --------------------------------------------------------------------------------------------------


def ticket_update(
    state: TicketState,
    change: TicketChange,
    *,
    connection: Connection,
    group_id: Callable[[str], int],
    is_tagger: Callable[[str], bool],
) -> dict[str, Any]:
    """Return the update that makes a change in one request, or nothing of it where the ticket has changed.

    Zendesk's update replaces the tags and only its bulk update adds any, so the tags that were read are sent along;
    `updated_stamp` keeps this from undoing another's.
    """
    update: dict[str, Any] = {"safe_update": True, "updated_stamp": state.version} if state.version else {}
    paths = mapped_fields(connection)
    custom: dict[str, str] = {}
    for target, value in change.fields.items():
        path = paths.get(target, "")
        if path in _GROUP_PATHS:
            update["group_id"] = group_id(value) if value else None
        elif custom_field_id(path):
            custom[custom_field_id(path)] = value
        elif path:
            update[path] = value or None
    if custom:
        update["custom_fields"] = [{"id": int(key), "value": value or None} for key, value in custom.items()]
    if change.tags or change.removed_tags:
        update["tags"] = sorted(_tags_after(state, change, paths=paths, is_tagger=is_tagger))
    if change.note:
        update["comment"] = {"body": change.note, "public": False}
    return {"ticket": update}


def _tags_after(
    state: TicketState, change: TicketChange, *, paths: Mapping[str, str], is_tagger: Callable[[str], bool]
) -> set[str]:
    """Return the tags after a change. The value of a drop-down is a tag too: without its tag it would be emptied."""
    tags = (set(state.tags) - set(change.removed_tags)) | set(change.tags)
    for target, value in change.fields.items():
        if (field_id := custom_field_id(paths.get(target, ""))) and is_tagger(field_id):
            tags.discard(state.fields.get(target, ""))
            tags |= {value} if value else set()
    return tags


# --- history and articles -------------------------------------------------------------------------------------


def has_ended(row: Table) -> bool:
    """Tell whether a ticket is solved or closed, so that its values are final."""
    return as_text(row.get("status")).lower() in _ENDED


def history_row(row: Table, *, known: Known, connection: Connection, conversation: Conversation) -> HistoryRow:
    """Return a solved ticket with its final values as labels, its measures and the articles that were sent."""
    at_intake = ticket(row, known=known, connection=connection)
    measures = known.measures(row)
    values = {
        target: field_value(row, target, known=known, connection=connection) for target in mapped_fields(connection)
    }
    return replace(
        labelled_row(at_intake, values, connection=connection),
        article_ids=linked_articles((*conversation.answers, *conversation.notes), _ARTICLE_LINK),
        resolved_at=as_moment(measures.get("solved_at")),
        first_response_at=_first_response(at_intake.created_at, measures),
        reassignments=_reassignments(measures),
        reopened=as_count(measures.get("reopens")),
        csat=_satisfaction(row),
        resolution=conversation.answers[-1] if conversation.answers else "",
    )


def _first_response(created_at: datetime | None, measures: Table) -> datetime | None:
    minutes = as_count(as_table(measures.get("reply_time_in_minutes")).get("calendar"))
    if created_at is None or minutes is None or minutes > 10_000_000:
        return None
    return created_at + timedelta(minutes=minutes)


def _reassignments(measures: Table) -> int | None:
    """Return how often a ticket went on to another group or person after the first."""
    stations = [as_count(measures.get(name)) for name in ("group_stations", "assignee_stations")]
    counted = [count for count in stations if count is not None]
    return max(0, max(counted) - 1) if counted else None


def _satisfaction(row: Table) -> float | None:
    score = as_text(as_table(row.get("satisfaction_rating")).get("score")).lower()
    return _SATISFACTION.get(score.partition("_")[0])


def article_row(
    row: Table, *, segments: Mapping[str, Table], groups: Mapping[str, str], connection: Connection
) -> ArticleRow:
    """Return an article of the Help Center with who may read it."""
    segment_id = as_text(row.get("user_segment_id")) or next(iter(as_texts(row.get("user_segment_ids"))), "")
    return ArticleRow(
        id=as_text(row.get("id")),
        title=as_text(row.get("title")),
        body=as_text(row.get("body")),
        language=as_text(row.get("locale")).lower().partition("-")[0],
        url=as_text(row.get("html_url")),
        tags=as_texts(row.get("label_names")),
        audience=_audience(segment_id, segments=segments, groups=groups, connection=connection),
        updated_at=as_moment(row.get("updated_at")),
    )


def _audience(
    segment_id: str, *, segments: Mapping[str, Table], groups: Mapping[str, str], connection: Connection
) -> str:
    """Return everyone, the one group of a segment, or the segment's name; an unknown segment is not everyone."""
    if not segment_id:
        return EVERYONE
    segment = segments.get(segment_id, {})
    group_ids = as_texts(segment.get("group_ids"))
    if len(group_ids) == 1:
        return connection.label("group", groups.get(group_ids[0], group_ids[0]))
    if segment.get("built_in") is True and as_text(segment.get("user_type")) == "signed_in_users":
        # Whoever files a ticket can sign in, and nobody else is told of articles.
        return EVERYONE
    return as_text(segment.get("name")) or f"user segment {segment_id}"


def _by_id(rows: object, *, key: str = "id") -> dict[str, Table]:
    return {row_id: row for row in as_tables(rows) if (row_id := as_text(row.get(key)))}


def _is_public(comment: Table) -> bool:
    return comment.get("public") is not False


def _is_staff(comment: Table, users: Mapping[str, Table]) -> bool | None:
    """Return None for the author -1, which is Zendesk itself, and for people whom it does not name."""
    role = as_text(users.get(as_text(comment.get("author_id")), {}).get("role"))
    return role in ("agent", "admin") if role else None


def _bodies(comments: Iterable[Table]) -> tuple[str, ...]:
    return tuple(text for one in comments if (text := as_text(one.get("body")) or as_text(one.get("html_body"))))
