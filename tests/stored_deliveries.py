"""Deliveries and effects as contracts store them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from features.answers import ModelIdentity
from serving.storage.identifiers import time_ordered_id
from serving.storage.intake import (
    Effect,
    FieldEffect,
    FieldStatus,
    StoredDelivery,
    requester_sha256,
)
from serving.storage.interface import ScoredEntry, Source
from serving.storage.sql import SqlStorage

NOW = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
MINJI, OTHER = requester_sha256("minji@example.com"), requester_sha256("sam@example.com")
RACERS = 8
LEASE_SECONDS = 60


def later(seconds: float) -> datetime:
    """Return the moment some seconds after the beginning."""
    return NOW + timedelta(seconds=seconds)


def delivery(key: str = "k-1", *, at: datetime = NOW, **changes: Any) -> StoredDelivery:
    """Return a delivery as the webhook accepts it."""
    made = StoredDelivery(
        id=time_ordered_id(at),
        connection="zendesk-main",
        key=key,
        ticket_id="42",
        kind="created",
        event={"ticket": {"subject": "VPN이 끊겨요", "body": "도와주세요 👩🏽‍💻"}, "version": 7},
        received_at=at,
        next_attempt_at=at,
        requester_sha256=MINJI,
    )
    return replace(made, **changes)


def effect(marker: str = "m-1", *, at: datetime = NOW, **changes: Any) -> Effect:
    """Return an effect as the worker claims it."""
    made = Effect(
        marker=marker,
        connection="zendesk-main",
        ticket_id="42",
        scored_state="v1",
        delivery_id="d-1",
        model=ModelIdentity("ticket-triage", "7", "champion"),
        claimed_at=at,
        fields=(FieldEffect("priority", "높음", "", "high", FieldStatus.WRITTEN),),
        tags=("triage-network",),
    )
    return replace(made, **changes)


def accepted(storage: SqlStorage, key: str = "k-1", **changes: Any) -> StoredDelivery:
    """Accept a delivery and return it."""
    made = delivery(key, **changes)
    assert storage.deliveries.accept(made)
    return made


def taken(storage: SqlStorage, *, at: datetime = NOW, limit: int = 10) -> Sequence[StoredDelivery]:
    """Return the deliveries that a worker takes at a moment."""
    return storage.deliveries.take_due(at, limit=limit, lease_seconds=LEASE_SECONDS)


def scored(ticket_id: str, *, entry_id: str = "") -> ScoredEntry:
    """Return the record of a ticket that was scored by way of a webhook."""
    return ScoredEntry(
        id=entry_id or time_ordered_id(NOW),
        ticket_id=ticket_id,
        scored_at=NOW,
        model=ModelIdentity("ticket-triage", "7"),
        language="ko",
        predictions={"category": {"label": "network", "reasons": [{"text": "브이피엔", "weight": 1.7}]}},
        articles=[],
        similar_tickets=[],
        warnings=[],
        caller="",
        source=Source.WEBHOOK,
        duration_seconds=0.002,
        connection="zendesk-main",
        delivery_id="d-1",
    )
