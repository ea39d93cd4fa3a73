"""The way from a helpdesk's delivery to what was written back: deliveries, effects, originals, closings, pacing.

A migration says in its own words what the tables were at its time; it imports nothing that changes later.
There is no way back but the backup: dropping tables would drop what they hold.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Make the tables, and let a scored ticket say where it came from."""
    for name in ("connection", "delivery_id"):
        op.add_column("scored_tickets", sa.Column(name, sa.Text, nullable=False, server_default=""))
    _make_deliveries()
    _make_effects()
    _make_originals()
    _make_closings()
    _make_pace()


def _make_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", _MOMENT, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("finished_at", _MOMENT),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("requester_sha256", sa.Text, nullable=False),
        sa.UniqueConstraint("connection", "key", name="uq_deliveries_connection_key"),
    )
    op.create_index("ix_deliveries_state_next_attempt_at", "deliveries", ["state", "next_attempt_at"])
    op.create_index("ix_deliveries_connection_ticket_id", "deliveries", ["connection", "ticket_id", "received_at"])
    op.create_index("ix_deliveries_requester_sha256", "deliveries", ["requester_sha256"])


def _make_effects() -> None:
    op.create_table(
        "effects",
        sa.Column("marker", sa.Text, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("scored_state", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("model_alias", sa.Text, nullable=False),
        sa.Column("scored_entry_id", sa.Text, nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("note", sa.Boolean, nullable=False),
        sa.Column("tags", _JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("claimed_at", _MOMENT, nullable=False),
        sa.Column("written_at", _MOMENT),
        sa.Column("reverted_at", _MOMENT),
        sa.UniqueConstraint(
            "connection", "ticket_id", "scored_state", name="uq_effects_connection_ticket_id_scored_state"
        ),
    )
    op.create_index("ix_effects_connection_written_at", "effects", ["connection", "written_at"])


def _make_originals() -> None:
    op.create_table(
        "originals",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("requester_sha256", sa.Text, nullable=False),
        sa.Column("kept_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "ticket_id"),
    )
    op.create_index("ix_originals_requester_sha256", "originals", ["requester_sha256"])
    op.create_index("ix_originals_kept_at", "originals", ["kept_at"])
    op.create_table(
        "original_views",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("viewed_by", sa.Text, nullable=False),
        sa.Column("viewed_at", _MOMENT, nullable=False),
    )
    op.create_index("ix_original_views_connection_ticket_id", "original_views", ["connection", "ticket_id"])
    op.create_table(
        "tombstones",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("requester_sha256", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "ticket_id"),
    )
    op.create_index("ix_tombstones_requester_sha256", "tombstones", ["requester_sha256"])


def _make_closings() -> None:
    op.create_table(
        "closings",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("closed_at", _MOMENT, nullable=False),
        sa.Column("final_values", _JSON, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("connection", "ticket_id"),
    )
    op.create_index("ix_closings_closed_at", "closings", ["closed_at"])


def _make_pace() -> None:
    op.create_table(
        "helpdesk_pace",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("spread_until", sa.Float, nullable=False),
        sa.Column("paused_until", _MOMENT),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("open_until", _MOMENT),
        sa.Column("probed_until", _MOMENT),
    )
