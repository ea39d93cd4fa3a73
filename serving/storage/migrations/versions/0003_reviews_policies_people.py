"""What the review page, the policy page, the audits and the feedback API keep, and who signs in to them.

A migration says in its own words what the tables were at its time; it imports nothing that changes later.
There is no way back but the backup: dropping tables would drop what they hold.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Make the tables, and let the days of scored tickets be counted."""
    op.create_index("ix_scored_tickets_scored_at", "scored_tickets", ["scored_at"])
    _make_queue()
    _make_reviews()
    _make_outcomes()
    _make_promises()
    _make_rules()
    _make_people()


def _make_queue() -> None:
    op.create_table(
        "review_items",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("model_alias", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("group_key", sa.Text, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT),
        sa.Column("due_hour", sa.Integer, nullable=False),
        sa.Column("priority_rank", sa.Integer, nullable=False),
        sa.Column("negative_worth", sa.Float, nullable=False),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("preview", sa.Text, nullable=False),
        sa.Column("preview_key", sa.Text, nullable=False),
        sa.Column("is_audit", sa.Boolean, nullable=False),
        sa.Column("audit_targets", _JSON, nullable=False),
        sa.Column("leads_wanted", sa.Integer, nullable=False),
        sa.Column("inclusion_probability", sa.Float, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("locked_by", sa.Text, nullable=False),
        sa.Column("locked_until", _MOMENT),
        sa.Column("closed_at", _MOMENT),
    )
    op.create_index(
        "ix_review_items_cluster",
        "review_items",
        ["cluster", "state", "due_hour", "priority_rank", "negative_worth", "id"],
    )
    op.create_index(
        "ix_review_items_queue", "review_items", ["state", "due_hour", "priority_rank", "negative_worth", "id"]
    )
    op.create_index("ix_review_items_ticket_id", "review_items", ["ticket_id", "connection"])
    op.create_table(
        "review_item_targets",
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("targets", _JSON, nullable=False),
    )
    op.create_table(
        "review_item_labels",
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("item_id", "target"),
    )


def _make_reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("model_alias", sa.Text, nullable=False),
        sa.Column("is_audit", sa.Boolean, nullable=False),
        sa.Column("inclusion_probability", sa.Float, nullable=False),
        sa.Column("batch_id", sa.Text, nullable=False),
        sa.Column("undone_at", _MOMENT),
        sa.Column("undone_by", sa.Text, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("standing_key", sa.Text, unique=True),
    )
    op.create_index("ix_reviews_at", "reviews", ["at", "id"])
    op.create_index("ix_reviews_batch_id", "reviews", ["batch_id"])
    op.create_index("ix_reviews_is_audit", "reviews", ["is_audit", "at"])
    op.create_index("ix_reviews_item_id", "reviews", ["item_id"])
    op.create_table(
        "review_answers",
        sa.Column("review_id", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("suggested", sa.Text, nullable=False),
        sa.Column("given", sa.Text),
        sa.Column("was_shown", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("review_id", "target"),
    )


def _make_outcomes() -> None:
    op.create_table(
        "feedback",
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("entry_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("told_values", _JSON, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key"),
    )
    op.create_index("ix_feedback_at", "feedback", ["at"])
    op.create_index("ix_feedback_ticket_id", "feedback", ["ticket_id", "connection"])
    op.create_table(
        "unattended_decisions",
        sa.Column("entry_id", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("model_alias", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("group_key", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("was_drawn", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "target"),
    )
    op.create_index("ix_unattended_decisions_at", "unattended_decisions", ["at"])
    op.create_index("ix_unattended_decisions_day", "unattended_decisions", ["day", "connection", "target"])


def _make_promises() -> None:
    op.create_table(
        "promises",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("largest_error", sa.Float),
        sa.Column("largest_understated", sa.Float),
        sa.Column("urgent_labels", _JSON, nullable=False),
        sa.Column("division", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("made_at_once", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("model", "connection", "target", "version"),
    )
    op.create_table(
        "modes",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "target", "version"),
    )
    op.create_table(
        "policy_states",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("model", "connection", "target", "version"),
    )


def _make_rules() -> None:
    op.create_table(
        "rules",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("rules", _JSON, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("connection", "version"),
    )
    op.create_table(
        "glossaries",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("entries", _JSON, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("connection", "version"),
    )
    op.create_table(
        "off_switches",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("is_off", sa.Boolean, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "kind", "value", "version"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("acknowledged_by", sa.Text, nullable=False),
        sa.Column("acknowledged_at", _MOMENT),
        sa.Column("sent_at", _MOMENT),
    )
    op.create_index("ix_alerts_at", "alerts", ["at"])


def _make_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("groups", _JSON, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("oidc_subject", sa.Text, unique=True),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("disabled_at", _MOMENT),
    )
    op.create_table(
        "sessions",
        sa.Column("id_sha256", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("csrf", sa.Text, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_seen_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
