"""What Alembic runs to migrate: on the connection, and in the transaction, that it is handed."""

from __future__ import annotations

from alembic import context

from serving.storage.migration import VERSION_TABLE
from serving.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
