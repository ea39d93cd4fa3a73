"""What is kept of the way from a helpdesk's delivery to what was written back. Knows no SQL, no web and no vendor.

As in `serving.storage.interface`: every method blocks, may be called from any thread, and raises StorageError where
the database does not answer or refuses. Every datetime carries a time zone going in and is UTC coming out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from features.answers import ModelIdentity


def requester_sha256(email: str) -> str:
    """Return what stands for a requester in the database; "" where the address is not known."""
    known = email.strip().casefold()
    return hashlib.sha256(known.encode(errors="replace")).hexdigest() if known else ""


class DeliveryState(StrEnum):
    """How far a delivery has come: waiting for work, worked on to its end, given up, or never understood."""

    ACCEPTED = "accepted"
    DONE = "done"
    DEAD = "dead"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery that was committed before it was answered.

    `id` comes from `serving.storage.identifiers.time_ordered_id`; `key` is what two sendings of it share. `event` is
    plain JSON from which `serving.storage.never_stored.without_secrets` took what must not be kept; it is empty
    once the ticket's text has been forgotten. `next_attempt_at` is `received_at` where nothing else is said.
    `last_error` and `outcome` hold no ticket text.
    """

    id: str
    connection: str
    key: str
    ticket_id: str
    kind: str
    event: Mapping[str, Any]
    received_at: datetime
    state: DeliveryState = DeliveryState.ACCEPTED
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_error: str = ""
    finished_at: datetime | None = None
    outcome: str = ""
    requester_sha256: str = ""


class FieldStatus(StrEnum):
    """What became of one field of a ticket."""

    WRITTEN = "written"
    KEPT = "kept"
    SAME = "same"
    NOT_ALLOWED = "not allowed"
    REVERTED = "reverted"
    TOUCHED = "touched"


class EffectState(StrEnum):
    """How far an effect has come: promised, known to be in the ticket, or taken back."""

    CLAIMED = "claimed"
    WRITTEN = "written"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class FieldEffect:
    """One field in an effect: the label meant, the helpdesk's value before and after, and what became of it."""

    target: str
    label: str
    before: str
    after: str
    status: FieldStatus


@dataclass(frozen=True, slots=True)
class Effect:
    """What one scored state of a ticket causes in its helpdesk: at most one, told apart there by its marker."""

    marker: str
    connection: str
    ticket_id: str
    scored_state: str
    delivery_id: str
    model: ModelIdentity
    claimed_at: datetime
    scored_entry_id: str = ""
    fields: tuple[FieldEffect, ...] = ()
    note: bool = False
    tags: tuple[str, ...] = ()
    state: EffectState = EffectState.CLAIMED
    written_at: datetime | None = None
    reverted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OriginalView:
    """That a ticket's original was shown, to whom and when."""

    connection: str
    ticket_id: str
    viewed_by: str
    viewed_at: datetime


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A ticket whose text was erased because its requester asked for it."""

    connection: str
    ticket_id: str
    requester_sha256: str
    at: datetime


class SetBy(StrEnum):
    """Who gave a field its final value."""

    PERSON = "person"
    US = "us"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FinalValue:
    """The value of a field when its ticket was closed; one that we wrote and nobody touched is not confirmed."""

    value: str
    set_by: SetBy
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Closing:
    """A closed ticket's final values by target, and the version whose suggestion it had."""

    connection: str
    ticket_id: str
    closed_at: datetime
    values: Mapping[str, FinalValue] = field(default_factory=dict)
    model_version: str = ""


@dataclass(frozen=True, slots=True)
class Breaker:
    """How a helpdesk has answered lately, whoever called it."""

    failures: int = 0
    open_until: datetime | None = None
    paused_until: datetime | None = None


class DeliveryStorage(Protocol):
    """The deliveries, and the work that waits on them."""

    def accept(self, delivery: StoredDelivery) -> bool:
        """Commit a delivery; return False where one of its connection and key is there already."""

    def accept_all(self, deliveries: Sequence[StoredDelivery]) -> Sequence[bool]:
        """Commit deliveries in one transaction; return for each what `accept` would."""

    def take_due(self, now: datetime, *, limit: int, lease_seconds: float) -> Sequence[StoredDelivery]:
        """Begin the next attempt at accepted deliveries whose moment has come, the longest due first.

        Of several workers one gets each. `attempts` counts the attempt that was begun. A delivery is due again when
        the lease ends, so that a killed worker loses nothing.
        """

    def finish(self, delivery_id: str, *, at: datetime, outcome: str) -> bool:
        """Mark an accepted delivery done; return whether it was accepted."""

    def postpone(self, delivery_id: str, *, until: datetime, error: str) -> bool:
        """Let an accepted delivery wait; return whether it was accepted."""

    def bury(self, delivery_id: str, *, at: datetime, error: str) -> bool:
        """Give an accepted delivery up; return whether it was accepted."""

    def replay(self, delivery_id: str, *, at: datetime) -> bool:
        """Begin a delivery anew that waits for no work; return False for any other, and where its event was emptied."""

    def list(
        self,
        *,
        state: DeliveryState | None = None,
        connection: str | None = None,
        since: datetime | None = None,
        after: str = "",
        limit: int = 50,
    ) -> Sequence[StoredDelivery]:
        """Return deliveries received since a moment, newest first; `after` is the id of the one to go on after."""

    def count(self, *, connection: str, since: datetime) -> int:
        """Return how many deliveries of a connection were received since a moment."""

    def find(self, delivery_id: str) -> StoredDelivery | None:
        """Return the delivery of that id."""

    def counts(self) -> Mapping[DeliveryState, int]:
        """Return how many deliveries there are in each state, those without any included."""

    def has(self, connection: str, *, ticket_id: str) -> bool:
        """Tell whether a delivery of that ticket was ever accepted."""

    def known_tickets(self, connection: str, *, ticket_ids: Sequence[str]) -> AbstractSet[str]:
        """Return those of the tickets of which a delivery was accepted."""

    def latest_for_ticket(self, connection: str, *, ticket_id: str) -> StoredDelivery | None:
        """Return the delivery of that ticket that was received last."""

    def purge(self, before: datetime) -> int:
        """Empty the events of deliveries received before a moment that wait for no work; return how many."""


class EffectStorage(Protocol):
    """What was written into tickets: one effect for each connection, ticket and scored state."""

    def claim(self, effect: Effect) -> Effect:
        """Keep an effect before it is written; return the one that stands, which is another's where it came first."""

    def save(self, effect: Effect) -> None:
        """Replace what is kept under the effect's marker; raise StorageError where nothing is."""

    def for_ticket(self, connection: str, *, ticket_id: str) -> Sequence[Effect]:
        """Return a ticket's effects, newest first."""

    def written(self, connection: str, *, model_version: str, since: datetime) -> Sequence[Effect]:
        """Return the effects of a model version written since a moment and not taken back, newest first."""

    def mark_reverted(self, marker: str, *, at: datetime) -> bool:
        """Mark a written effect as taken back; return whether it was written."""


class OriginalStorage(Protocol):
    """What tickets said, apart from everything else: as long as configured, shown on the record, erased on demand."""

    def keep(
        self, connection: str, *, ticket_id: str, content: Mapping[str, Any], at: datetime, requester_sha256: str = ""
    ) -> bool:
        """Keep a ticket's text in place of what was kept of it; return False for a ticket that was forgotten."""

    def read(self, connection: str, *, ticket_id: str, by: str, at: datetime) -> Mapping[str, Any] | None:
        """Return a ticket's text, and note who saw it when."""

    def views(self, connection: str, *, ticket_id: str) -> Sequence[OriginalView]:
        """Return who saw a ticket's text, oldest first."""

    def purge(self, before: datetime) -> int:
        """Delete texts kept before a moment; return how many."""

    def forget(self, requester_sha256: str, *, at: datetime) -> Sequence[Tombstone]:
        """Erase, all or nothing, what the tickets of a requester said, and return them.

        Originals are deleted, events of deliveries and the values and tags of effects emptied, reasons taken out of
        scored entries; deliveries that wait for work are done. A tombstone remains of each ticket.
        """

    def tombstones(self, since: datetime | None = None) -> Sequence[Tombstone]:
        """Return the tickets forgotten since a moment, oldest first."""


class ClosingStorage(Protocol):
    """The values that tickets had when they were closed."""

    def record(self, closing: Closing) -> None:
        """Keep a ticket's final values; of several closings of one ticket the latest stands."""

    def closings(self, *, connection: str | None = None, since: datetime | None = None) -> Sequence[Closing]:
        """Return closings since a moment, oldest first."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether a call was given out, which it was where there is nothing to wait for, and how the helpdesk answers."""

    wait_seconds: float
    breaker: Breaker


class PacingStorage(Protocol):
    """How often each helpdesk is called, shared by all workers."""

    def take(self, connection: str, *, now: datetime, calls: int, seconds: float) -> Turn:
        """Take one call, or return the seconds to wait before asking again.

        Never more than `calls` are given out in any span of `seconds`, and none while the breaker is open.
        """

    def pause(self, connection: str, *, until: datetime) -> None:
        """Give no call out before a moment; a later one that is known stands."""

    def breaker(self, connection: str) -> Breaker:
        """Return how a helpdesk has answered lately."""

    def note_failure(
        self, connection: str, *, now: datetime, threshold: int, open_seconds: float, longest_seconds: float
    ) -> Breaker:
        """Count a failure; from `threshold` in a row on open the breaker, each time for twice as long.

        A failure while the breaker is open is that of a call made before, and is not counted.
        """

    def probe(self, connection: str, *, now: datetime, seconds: float) -> bool:
        """Take the one call that is let through after the breaker was open; it is another's after `seconds`."""

    def note_success(self, connection: str) -> None:
        """Close the breaker and count failures anew."""


class IntakeStorage(Protocol):
    """All of the above, as parts of one storage."""

    @property
    def deliveries(self) -> DeliveryStorage:
        """The deliveries."""

    @property
    def effects(self) -> EffectStorage:
        """The effects."""

    @property
    def originals(self) -> OriginalStorage:
        """The originals."""

    @property
    def closings(self) -> ClosingStorage:
        """The closings."""

    @property
    def pacing(self) -> PacingStorage:
        """The pacing."""
