"""The tables of keys, idempotent requests and scored tickets as SQLAlchemy sees them.

A change here needs a migration beside it: a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table

from serving.storage.column_types import StorableJson, StorableText, UtcDateTime

METADATA = MetaData()

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", StorableText, primary_key=True),
    Column("name", StorableText, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("scopes", StorableJson, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

IDEMPOTENT_REQUESTS = Table(
    "idempotent_requests",
    METADATA,
    Column("caller", StorableText, nullable=False),
    Column("key", StorableText, nullable=False),
    Column("request_hash", StorableText, nullable=False),
    Column("claim", StorableText, nullable=False, unique=True),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    # Both are empty while the request is being answered.
    Column("status", Integer),
    Column("body", LargeBinary),
    PrimaryKeyConstraint("caller", "key"),
)

SCORED_TICKETS = Table(
    "scored_tickets",
    METADATA,
    Column("id", StorableText, primary_key=True),
    Column("ticket_id", StorableText, nullable=False),
    Column("scored_at", UtcDateTime, nullable=False),
    Column("model_name", StorableText, nullable=False),
    Column("model_version", StorableText, nullable=False),
    Column("model_alias", StorableText, nullable=False),
    Column("language", StorableText, nullable=False),
    Column("predictions", StorableJson, nullable=False),
    Column("articles", StorableJson, nullable=False),
    Column("similar_tickets", StorableJson, nullable=False),
    Column("warnings", StorableJson, nullable=False),
    Column("caller", StorableText, nullable=False),
    Column("source", StorableText, nullable=False),
    Column("duration_seconds", Float, nullable=False),
    Column("connection", StorableText, nullable=False, server_default=""),
    Column("delivery_id", StorableText, nullable=False, server_default=""),
    Index("ix_scored_tickets_ticket_id_scored_at", "ticket_id", "scored_at"),
)
