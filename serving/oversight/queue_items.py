"""What of a scored ticket a lead is asked to look at, how soon, and what her look is worth. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from features.errors import RecipeError
from features.redaction import redact
from features.taxonomy import target_from_labels
from features.tickets import Ticket
from serving.change_plan import Plan
from serving.connections import Connection, Mode
from serving.oversight.calendars import BusinessCalendar
from serving.storage.intake import FieldStatus
from serving.storage.interface import ScoredEntry
from serving.storage.reviewing import LONGEST_PREVIEW, ReviewItem

# Office hours in which a ticket is to be answered, from the most pressing priority down; a longer scale ends like this.
RESPONSE_TIMES = tuple(timedelta(hours=hours) for hours in (1, 4, 9, 18, 27))
UNKNOWN_RANK = 9
# A ticket in the wrong group takes longest to come right again.
_WEIGHTS = {"group": 2.0, "priority": 1.5}
_NOVELTY_WEIGHT = 0.5


def unattended_targets(entry: ScoredEntry, plan: Plan) -> tuple[str, ...]:
    """Return the targets of which the model's label was written; what a rule forced is no prediction."""
    return tuple(
        one.target
        for one in plan.fields
        if one.status is FieldStatus.WRITTEN and not entry.predictions[one.target].get("rule")
    )


def left_to_people(plan: Plan) -> tuple[str, ...]:
    """Return the targets that were not filled in, those that are switched off apart."""
    return tuple(target for target, mode in plan.effects.items() if mode in (Mode.SUGGEST, Mode.MONITOR))


def queue_item(
    entry: ScoredEntry,
    *,
    ticket: Ticket,
    plan: Plan,
    connection: Connection,
    current_group: str,
    cluster: str,
    calendar: BusinessCalendar,
) -> ReviewItem:
    """Return the item of a ticket that waits for a lead; an audit is made of it by who draws one."""
    rank = priority_rank(entry.predictions)
    return ReviewItem(
        id=entry.id,
        connection=connection.name,
        ticket_id=entry.ticket_id,
        model=entry.model,
        language=entry.language,
        group=group_of(entry.predictions, connection=connection, current_group=current_group),
        created_at=entry.scored_at,
        due_at=due_at(ticket.created_at or entry.scored_at, rank=rank, calendar=calendar),
        priority_rank=rank,
        worth=worth(entry, left_to_people(plan)),
        cluster=cluster,
        preview=preview_of(ticket),
        targets=entry.predictions,
    )


def group_of(targets: Mapping[str, Any], *, connection: Connection, current_group: str) -> str:
    """Return the group by which it is decided who may see a ticket.

    A suggested group that is restricted goes before the one that has the ticket: it may be theirs in truth.
    """
    suggested = str(targets.get("group", {}).get("label") or "")
    restricted = {name.casefold() for name in connection.restricted_groups}
    if suggested.casefold() in restricted and current_group.casefold() not in restricted:
        return suggested
    return current_group or suggested


def priority_rank(targets: Mapping[str, Any]) -> int:
    """Return the place of a ticket's priority on its scale, 0 for the most pressing; UNKNOWN_RANK without one."""
    given = targets.get("priority")
    if not given or not given["label"]:
        return UNKNOWN_RANK
    labels = [given["label"], *(one["label"] for one in given["alternatives"])]
    try:
        return min(target_from_labels("priority", labels).labels.index(given["label"]), UNKNOWN_RANK)
    except RecipeError:  # a scale whose order only the recipe tells
        return UNKNOWN_RANK


def due_at(created_at: datetime, *, rank: int, calendar: BusinessCalendar) -> datetime | None:
    """Return until when a ticket is to be answered, None where its priority does not tell."""
    if rank == UNKNOWN_RANK:
        return None
    return calendar.after(created_at, RESPONSE_TIMES[min(rank, len(RESPONSE_TIMES) - 1)])


def worth(entry: ScoredEntry, targets: Sequence[str]) -> float:
    """Return what a review is expected to put right or teach: how likely a suggestion is wrong, and how new it is.

    Where past tickets like this one were labelled otherwise, the suggestion is more likely wrong than it says.
    """
    nearest = max((float(one["score"]) for one in entry.similar_tickets), default=0.0)
    return round(
        sum(_WEIGHTS.get(name, 1.0) * _doubt(entry, name) for name in targets) + _NOVELTY_WEIGHT * (1 - nearest), 6
    )


def preview_of(ticket: Ticket) -> str:
    """Return the subject without personal data, or else the first words of the body, on one line and cut."""
    said = " ".join(redact(ticket.subject.strip() or ticket.body.strip()[: 4 * LONGEST_PREVIEW]).split())
    return said if len(said) <= LONGEST_PREVIEW else said[: LONGEST_PREVIEW - 1].rstrip() + "…"


def _doubt(entry: ScoredEntry, name: str) -> float:
    given = entry.predictions.get(name, {})
    if given.get("probability") is None:
        return 1.0 if not given.get("rule") else 0.0
    return float((1 - given["probability"]) * (1 + _disagreement(entry, name, str(given["label"]))))


def _disagreement(entry: ScoredEntry, name: str, label: str) -> float:
    """Return the share of similar tickets, each by its likeness, that had another label."""
    said = [(float(one["score"]), one["labels"].get(name)) for one in entry.similar_tickets]
    told = [(score, other) for score, other in said if other]
    total = sum(score for score, _ in told)
    return sum(score for score, other in told if other != label) / total if total else 0.0
