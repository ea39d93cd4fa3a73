"""Transactions on one database: how reading and writing begin, and how their errors become ours. Knows no table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite

from serving.storage.engines import Begin, translated_errors

Insert: TypeAlias = "sqlite.Insert | postgresql.Insert"


class Transactions:
    """Opens transactions on an engine; all that write to one SQLite file within a process share one of these."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        # SQLite lets one writer in and has the others poll; within a process a lock queues them better.
        self._one_writer: AbstractContextManager[Any] = Lock() if self._is_sqlite else nullcontext()

    def insert(self, table: Table) -> Insert:
        """Return an insert that knows what to do on a conflict."""
        return sqlite.insert(table) if self._is_sqlite else postgresql.insert(table)

    @contextmanager
    def reading(self, while_doing: str) -> Iterator[Connection]:
        """Open a transaction that only reads; raise StorageError for what fails in it."""
        with translated_errors(while_doing=while_doing), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, while_doing: str) -> Iterator[Connection]:
        """Open a transaction that writes all or nothing; raise StorageError for what fails in it."""
        with (
            translated_errors(while_doing=while_doing),
            self._one_writer,
            self._engine.connect().execution_options(begin=Begin.WRITING) as connection,
            connection.begin(),
        ):
            yield connection
