"""The tickets behind a figure of the page of trust: one click from a cell. Knows no web and no words.

Shows a visitor what is for them alone, and nothing of a ticket whose audit they have yet to answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Protocol

from serving.review.trust import TrustStorage, TrustViews
from serving.storage.outcomes import UnattendedFilter
from serving.storage.people import User
from serving.storage.reviewing import ReviewItem, Sight

MOST_ROWS = 100
_MOST_LOOKED_AT = 2000


class CellKind(StrEnum):
    """Which figure a cell holds."""

    AUDITS = "audits"
    REVIEWS = "reviews"
    UNATTENDED = "unattended"
    MOVED = "moved"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure: what it counts. What is empty filters nothing; `only_different` leaves agreement out."""

    kind: CellKind
    connection: str
    target: str = ""
    language: str = ""
    suggested: str = ""
    given: str = ""
    only_different: bool = False
    week: date | None = None

    @property
    def query(self) -> dict[str, str]:
        """The cell as a part of an address."""
        told = {
            "kind": self.kind.value,
            "connection": self.connection,
            "target": self.target,
            "ticket_language": self.language,
            "suggested": self.suggested,
            "given": self.given,
            "only": "different" if self.only_different else "",
            "week": self.week.isoformat() if self.week else "",
        }
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class TicketRow:
    """One ticket of a cell."""

    ticket_id: str
    at: datetime | None
    language: str
    suggested: str
    given: str | None
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class TicketsPage:
    """The tickets of a cell; `is_cut` tells that there are more."""

    cell: Cell
    rows: Sequence[TicketRow]
    is_cut: bool
    now: datetime


class TicketPages(Protocol):
    """Who knows whether somebody may see a ticket."""

    def item_of_ticket(self, user: User, connection: str, *, ticket_id: str) -> ReviewItem | None:
        """Return the item under which a user meets a ticket."""

    def ticket(self, user: User, connection: str, *, ticket_id: str) -> object | None:
        """Return a ticket that never was in the queue, or None where a user may not see it."""


def read_cell(query: Mapping[str, str], *, connection: str) -> Cell | None:
    """Return the cell that an address names, or None for none."""
    kind, week = query.get("kind", ""), query.get("week", "")
    if kind not in set(CellKind):
        return None
    try:
        begins = date.fromisoformat(week) if week else None
    except ValueError:
        return None
    return Cell(
        CellKind(kind),
        connection,
        target=query.get("target", ""),
        language=query.get("ticket_language", ""),
        suggested=query.get("suggested", ""),
        given=query.get("given", ""),
        only_different=query.get("only") == "different",
        week=begins,
    )


class TrustTickets:
    """Finds the tickets of a cell for one visitor at a time."""

    def __init__(self, storage: TrustStorage, *, trust: TrustViews, tickets: TicketPages) -> None:
        self._storage = storage
        self._trust = trust
        self._tickets = tickets

    def page(self, cell: Cell, *, user: User, sight: Sight, since: datetime, now: datetime) -> TicketsPage:
        """Return the tickets of a cell that a user may be told of, newest first."""
        match cell.kind:
            case CellKind.UNATTENDED:
                rows = self._unattended(cell, sight=sight, since=since)
            case CellKind.MOVED:
                rows = self._moved(cell, sight=sight, since=since)
            case CellKind.LABEL:
                rows = self._labelled(cell, user=user, since=since)
            case _:
                rows = self._reviewed(cell, sight=sight, since=since)
        told = list(islice(self._tellable(cell, rows, user_id=user.id), MOST_ROWS + 1))
        return TicketsPage(cell, told[:MOST_ROWS], len(told) > MOST_ROWS, now)

    def _tellable(self, cell: Cell, rows: Iterable[TicketRow], *, user_id: str) -> Iterator[TicketRow]:
        for row in rows:
            if not self._trust.must_not_tell(cell.connection, ticket_id=row.ticket_id, user_id=user_id):
                yield row

    def _reviewed(self, cell: Cell, *, sight: Sight, since: datetime) -> Iterator[TicketRow]:
        reviews = self._storage.reviews.list(
            since=since,
            connection=cell.connection,
            is_audit=cell.kind is CellKind.AUDITS,
            newest_first=True,
            visible_to=sight,
        )
        for review in reviews:
            answer = review.answers.get(cell.target)
            if answer is None or answer.given is None or cell.language not in ("", review.language):
                continue
            is_asked = cell.suggested in ("", answer.suggested) and cell.given in ("", answer.given)
            if is_asked and not (cell.only_different and answer.given == answer.suggested):
                yield TicketRow(
                    review.ticket_id, review.at, review.language, answer.suggested, answer.given, review.item_id
                )

    def _unattended(self, cell: Cell, *, sight: Sight, since: datetime) -> Iterator[TicketRow]:
        begins = datetime(cell.week.year, cell.week.month, cell.week.day, tzinfo=UTC) if cell.week else since
        chosen = UnattendedFilter(
            connection=cell.connection,
            target=cell.target,
            label=cell.suggested,
            language=cell.language,
            since=begins,
            until=begins + timedelta(days=7) if cell.week else None,
            visible_to=sight,
        )
        for one in self._storage.outcomes.unattended.sample(chosen, limit=_MOST_LOOKED_AT):
            yield TicketRow(one.ticket_id, one.at, one.language, one.label, None)

    def _moved(self, cell: Cell, *, sight: Sight, since: datetime) -> Iterator[TicketRow]:
        moved = self._trust.moved(cell.connection, sight=sight, since=since)
        for ticket_id in reversed(moved.get((cell.suggested, cell.given), ())):
            yield TicketRow(ticket_id, None, "", cell.suggested, cell.given)

    def _labelled(self, cell: Cell, *, user: User, since: datetime) -> Iterator[TicketRow]:
        seen = self._trust.labels_in_use(cell.connection, since=since)
        for ticket_id in sorted(seen.get((cell.target, cell.given), ()), reverse=True):
            if self._may_see(user, cell.connection, ticket_id):
                yield TicketRow(ticket_id, None, "", "", cell.given)

    def _may_see(self, user: User, connection: str, ticket_id: str) -> bool:
        return (
            self._tickets.item_of_ticket(user, connection, ticket_id=ticket_id) is not None
            or self._tickets.ticket(user, connection, ticket_id=ticket_id) is not None
        )
