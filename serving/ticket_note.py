"""The note of a ticket: what its reading group may be told of what was said and done. Pure."""

from __future__ import annotations

from serving.change_plan import Plan
from serving.connections import Connection, Mode
from serving.helpdesks.interface import TicketState
from serving.note_content import NoteContent, NoteEffect, Occasion, TargetEffect
from serving.notes import note
from serving.storage.intake import FieldStatus
from serving.storage.interface import ScoredEntry
from serving.visibility import audiences_of, visible_articles, visible_similar


def ticket_note(
    entry: ScoredEntry,
    plan: Plan,
    state: TicketState,
    *,
    connection: Connection,
    marker: str,
    occasion: Occasion,
    public_url: str,
) -> str:
    """Return the note on what was said of a ticket; "" where nothing of it may be told."""
    if all(mode in (Mode.MONITOR, Mode.OFF) for mode in plan.effects.values()):
        return ""
    group = reading_group(plan, state, connection)
    told = {target: became for target in plan.effects if (became := _told(target, plan, entry)) is not None}
    content = NoteContent.from_answer(
        {"targets": entry.predictions},
        effects=told,
        articles=visible_articles(entry.articles, audiences_of(group)),
        similar=visible_similar(entry.similar_tickets, group, connection.restricted_groups),
        occasion=occasion,
    )
    url = f"{public_url}/review/tickets/{connection.name}/{entry.ticket_id}" if public_url else ""
    return note(content, language=connection.language_of(group), marker=marker, review_url=url)


def reading_group(plan: Plan, state: TicketState, connection: Connection) -> str:
    """Return the group that will read the note: the one that we hand the ticket to, else the one that has it."""
    return connection.label("group", plan.to_write().get("group", state.fields.get("group", "")))


def _told(target: str, plan: Plan, entry: ScoredEntry) -> TargetEffect | None:
    """Return what a note tells of a target, or None where it is only recorded."""
    if plan.effects[target] in (Mode.MONITOR, Mode.OFF):
        return None
    is_rule = bool(entry.predictions[target].get("rule"))
    field = {one.target: one for one in plan.fields}.get(target)
    if field is None:
        return TargetEffect(NoteEffect.SUGGESTED, is_rule=is_rule)
    if field.status is FieldStatus.KEPT:
        return TargetEffect(NoteEffect.KEPT, kept_value=field.before, is_rule=is_rule)
    return TargetEffect(NoteEffect.WRITTEN, is_rule=is_rule) if field.status is FieldStatus.WRITTEN else None
