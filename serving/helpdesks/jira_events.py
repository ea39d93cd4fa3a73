"""What a webhook of Jira, or a rule of its automation, says. Calls nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from serving.connections import Connection
from serving.helpdesks.interface import Event, EventKind, Ignored, IgnoredBecause, Understood
from serving.helpdesks.jira_issues import (
    SiteFields,
    changed_items,
    is_closed,
    is_public,
    is_reopening,
    is_requesters,
    ticket_from,
)
from serving.helpdesks.payload_values import Table, as_count, as_moment, as_table, as_text

# A rule of the automation states what it likes under "event", or nothing.
_STATED: Mapping[str, EventKind | IgnoredBecause] = {
    "jira:issue_created": EventKind.CREATED,
    "created": EventKind.CREATED,
    "closed": EventKind.CLOSED,
    "resolved": EventKind.CLOSED,
    "reopened": EventKind.REOPENED,
    "comment_updated": IgnoredBecause.FIELD_CHANGE,
    "comment_deleted": IgnoredBecause.FIELD_CHANGE,
}
_UPDATED = frozenset({"jira:issue_updated", "updated"})
_COMMENTED = frozenset({"comment_created", "commented"})
_LAST_SECOND = 253_402_300_799


def understand(body: Table, *, connection: Connection) -> Understood:
    """Return what a body says; a shape that is not known asks for nothing."""
    issue = as_table(body.get("issue")) or (body if "fields" in body else {})
    stated = (as_text(body.get("webhookEvent")) or as_text(body.get("event"))).strip()[:60]
    ticket = ticket_from(issue, connection, site=SiteFields())
    if not ticket.id:
        return Ignored(IgnoredBecause.NO_TICKET, detail=stated)
    comment = as_table(body.get("comment"))
    if _is_own(body, comment=comment, connection=connection):
        return Ignored(IgnoredBecause.OWN_CHANGE, detail=stated)
    found = _kind(body, issue=issue, comment=comment, stated=stated)
    if isinstance(found, IgnoredBecause):
        return Ignored(found, detail=stated)
    fields = as_table(issue.get("fields"))
    version = as_text(comment.get("id")) if found is EventKind.REQUESTER_REPLIED else as_text(fields.get("updated"))
    return Event(found, ticket, version=version, occurred_at=_moment(body) or as_moment(fields.get("updated")))


def _is_own(body: Table, *, comment: Table, connection: Connection) -> bool:
    people = [as_table(body.get("user")), as_table(comment.get("updateAuthor")), as_table(comment.get("author"))]
    actor = next((as_text(one.get("accountId")) for one in people if one.get("accountId")), "")
    return bool(actor) and actor == connection.own_user_id


def _kind(body: Table, *, issue: Table, comment: Table, stated: str) -> EventKind | IgnoredBecause:
    if stated in _STATED:
        return _STATED[stated]
    if comment and (stated in _COMMENTED or stated in _UPDATED or not stated):
        return _comment_kind(comment, issue=issue, type_name=as_text(body.get("issue_event_type_name")))
    if stated in _UPDATED:
        return _change_kind(body, issue=issue)
    if stated:
        return IgnoredBecause.UNHANDLED_EVENT
    fields = as_table(issue.get("fields"))
    is_new = as_text(fields.get("updated")) in ("", as_text(fields.get("created")))
    return EventKind.CREATED if is_new else IgnoredBecause.FIELD_CHANGE


def _comment_kind(comment: Table, *, issue: Table, type_name: str) -> EventKind | IgnoredBecause:
    if not is_public(comment):
        return IgnoredBecause.INTERNAL_NOTE
    if type_name in ("issue_comment_edited", "issue_comment_deleted"):
        return IgnoredBecause.FIELD_CHANGE
    return EventKind.REQUESTER_REPLIED if is_requesters(comment, issue=issue) else IgnoredBecause.AGENT_COMMENT


def _change_kind(body: Table, *, issue: Table) -> EventKind | IgnoredBecause:
    items = changed_items(body)
    type_name = as_text(body.get("issue_event_type_name"))
    if type_name == "issue_reopened" or any(is_reopening(item) for item in items):
        return EventKind.REOPENED
    is_moved = any(as_text(item.get("field")) in ("status", "resolution") for item in items)
    return EventKind.CLOSED if is_moved and is_closed(issue) else IgnoredBecause.FIELD_CHANGE


def _moment(body: Table) -> datetime | None:
    """Return when Jira sent the event, by its milliseconds."""
    seconds = (as_count(body.get("timestamp")) or 0) // 1_000
    return datetime.fromtimestamp(seconds, tz=UTC) if 0 < seconds <= _LAST_SECOND else None
