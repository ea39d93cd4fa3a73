"""The tables of deliveries, effects, originals, closings and pacing as SQLAlchemy sees them.

A change here needs a migration beside it: a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, PrimaryKeyConstraint, Table, UniqueConstraint

from serving.storage.column_types import StorableJson, StorableText, UtcDateTime
from serving.storage.tables import METADATA

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("id", StorableText, primary_key=True),
    Column("connection", StorableText, nullable=False),
    Column("key", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("kind", StorableText, nullable=False),
    # JSON as a cipher writes it.
    Column("event", StorableText, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("state", StorableText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("last_error", StorableText, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", StorableText, nullable=False),
    Column("requester_sha256", StorableText, nullable=False),
    UniqueConstraint("connection", "key", name="uq_deliveries_connection_key"),
    Index("ix_deliveries_state_next_attempt_at", "state", "next_attempt_at"),
    Index("ix_deliveries_connection_ticket_id", "connection", "ticket_id", "received_at"),
    Index("ix_deliveries_requester_sha256", "requester_sha256"),
)

EFFECTS = Table(
    "effects",
    METADATA,
    Column("marker", StorableText, primary_key=True),
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("scored_state", StorableText, nullable=False),
    Column("delivery_id", StorableText, nullable=False),
    Column("model_name", StorableText, nullable=False),
    Column("model_version", StorableText, nullable=False),
    Column("model_alias", StorableText, nullable=False),
    Column("scored_entry_id", StorableText, nullable=False),
    Column("fields", StorableJson, nullable=False),
    Column("note", Boolean, nullable=False),
    Column("tags", StorableJson, nullable=False),
    Column("state", StorableText, nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("written_at", UtcDateTime),
    Column("reverted_at", UtcDateTime),
    UniqueConstraint("connection", "ticket_id", "scored_state", name="uq_effects_connection_ticket_id_scored_state"),
    Index("ix_effects_connection_written_at", "connection", "written_at"),
)

ORIGINALS = Table(
    "originals",
    METADATA,
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    # JSON as a cipher writes it.
    Column("content", StorableText, nullable=False),
    Column("requester_sha256", StorableText, nullable=False, index=True),
    Column("kept_at", UtcDateTime, nullable=False, index=True),
    PrimaryKeyConstraint("connection", "ticket_id"),
)

ORIGINAL_VIEWS = Table(
    "original_views",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("viewed_by", StorableText, nullable=False),
    Column("viewed_at", UtcDateTime, nullable=False),
    Index("ix_original_views_connection_ticket_id", "connection", "ticket_id"),
)

TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("requester_sha256", StorableText, nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("connection", "ticket_id"),
)

CLOSINGS = Table(
    "closings",
    METADATA,
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("closed_at", UtcDateTime, nullable=False, index=True),
    Column("final_values", StorableJson, nullable=False),
    Column("model_version", StorableText, nullable=False),
    PrimaryKeyConstraint("connection", "ticket_id"),
)

HELPDESK_PACE = Table(
    "helpdesk_pace",
    METADATA,
    Column("connection", StorableText, primary_key=True),
    # Seconds since 1970: where the calls given out so far end when they are spread evenly.
    Column("spread_until", Float, nullable=False),
    Column("paused_until", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("open_until", UtcDateTime),
    Column("probed_until", UtcDateTime),
)
