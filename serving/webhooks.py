"""The webhook of each connection: authenticated over its raw bytes, committed, answered; the worker does the rest.

What arrives together is committed together: a commit waits for the disk, and one for all costs what one for each would.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import APIRouter, HTTPException, Request, Response

from features.errors import ConnectionsError, DeliveryError, StorageError
from serving.auth import Clock
from serving.batching import MicroBatcher, Outcome
from serving.connections import Connection, Connections
from serving.event_log import Event as LogEvent
from serving.event_log import log_event
from serving.event_records import to_record
from serving.helpdesks.interface import Delivery, Event, Helpdesk, Ignored
from serving.helpdesks.vendors import open_helpdesk
from serving.json_body import parse_json
from serving.request_body import read_body
from serving.storage.identifiers import time_ordered_id
from serving.storage.intake import DeliveryState, DeliveryStorage, StoredDelivery, requester_sha256
from serving.storage.never_stored import without_secrets

router = APIRouter()


class IntakeObserver(Protocol):
    """Who is told of deliveries."""

    def delivered(self, connection: str, *, outcome: str) -> None:
        """Note a delivery and what became of it: accepted, duplicate, unreadable, or why it was ignored."""

    def batch_taken(self, batcher: str, *, size: int) -> None:
        """Note how many items were worked off together."""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a delivery: `because` says why it asks for nothing, where it does."""

    id: str = ""
    is_duplicate: bool = False
    because: str = ""


class Intake:
    """Takes deliveries in: one helpdesk a connection, each able to verify and understand what it is sent."""

    def __init__(
        self, connections: Connections, *, deliveries: DeliveryStorage, observer: IntakeObserver, clock: Clock
    ) -> None:
        self._connections = connections
        self._helpdesks = {
            name: open_helpdesk(connection, clock=clock) for name, connection in connections.by_name.items()
        }
        self._deliveries = deliveries
        self._observer = observer
        self._clock = clock

        self._receiving: MicroBatcher[tuple[str, Delivery], Received] = MicroBatcher(
            self.receive_all, name="receiving", observe_size=lambda size: observer.batch_taken("receiving", size=size)
        )

    def start(self) -> None:
        """Start the thread that receives; call it from the event loop that will submit."""
        self._receiving.start()

    async def close(self) -> None:
        """Commit what was submitted, then end the thread."""
        await self._receiving.close()

    async def submit(self, name: str, delivery: Delivery) -> Received:
        """Commit a delivery, together with what else has arrived, or say why it asks for nothing.

        Raises ConnectionsError, AuthenticationError, DeliveryError for a body that is no JSON object, StorageError,
        and OverloadedError.
        """
        return await self._receiving.submit((name, delivery))

    def receive(self, name: str, delivery: Delivery) -> Received:
        """Do what `submit` does for one delivery alone."""
        (outcome,) = self.receive_all([(name, delivery)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def receive_all(self, sent: Sequence[tuple[str, Delivery]]) -> Sequence[Outcome[Received]]:
        """Return for each delivery what became of it or the error that is its sender's alone."""
        read = [self._read(name, delivery) for name, delivery in sent]
        waiting = [one for one in read if isinstance(one, StoredDelivery)]
        committed = dict(zip((one.id for one in waiting), self._commit(waiting), strict=True))
        outcomes = [committed[one.id] if isinstance(one, StoredDelivery) else one for one in read]
        for (name, _), outcome in zip(sent, outcomes, strict=True):
            if isinstance(outcome, Received):
                self._observer.delivered(name, outcome=_outcome(outcome))
        return outcomes

    def _read(self, name: str, delivery: Delivery) -> StoredDelivery | Outcome[Received]:
        """Return what is to be committed of a delivery, why nothing is, or what refuses it."""
        try:
            connection = self._connections.get(name)
            helpdesk = self._helpdesks[name]
            helpdesk.verify(delivery)
            return self._understood(connection, helpdesk, delivery)
        except Exception as error:
            return error

    def _understood(self, connection: Connection, helpdesk: Helpdesk, delivery: Delivery) -> StoredDelivery | Received:
        try:
            understood = helpdesk.understand(delivery)
        except DeliveryError:
            raise
        except Exception as error:
            # A fault of ours must not lose a ticket: the delivery waits among the unreadable ones to be replayed.
            log_event(LogEvent.DELIVERY_UNREADABLE, level=logging.ERROR, error=error, connection=connection.name)
            return _unreadable(connection, helpdesk, delivery)
        if isinstance(understood, Ignored):
            return Received(because=understood.because.value)
        key = helpdesk.delivery_key(delivery)
        return stored_delivery(connection, understood, key=key, received_at=delivery.received_at)

    def _commit(self, waiting: Sequence[StoredDelivery]) -> Sequence[Outcome[Received]]:
        try:
            is_new = self._deliveries.accept_all(waiting)
        except StorageError as error:
            # Where one of them is to blame the others must not suffer.
            return [error] if len(waiting) == 1 else [one for part in waiting for one in self._commit([part])]
        return [Received(id=stored.id, is_duplicate=not known) for stored, known in zip(waiting, is_new, strict=True)]


def stored_delivery(connection: Connection, event: Event, *, key: str, received_at: datetime) -> StoredDelivery:
    """Return the delivery of an event as it is committed."""
    return StoredDelivery(
        id=time_ordered_id(received_at),
        connection=connection.name,
        key=key,
        ticket_id=event.ticket.id,
        kind=event.kind.value,
        event=to_record(event),
        received_at=received_at,
        requester_sha256=requester_sha256(event.ticket.requester.email),
        next_attempt_at=received_at,
    )


def _unreadable(connection: Connection, helpdesk: Helpdesk, delivery: Delivery) -> StoredDelivery:
    """Return a delivery that could not be understood, with its body, so that a mended service can replay it."""
    return StoredDelivery(
        id=time_ordered_id(delivery.received_at),
        connection=connection.name,
        key=helpdesk.delivery_key(delivery),
        ticket_id="",
        kind="",
        event={"raw": without_secrets(parse_json(delivery.body))},
        received_at=delivery.received_at,
        state=DeliveryState.UNREADABLE,
        next_attempt_at=delivery.received_at,
    )


def _outcome(received: Received) -> str:
    if received.because:
        return received.because
    return "duplicate" if received.is_duplicate else "accepted"


@router.post(
    "/webhooks/{connection}",
    tags=["webhooks"],
    summary="Take in an event of a helpdesk",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        200: {"description": "Authentic, and nothing to do: `because` says why."},
        202: {"description": "Committed; the worker triages the ticket."},
        400: {"description": "The body is no JSON object."},
        401: {"description": "The signature, password or secret is not the connection's."},
        404: {"description": "No such connection."},
        413: {"description": "The body is too large."},
        503: {"description": "The database does not answer; send it again."},
    },
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def receive(request: Request, connection: str) -> Response:
    """Authenticate an event over its raw bytes, commit it and answer; a duplicate gets the same answer."""
    intake: Intake = request.app.state.intake
    settings = request.app.state.services.settings
    body = await read_body(request, max_bytes=settings.max_body_bytes)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw}
    delivery = Delivery(headers, body, request.app.state.clock())
    try:
        received = await intake.submit(connection, delivery)
    except ConnectionsError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None
    except DeliveryError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
    if received.because:
        return _json({"accepted": False, "because": received.because}, HTTPStatus.OK)
    return _json({"accepted": True, "delivery": received.id, "duplicate": received.is_duplicate}, HTTPStatus.ACCEPTED)


def _json(reply: dict[str, Any], status: HTTPStatus) -> Response:
    return Response(json.dumps(reply), status_code=status, media_type="application/json")
