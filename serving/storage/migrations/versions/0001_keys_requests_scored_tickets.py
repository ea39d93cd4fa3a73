"""The first tables: keys, idempotent requests, scored tickets.

A migration says in its own words what the tables were at its time; it imports nothing that changes later.
There is no way back but the backup: dropping tables would drop what they hold.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    moment = sa.DateTime(timezone=True)
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
        sa.Column("scopes", json, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("revoked_at", moment),
        sa.Column("last_used_at", moment),
    )
    op.create_table(
        "idempotent_requests",
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("claim", sa.Text, nullable=False, unique=True),
        sa.Column("claimed_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("body", sa.LargeBinary),
        sa.PrimaryKeyConstraint("caller", "key"),
    )
    op.create_index("ix_idempotent_requests_expires_at", "idempotent_requests", ["expires_at"])
    op.create_table(
        "scored_tickets",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("scored_at", moment, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("model_alias", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("predictions", json, nullable=False),
        sa.Column("articles", json, nullable=False),
        sa.Column("similar_tickets", json, nullable=False),
        sa.Column("warnings", json, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("duration_seconds", sa.Float, nullable=False),
    )
    op.create_index("ix_scored_tickets_ticket_id_scored_at", "scored_tickets", ["ticket_id", "scored_at"])
