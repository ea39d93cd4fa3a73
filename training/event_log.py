"""Reads an export of events, several rows a ticket, as tickets: what the first event knew, and who solved it.

Only the first event is what was known when the ticket arrived; the later ones make labels and nothing else. A column
that holds the same value in all events of a ticket may still be one that the export filled in afterwards:
`training.leaks` knows the names of those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import HistoryError, RecipeError
from features.history import INTAKE_FIELDS, TICKET_FIELDS, ColumnMapping
from training.cells import is_blank, label_of, number_of
from training.columns import ATTRIBUTE_PREFIX, columns_of_fields, existing_column
from training.dates import parse_dates
from training.tiers import Trail

# Who held the ticket when it was solved; all other outcomes are what the last event says.
_OF_SOLVING_EVENT = ("group", "tier")
_VALUES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class EventLog:
    """How a log is read: `order` is the column that orders a ticket's events, a number or a date.

    In events in which a column of `solved` holds its value the ticket stands solved.
    """

    order: str
    solved: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_options(cls, order: str | None, solved: Sequence[str]) -> EventLog | None:
        """Return the log stated by options, None where none is; raise RecipeError for one that says nothing."""
        conditions = []
        for option in solved:
            column, _, value = option.rpartition("=")
            if not column.strip() or not value.strip():
                raise RecipeError(f"'{option}' names no event. Write COLUMN=VALUE, as in --solved state=Resolved.")
            conditions.append((column.strip(), value.strip()))
        if order is None:
            if conditions:
                raise RecipeError("--solved is about the events of a log: name the column that orders them, --events.")
            return None
        return cls(order, tuple(conditions))


@dataclass(frozen=True, slots=True)
class LoggedTickets:
    """The tickets of a log: a frame of one row a ticket, and the mapping of the fields to its columns.

    Intake fields keep their columns, which hold what the first event said. Outcomes have columns of their own.
    `trails` tells by line who held each ticket; None where no column of the log holds the group.
    """

    cells: pd.DataFrame
    mapping: ColumnMapping
    trails: Mapping[int, Trail] | None


def tickets_of_events(
    events: pd.DataFrame, *, mapping: ColumnMapping, log: EventLog, now: datetime | None = None
) -> LoggedTickets:
    """Return the tickets of a log, in the order of their first events; raise HistoryError where it cannot be read."""
    columns = columns_of_fields(mapping, columns=tuple(events.columns), known_fields=TICKET_FIELDS)
    if "id" not in columns:
        raise HistoryError("A log of events needs the column of the tickets' ids. State it with --map id=COLUMN.")
    numbers = _ticket_numbers(events[columns["id"]].tolist())
    moments = _moments(events, log.order, now=now or datetime.now(UTC))
    order = np.lexsort((np.arange(len(events)), moments, numbers))
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    spans = [order[start:stop] for start, stop in zip(starts, [*starts[1:], len(order)], strict=True)]
    first, last = (np.array([span[end] for span in spans]) for end in (0, -1))
    is_solved = _is_solved(events, log.solved)
    solving = np.array([next((place for place in span[::-1] if is_solved[place]), span[-1]) for span in spans])

    cells = events.iloc[first].copy()
    cells.attrs = dict(events.attrs)
    outcomes = {}
    for field, column in columns.items():
        if field not in INTAKE_FIELDS and not field.startswith(ATTRIBUTE_PREFIX) and field != "id":
            places, name = (solving, "solving") if field in _OF_SOLVING_EVENT else (last, "last")
            outcomes[field] = f"{column} ({name} event)"
            cells[outcomes[field]] = events[column].to_numpy()[places]
    trails = None
    if "group" in columns:
        groups = [None if is_blank(cell) else label_of(cell) for cell in events[columns["group"]].tolist()]
        found = [_trail(groups, span, solving=place) for span, place in zip(spans, solving, strict=True)]
        # A group that was cleared when the ticket was solved is the one that had it last.
        cells[outcomes["group"]] = [trail.solver or "" for trail in found]
        trails = dict(zip(cells.index.tolist(), found, strict=True))
    return LoggedTickets(cells, ColumnMapping({**columns, **outcomes}), trails)


def _ticket_numbers(ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each event's ticket by first appearance; an event without an id is a ticket of its own."""
    known: dict[str, int] = {}
    keys = (own.strip() or f"\0{place}" for place, own in enumerate(ids))
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int64)


def _moments(events: pd.DataFrame, column: str, *, now: datetime) -> NDArray[np.float64]:
    cells = events[existing_column(column, columns=tuple(events.columns))].tolist()
    numbers = [number_of(cell) for cell in cells]
    if any(number is None for number in numbers):
        numbers = [None if at is None else at.timestamp() for at in parse_dates(cells, now=now).values]
    wrong = next((place for place, number in enumerate(numbers) if number is None), None)
    if wrong is not None:
        raise HistoryError(
            f"'{cells[wrong][:60]}' in column '{column}' of line {events.index[wrong]} is neither a number nor a date "
            "written as the others, so the events of its ticket have no order. Mend it, or name another column."
        )
    return np.array(numbers, np.float64)


def _is_solved(events: pd.DataFrame, conditions: Sequence[tuple[str, str]]) -> NDArray[np.bool_]:
    found = np.zeros(len(events), np.bool_)
    for column, value in conditions:
        cells = [cell.strip() for cell in events[existing_column(column, columns=tuple(events.columns))].tolist()]
        holds = np.array([cell.casefold() == value.casefold() for cell in cells])
        if not holds.any():
            values = ", ".join(sorted(set(cells))[:_VALUES_SHOWN])
            raise HistoryError(f"No event has '{value}' in column '{column}'. The column holds: {values}.")
        found |= holds
    return found


def _trail(groups: Sequence[str | None], span: NDArray[np.intp], *, solving: int) -> Trail:
    """Return who held a ticket up to the event that solved it."""
    held = []
    for place in span.tolist():
        group = groups[place]
        if group is not None:
            held.append(group)
        if place == solving:
            break
    return Trail(tuple(dict.fromkeys(held)), held[-1] if held else None)
