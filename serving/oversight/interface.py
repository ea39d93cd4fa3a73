"""Who looks after the work on tickets, as the work itself knows it. Knows nothing of how."""

from __future__ import annotations

from typing import Protocol

from features.tickets import Ticket
from serving.change_plan import Plan
from serving.connections import Connection
from serving.storage.interface import ScoredEntry


class Overseer(Protocol):
    """Who looks after what runs unattended and what is left to people; each call may come more than once."""

    def triaged(
        self, entry: ScoredEntry, *, ticket: Ticket, plan: Plan, connection: Connection, current_group: str
    ) -> None:
        """Note a scored ticket and what was written into it; raise StorageError.

        `current_group` is the group that has the ticket now, "" where none has.
        """

    def closed(self, connection: str, *, ticket_id: str) -> None:
        """Note that a ticket was closed; raise StorageError."""


class WithoutOversight:
    """Stands where nobody looks after what was written."""

    def triaged(
        self, entry: ScoredEntry, *, ticket: Ticket, plan: Plan, connection: Connection, current_group: str
    ) -> None:
        """Do nothing."""

    def closed(self, connection: str, *, ticket_id: str) -> None:
        """Do nothing."""
