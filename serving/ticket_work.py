"""One attempt at a delivery: read the ticket, score it, decide, record, write back. Every step may be repeated.

Knows no web, no SQL and no vendor; what repeats it after a failure, and when, is `serving.workflows`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from features.errors import (
    HelpdeskBusyError,
    HelpdeskDownError,
    HelpdeskError,
    HelpdeskRefusedError,
    ModelUnavailableError,
    StorageError,
    TicketChangedError,
    TicketGoneError,
    TriageError,
)
from features.tickets import Ticket
from serving.change_plan import plan_change
from serving.closings import closing_of
from serving.connections import Connection, Mode
from serving.event_log import Event as LogEvent
from serving.event_log import log_event
from serving.event_records import from_record
from serving.helpdesks.interface import Delivery, Event, EventKind, Helpdesk, Ignored, TicketChange, TicketState
from serving.note_content import Occasion
from serving.notes import markers_in
from serving.oversight.interface import Overseer, WithoutOversight
from serving.storage.intake import (
    ClosingStorage,
    DeliveryStorage,
    Effect,
    EffectState,
    EffectStorage,
    OriginalStorage,
    StoredDelivery,
    requester_sha256,
)
from serving.storage.interface import ScoredEntry
from serving.ticket_note import reading_group, ticket_note

# A ticket that its helpdesk would not show is scored by what the delivery told, once this many attempts have failed.
READ_ATTEMPTS = 3
GIVE_UP_AFTER = timedelta(hours=72)
FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 120.0
_MARKER_CHARACTERS = 10


class WorkStorage(Protocol):
    """What an attempt reads and records."""

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

    def find_scored(self, entry_id: str) -> ScoredEntry | None:
        """Return the record of a scored ticket."""

    def record(self, entries: Sequence[ScoredEntry]) -> None:
        """Record scored tickets; one whose id is recorded already is left as it is."""

    def together(self) -> AbstractContextManager[None]:
        """Keep all that is written meanwhile, or nothing of it."""


class Scorer(Protocol):
    """Who scores a ticket."""

    def score(self, ticket: Ticket, *, connection: Connection, entry_id: str, warnings: tuple[str, ...]) -> ScoredEntry:
        """Return the record of the scored ticket, which is not kept yet; raise ModelUnavailableError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: done with a word why, or to be tried again at a moment, or given up.

    `is_noted` says that the delivery was marked done together with what was done.
    """

    done: str = ""
    retry_at: datetime | None = None
    dead: bool = False
    because: str = ""
    is_noted: bool = False


_SCORED_ALREADY = Outcome(done="scored already")


class TicketWork:
    """Works on deliveries, one attempt at a time; safe to use from several threads."""

    def __init__(
        self,
        *,
        storage: WorkStorage,
        scorer: Scorer,
        helpdesk_of: Callable[[str], Helpdesk],
        connection_of: Callable[[str], Connection],
        mode_of: Callable[[Connection, str], Mode] = lambda connection, target: connection.mode(target),
        public_url: str = "",
        overseer: Overseer | None = None,
        clock: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._storage = storage
        self._scorer = scorer
        self._helpdesk_of = helpdesk_of
        self._connection_of = connection_of
        self._mode_of = mode_of
        self._public_url = public_url
        self._overseer = WithoutOversight() if overseer is None else overseer
        self._clock = clock
        self._jitter = jitter

    def attempt(self, delivery: StoredDelivery) -> Outcome:
        """Make one attempt at a delivery and note in the storage what became of it."""
        outcome = self._outcome(delivery)
        deliveries, now = self._storage.deliveries, self._clock()
        if outcome.is_noted:
            return outcome
        if outcome.dead:
            deliveries.bury(delivery.id, at=now, error=outcome.because)
        elif outcome.retry_at is not None:
            deliveries.postpone(delivery.id, until=outcome.retry_at, error=outcome.because)
        else:
            deliveries.finish(delivery.id, at=now, outcome=outcome.done)
        return outcome

    def _outcome(self, delivery: StoredDelivery) -> Outcome:
        try:
            return self._work(delivery)
        except TicketGoneError:
            return Outcome(done="ticket gone")
        except HelpdeskBusyError as error:
            return self._again(delivery, error, seconds=error.retry_after_seconds + self._jitter())
        except HelpdeskRefusedError as error:
            return Outcome(dead=True, because=str(error))
        except TicketChangedError as error:
            return self._again(delivery, error, seconds=self._jitter())
        except HelpdeskDownError as error:
            # What was asked may be done yet: the vendor's own time must be over before the ticket is read again.
            timeout = self._connection_of(delivery.connection).timeout_seconds
            return self._again(delivery, error, seconds=self._backoff(delivery), least_seconds=timeout / 10)
        except (ModelUnavailableError, StorageError) as error:
            return self._again(delivery, error, seconds=self._backoff(delivery))
        except Exception as error:
            # A fault of ours: its words may quote the ticket, so only its class is kept.
            log_event(LogEvent.ATTEMPT_FAILED, level=logging.ERROR, error=error, delivery=delivery.id)
            fault = TriageError(f"an unexpected {type(error).__name__}; this is a fault of the program")
            return self._again(delivery, fault, seconds=self._backoff(delivery))

    def _again(
        self, delivery: StoredDelivery, error: Exception, *, seconds: float, least_seconds: float = 0.0
    ) -> Outcome:
        now = self._clock()
        if now - delivery.received_at > GIVE_UP_AFTER:
            return Outcome(dead=True, because=f"given up after {GIVE_UP_AFTER.days} days: {error}")
        return Outcome(retry_at=now + timedelta(seconds=max(seconds, least_seconds)), because=str(error))

    def _backoff(self, delivery: StoredDelivery) -> float:
        """Return seconds to wait: doubled with each attempt, drawn from half of it upwards."""
        longest: float = min(FIRST_WAIT_SECONDS * 2.0 ** min(delivery.attempts, 20), LONGEST_WAIT_SECONDS)
        return longest * (0.5 + self._jitter() / 2)

    # --- the way of a ticket ----------------------------------------------------------------------------------

    def _work(self, delivery: StoredDelivery) -> Outcome:
        connection = self._connection_of(delivery.connection)
        helpdesk = self._helpdesk_of(delivery.connection)
        event = self._event(delivery, helpdesk)
        try:
            state = helpdesk.read(event.ticket.id)
        except TicketGoneError:
            raise
        except HelpdeskError as error:
            if isinstance(error, HelpdeskRefusedError) or delivery.attempts >= READ_ATTEMPTS:
                self._score_without_reading(delivery, event, connection)
            raise
        skipped = _why_skipped(event, state)
        if event.kind is EventKind.CLOSED:
            effects = self._storage.effects.for_ticket(connection.name, ticket_id=state.ticket.id)
            self._storage.closings.record(closing_of(state, connection, effects=effects, now=self._clock()))
            self._overseer.closed(connection.name, ticket_id=state.ticket.id)
            return Outcome(done="final values recorded")
        if skipped:
            return Outcome(done=skipped)
        return self._triage(delivery, event, state, connection=connection, helpdesk=helpdesk)

    def _event(self, delivery: StoredDelivery, helpdesk: Helpdesk) -> Event:
        """Return what a delivery says; one that could not be understood when it came may be by now."""
        if "raw" not in delivery.event:
            return from_record(delivery.event)
        body = json.dumps(delivery.event["raw"], ensure_ascii=False).encode()
        understood = helpdesk.understand(Delivery({}, body, delivery.received_at))
        if isinstance(understood, Ignored):
            raise TicketGoneError(f"The delivery asks for nothing: {understood.because.value}.")
        return understood

    def _triage(
        self,
        delivery: StoredDelivery,
        event: Event,
        state: TicketState,
        *,
        connection: Connection,
        helpdesk: Helpdesk,
    ) -> Outcome:
        ticket = ticket_to_score(state)
        marker = marker_of(connection.name, ticket, occasion=event)
        known = self._storage.effects.for_ticket(connection.name, ticket_id=ticket.id)
        claimed = next((one for one in known if one.marker == marker), None)
        if claimed is not None and claimed.delivery_id != delivery.id:
            return _SCORED_ALREADY
        entry = self._scored(ticket, delivery, known=known, connection=connection)
        earlier = [one for one in known if one.marker != marker]
        plan = plan_change(
            answer_of(entry),
            state=state,
            connection=connection,
            mode_of=lambda target: self._mode_of(connection, target),
            earlier=earlier,
            planned=() if claimed is None else claimed.fields,
        )
        occasion = _occasion(event, has_earlier=any(one.note for one in earlier))
        text = ticket_note(
            entry,
            plan,
            state,
            connection=connection,
            marker=marker,
            occasion=occasion,
            public_url=self._public_url,
        )
        change = TicketChange(
            fields={target: value for target, value in plan.to_write().items() if state.fields.get(target) != value},
            tags=tuple(one for one in plan.tags if one not in state.tags),
            note="" if any(marker in markers_in(one) for one in state.notes) else text,
        )
        planned = Effect(
            marker=marker,
            connection=connection.name,
            ticket_id=ticket.id,
            scored_state=marker,
            delivery_id=delivery.id,
            model=entry.model,
            claimed_at=self._clock() if claimed is None else claimed.claimed_at,
            scored_entry_id=entry.id,
            fields=plan.fields,
            tags=plan.tags,
            note=bool(text),
        )
        if not self._keep_plan(planned, entry=entry, original=_original(ticket, state), delivery=delivery):
            return _SCORED_ALREADY
        if not change.is_empty:
            helpdesk.write(state, change)
        done = "written" if plan.to_write() or plan.tags or text else "recorded"
        now = self._clock()
        with self._storage.together():
            self._storage.deliveries.finish(delivery.id, at=now, outcome=done)
            self._storage.effects.save(replace(planned, state=EffectState.WRITTEN, written_at=now))
            owner = reading_group(plan, state, connection)
            self._overseer.triaged(entry, ticket=ticket, plan=plan, connection=connection, current_group=owner)
        return Outcome(done=done, is_noted=True)

    def _scored(
        self, ticket: Ticket, delivery: StoredDelivery, *, known: Sequence[Effect], connection: Connection
    ) -> ScoredEntry:
        """Return what the model said of this state of the ticket: once said it stands, whatever is served by now.

        It is kept together with the effect: where there is none of this delivery, nothing was said.
        """
        said = None
        if any(one.delivery_id == delivery.id for one in known):
            said = self._storage.find_scored(delivery.id)
        return said or self._scorer.score(ticket, connection=connection, entry_id=delivery.id, warnings=())

    def _keep_plan(
        self, planned: Effect, *, entry: ScoredEntry, original: Mapping[str, Any], delivery: StoredDelivery
    ) -> bool:
        """Keep what will be written, what the model said and what the ticket says; return False for another's state.

        Kept before it is done: whoever goes on after a crash knows what may have been written.
        """
        storage = self._storage
        with storage.together():
            # The text first, as whoever forgets a ticket begins with it: so neither waits for what the other holds.
            storage.originals.keep(
                planned.connection,
                ticket_id=planned.ticket_id,
                content=original,
                at=self._clock(),
                requester_sha256=delivery.requester_sha256 or requester_sha256(str(original["requester"])),
            )
            standing = storage.effects.claim(planned)
            if standing.delivery_id != delivery.id:
                return False
            if standing != planned:
                storage.effects.save(planned)
            storage.record([entry])
        return True

    def _score_without_reading(self, delivery: StoredDelivery, event: Event, connection: Connection) -> None:
        """Record what the model says of a ticket that cannot be read; nothing of it is written."""
        entry_id = f"{delivery.id}-unread"
        if self._storage.find_scored(entry_id) is None:
            warning = "The helpdesk did not show the ticket: requester, organisation and fields are missing."
            entry = self._scorer.score(event.ticket, connection=connection, entry_id=entry_id, warnings=(warning,))
            self._storage.record([entry])


def ticket_to_score(state: TicketState) -> Ticket:
    """Return the ticket as it is scored: what the requester added before anybody answered belongs to it."""
    if state.is_answered or not state.follow_ups:
        return state.ticket
    return replace(state.ticket, body="\n\n".join((state.ticket.body, *state.follow_ups)))


def marker_of(connection: str, ticket: Ticket, *, occasion: Event) -> str:
    """Return what names this state of the ticket: the same words of the requester are scored once.

    A reopened ticket is scored again though its words are the same.
    """
    reopened = occasion.version if occasion.kind is EventKind.REOPENED else ""
    said = "\x1f".join((connection, ticket.id, ticket.subject, ticket.body, reopened))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:_MARKER_CHARACTERS]


def answer_of(entry: ScoredEntry) -> Mapping[str, Any]:
    """Return the part of an answer that a record keeps."""
    return {"targets": entry.predictions}


def _why_skipped(event: Event, state: TicketState) -> str:
    if state.is_closed and event.kind is not EventKind.CLOSED:
        return "closed meanwhile"
    if state.is_answered and event.kind is EventKind.REQUESTER_REPLIED:
        return "a person has answered"
    return ""


def _occasion(event: Event, *, has_earlier: bool) -> Occasion:
    if event.kind is EventKind.REOPENED:
        return Occasion.REOPENED
    return Occasion.FOLLOW_UP if has_earlier else Occasion.NEW


def _original(ticket: Ticket, state: TicketState) -> Mapping[str, Any]:
    return {
        "subject": ticket.subject,
        "body": ticket.body,
        "requester": ticket.requester.email,
        "url": state.url,
        "group": state.fields.get("group", ""),
    }
