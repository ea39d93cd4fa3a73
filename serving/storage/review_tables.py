"""The tables of the review queue, reviews, feedback and unattended decisions as SQLAlchemy sees them.

A change here needs a migration beside it: a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Float, Index, Integer, PrimaryKeyConstraint, Table

from serving.storage.column_types import StorableJson, StorableText, UtcDateTime
from serving.storage.tables import METADATA, SCORED_TICKETS

# Days are counted over it; whoever scores tickets has no need of it.
Index("ix_scored_tickets_scored_at", SCORED_TICKETS.c.scored_at)

REVIEW_ITEMS = Table(
    "review_items",
    METADATA,
    Column("id", StorableText, primary_key=True),
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("model_name", StorableText, nullable=False),
    Column("model_version", StorableText, nullable=False),
    Column("model_alias", StorableText, nullable=False),
    Column("language", StorableText, nullable=False),
    Column("group", StorableText, nullable=False),
    Column("group_key", StorableText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime),
    # The hour since 1970 in which it is due: within one, priority and worth decide the order.
    Column("due_hour", Integer, nullable=False),
    Column("priority_rank", Integer, nullable=False),
    # The worth below zero, so that the index of the queue rises in all its columns.
    Column("negative_worth", Float, nullable=False),
    Column("cluster", StorableText, nullable=False),
    Column("preview", StorableText, nullable=False),
    Column("preview_key", StorableText, nullable=False),
    Column("is_audit", Boolean, nullable=False),
    Column("audit_targets", StorableJson, nullable=False),
    Column("leads_wanted", Integer, nullable=False),
    Column("inclusion_probability", Float, nullable=False),
    Column("state", StorableText, nullable=False),
    Column("locked_by", StorableText, nullable=False),
    Column("locked_until", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Index("ix_review_items_queue", "state", "due_hour", "priority_rank", "negative_worth", "id"),
    Index("ix_review_items_cluster", "cluster", "state", "due_hour", "priority_rank", "negative_worth", "id"),
    Index("ix_review_items_ticket_id", "ticket_id", "connection"),
)

# Apart, because the queue is read without it and a row with it fills a page of the database.
REVIEW_ITEM_TARGETS = Table(
    "review_item_targets",
    METADATA,
    Column("item_id", StorableText, primary_key=True),
    Column("targets", StorableJson, nullable=False),
)

REVIEW_ITEM_LABELS = Table(
    "review_item_labels",
    METADATA,
    Column("item_id", StorableText, nullable=False),
    Column("target", StorableText, nullable=False),
    Column("label", StorableText, nullable=False),
    PrimaryKeyConstraint("item_id", "target"),
)

REVIEWS = Table(
    "reviews",
    METADATA,
    Column("id", StorableText, primary_key=True),
    Column("item_id", StorableText, nullable=False, index=True),
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("by", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("action", StorableText, nullable=False),
    Column("model_name", StorableText, nullable=False),
    Column("model_version", StorableText, nullable=False),
    Column("model_alias", StorableText, nullable=False),
    Column("is_audit", Boolean, nullable=False),
    Column("inclusion_probability", Float, nullable=False),
    Column("batch_id", StorableText, nullable=False, index=True),
    Column("undone_at", UtcDateTime),
    Column("undone_by", StorableText, nullable=False),
    Column("question", StorableText, nullable=False),
    # What only one standing review may have: its item, and for an audit its lead too. Empty once undone.
    Column("standing_key", StorableText, unique=True),
    Index("ix_reviews_at", "at", "id"),
    Index("ix_reviews_is_audit", "is_audit", "at"),
)

REVIEW_ANSWERS = Table(
    "review_answers",
    METADATA,
    Column("review_id", StorableText, nullable=False),
    Column("target", StorableText, nullable=False),
    Column("suggested", StorableText, nullable=False),
    # Empty for "cannot tell".
    Column("given", StorableText),
    Column("was_shown", Boolean, nullable=False),
    PrimaryKeyConstraint("review_id", "target"),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("caller", StorableText, nullable=False),
    Column("key", StorableText, nullable=False),
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("entry_id", StorableText, nullable=False),
    Column("kind", StorableText, nullable=False),
    Column("told_values", StorableJson, nullable=False),
    Column("by", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    PrimaryKeyConstraint("caller", "key"),
    Index("ix_feedback_ticket_id", "ticket_id", "connection"),
)

UNATTENDED = Table(
    "unattended_decisions",
    METADATA,
    Column("entry_id", StorableText, nullable=False),
    Column("target", StorableText, nullable=False),
    Column("connection", StorableText, nullable=False),
    Column("ticket_id", StorableText, nullable=False),
    Column("model_name", StorableText, nullable=False),
    Column("model_version", StorableText, nullable=False),
    Column("model_alias", StorableText, nullable=False),
    Column("label", StorableText, nullable=False),
    Column("probability", Float, nullable=False),
    Column("group", StorableText, nullable=False),
    Column("group_key", StorableText, nullable=False),
    Column("language", StorableText, nullable=False),
    Column("category", StorableText, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("day", Date, nullable=False),
    Column("was_drawn", Boolean, nullable=False),
    PrimaryKeyConstraint("entry_id", "target"),
    Index("ix_unattended_decisions_day", "day", "connection", "target"),
)
