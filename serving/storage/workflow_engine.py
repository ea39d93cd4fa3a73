"""The database of the durable engine: beside the SQLite file, or in the same PostgreSQL database in its own schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from serving.storage import engines

_BUSY_TIMEOUT_SECONDS = 30


def open_workflow_engine(database_url: str) -> Engine:
    """Return an engine for the workflows of a service whose own database is at an address; raise StorageError."""
    url = engines.parse_url(database_url)
    if url.get_backend_name() != "sqlite":
        engine = create_engine(url, hide_parameters=True)
        engines.replace_lost_connections(engine)
        return engine
    path = Path(str(url.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the service's own engine: the workflows' library begins its transactions itself.
    engine = create_engine(
        url.set(database=str(path.with_name(f"{path.stem}-workflows.db"))),
        connect_args={"timeout": _BUSY_TIMEOUT_SECONDS},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _use_wal)
    return engine


def _use_wal(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
