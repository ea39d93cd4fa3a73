"""Brings a database to the revision that this version of the service knows, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from features.errors import StorageError
from serving.storage import engines
from serving.storage.engines import Begin

# MLflow keeps its revision in `alembic_version`; in a database shared with it the two must not meet.
VERSION_TABLE = "triage_revision"
_MIGRATIONS = Path(__file__).parent / "migrations"
_POSTGRESQL_LOCK = 0x7472_6961_6765
# Alembic's environment is global to a process.
_ALEMBIC_LOCK = Lock()


def migrate(engine: Engine) -> None:
    """Migrate a database to the newest revision known here, all or nothing.

    Raises StorageError for a database that a newer version of the service has migrated.
    """
    if engine.dialect.name == "sqlite":
        engines.use_wal(engine)
    with engine.connect() as connection:
        if _is_current(connection):
            return
    with _ALEMBIC_LOCK, _alone(engine) as connection:
        if not _is_current(connection):
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    # A percent sign begins a substitution in Alembic's configuration.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _is_current(connection: Connection) -> bool:
    """Tell whether a database stands at the newest revision; raise StorageError for one not known here."""
    scripts = ScriptDirectory.from_config(_config())
    present = set(MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads())
    unknown = present - {script.revision for script in scripts.walk_revisions()}
    if unknown:
        raise StorageError(
            f"The database stands at revision '{min(unknown)}', which this version does not know: a newer version "
            f"migrated it. The newest known here is '{scripts.get_current_head()}'. Start the newer version, or "
            "restore the backup made before it."
        )
    return present == set(scripts.get_heads())


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only one process at a time can be in."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _POSTGRESQL_LOCK})
            yield connection
        return
    with engine.connect().execution_options(begin=Begin.ALONE) as connection:
        # SQLite changes many things of a table by making it anew; references to it must not be followed meanwhile.
        driver_connection = connection.connection.cursor()
        driver_connection.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            yield connection
        driver_connection.execute("PRAGMA foreign_keys=ON")
