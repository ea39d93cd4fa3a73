"""What Alembic runs to migrate: on the connection, and in the transaction, that it is handed."""

from __future__ import annotations

from alembic import context

from serving.storage.intake_tables import DELIVERIES
from serving.storage.migration import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=DELIVERIES.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
