"""The tables of policies, alerts, users and sessions as SQLAlchemy sees them.

A change here needs a migration beside it: a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, PrimaryKeyConstraint, Table

from serving.storage.column_types import StorableJson, StorableText, UtcDateTime
from serving.storage.tables import METADATA

PROMISES = Table(
    "promises",
    METADATA,
    Column("model", StorableText, nullable=False),
    Column("connection", StorableText, nullable=False),
    Column("target", StorableText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("largest_error", Float),
    Column("largest_understated", Float),
    Column("urgent_labels", StorableJson, nullable=False),
    Column("division", StorableText, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("made_at_once", Integer, nullable=False),
    Column("by", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("model", "connection", "target", "version"),
)

MODES = Table(
    "modes",
    METADATA,
    Column("connection", StorableText, nullable=False),
    Column("target", StorableText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("mode", StorableText, nullable=False),
    Column("by", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("connection", "target", "version"),
)

POLICY_STATES = Table(
    "policy_states",
    METADATA,
    Column("model", StorableText, nullable=False),
    Column("connection", StorableText, nullable=False),
    Column("target", StorableText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", StorableText, nullable=False),
    Column("because", StorableText, nullable=False),
    Column("by", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("model", "connection", "target", "version"),
)

RULES = Table(
    "rules",
    METADATA,
    Column("connection", StorableText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rules", StorableJson, nullable=False),
    Column("by", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("note", StorableText, nullable=False),
    PrimaryKeyConstraint("connection", "version"),
)

GLOSSARIES = Table(
    "glossaries",
    METADATA,
    Column("connection", StorableText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("entries", StorableJson, nullable=False),
    Column("by", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("note", StorableText, nullable=False),
    PrimaryKeyConstraint("connection", "version"),
)

OFF_SWITCHES = Table(
    "off_switches",
    METADATA,
    Column("connection", StorableText, nullable=False),
    Column("kind", StorableText, nullable=False),
    Column("value", StorableText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_off", Boolean, nullable=False),
    Column("by", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("connection", "kind", "value", "version"),
)

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", StorableText, primary_key=True),
    Column("connection", StorableText, nullable=False),
    Column("model", StorableText, nullable=False),
    Column("target", StorableText, nullable=False),
    Column("kind", StorableText, nullable=False),
    Column("text", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("acknowledged_by", StorableText, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Index("ix_alerts_at", "at"),
)

USERS = Table(
    "users",
    METADATA,
    Column("id", StorableText, primary_key=True),
    Column("name", StorableText, nullable=False),
    Column("email", StorableText, nullable=False),
    # The address without regard to case.
    Column("email_key", StorableText, nullable=False, unique=True),
    Column("role", StorableText, nullable=False),
    Column("groups", StorableJson, nullable=False),
    Column("password_hash", StorableText, nullable=False),
    # Empty for who signs in here, and then not compared.
    Column("oidc_subject", StorableText, unique=True),
    Column("language", StorableText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id_sha256", StorableText, primary_key=True),
    Column("user_id", StorableText, nullable=False, index=True),
    Column("csrf", StorableText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)
