"""The storage over SQLAlchemy: an SQLite file or a PostgreSQL database, the same statements for both."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import URL, Connection, Engine, RowMapping, and_, delete, func, or_, select, text, update

from features.answers import ModelIdentity
from features.errors import StorageError
from serving.storage import engines
from serving.storage.encryption import PLAIN, Cipher
from serving.storage.engines import translated_errors
from serving.storage.interface import (
    CLAIM_LASTS,
    IdempotencyOutcome,
    InFlight,
    Mismatch,
    New,
    Replay,
    Scope,
    ScoredEntry,
    Source,
    StoredKey,
)
from serving.storage.migration import migrate
from serving.storage.sql_audits import SqlAudits
from serving.storage.sql_closings import SqlClosings
from serving.storage.sql_deliveries import SqlDeliveries
from serving.storage.sql_effects import SqlEffects
from serving.storage.sql_originals import SqlOriginals
from serving.storage.sql_outcomes import SqlOutcomes
from serving.storage.sql_pacing import SqlPacing
from serving.storage.sql_people import SqlPeople
from serving.storage.sql_policies import SqlPolicies
from serving.storage.sql_queue import SqlQueue
from serving.storage.sql_reviews import SqlReviews
from serving.storage.tables import API_KEYS, IDEMPOTENT_REQUESTS, SCORED_TICKETS
from serving.storage.transactions import Transactions

# Between the failed claim and the look at who holds it, the holder may give it up; more often than this it will not.
_CLAIM_ATTEMPTS = 5
_AT_ONCE = 500


def open_storage(url: str, *, cipher: Cipher = PLAIN) -> SqlStorage:
    """Open the database at an address, migrated to the newest revision; raise StorageError where that fails.

    The cipher encrypts what tickets say; without one it is kept as it is.
    """
    parsed = engines.parse_url(url)
    try:
        return SqlStorage(_migrated_engine(parsed), cipher=cipher)
    except StorageError as error:
        raise StorageError(f"The database {engines.shown(parsed)} cannot be opened. {error}") from error
    except OSError as error:
        raise StorageError(f"The folder of {engines.shown(parsed)} cannot be made: {error.strerror}.") from error


def _migrated_engine(url: URL) -> Engine:
    engine = engines.create(url)
    try:
        with translated_errors(while_doing="opening it"):
            migrate(engine)
    except StorageError:
        engine.dispose()
        raise
    return engine


class SqlStorage:
    """A `Storage` in SQLite or PostgreSQL; open it with `open_storage`, after any fork."""

    def __init__(self, engine: Engine, *, cipher: Cipher = PLAIN) -> None:
        self._engine = engine
        self._transactions = Transactions(engine)
        self.deliveries = SqlDeliveries(self._transactions, cipher=cipher)
        self.effects = SqlEffects(self._transactions)
        self.originals = SqlOriginals(self._transactions, cipher=cipher)
        self.closings = SqlClosings(self._transactions)
        self.pacing = SqlPacing(self._transactions)
        self.queue = SqlQueue(self._transactions)
        self.reviews = SqlReviews(self._transactions)
        self.audits = SqlAudits(self._transactions)
        self.policies = SqlPolicies(self._transactions)
        self.people = SqlPeople(self._transactions)
        self.outcomes = SqlOutcomes(self._transactions)
        self._record = self._transactions.insert(SCORED_TICKETS).on_conflict_do_nothing()

    def add_key(self, key: StoredKey) -> None:
        """Keep a key; raise StorageError where its id is taken."""
        row = {
            "id": key.id,
            "name": key.name,
            "secret_sha256": key.secret_sha256,
            "scopes": sorted(key.scopes),
            "created_at": key.created_at,
            "revoked_at": key.revoked_at,
            "last_used_at": key.last_used_at,
        }
        with self._transactions.writing("adding a key") as connection:
            connection.execute(self._transactions.insert(API_KEYS), row)

    def find_key(self, key_id: str) -> StoredKey | None:
        """Return the key of that id, revoked or not."""
        with self._transactions.reading("looking up a key") as connection:
            row = connection.execute(select(API_KEYS).where(API_KEYS.c.id == key_id)).mappings().one_or_none()
        return None if row is None else _key(row)

    def list_keys(self) -> Sequence[StoredKey]:
        """Return every key, oldest first, the revoked ones included."""
        with self._transactions.reading("listing the keys") as connection:
            rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.id)).mappings().all()
        return [_key(row) for row in rows]

    def revoke_key(self, key_id: str, *, at: datetime) -> bool:
        """Revoke a key and return whether there is one; the moment of a first revocation stands."""
        first_moment = func.coalesce(API_KEYS.c.revoked_at, at, type_=API_KEYS.c.revoked_at.type)
        statement = update(API_KEYS).where(API_KEYS.c.id == key_id).values(revoked_at=first_moment)
        with self._transactions.writing("revoking a key") as connection:
            return connection.execute(statement).rowcount == 1

    def touch_key(self, key_id: str, *, at: datetime) -> None:
        """Record that a key was used, unless a later use is known."""
        last_used_at = API_KEYS.c.last_used_at
        is_earlier = or_(last_used_at.is_(None), last_used_at < at)
        with self._transactions.writing("recording the use of a key") as connection:
            connection.execute(update(API_KEYS).where(API_KEYS.c.id == key_id, is_earlier).values(last_used_at=at))

    def begin(
        self, key: str, *, caller: str, request_hash: str, now: datetime, expires_at: datetime
    ) -> IdempotencyOutcome:
        """Claim a caller's idempotency key for a request; of several at once exactly one gets New."""
        row = {
            "caller": caller,
            "key": key,
            "request_hash": request_hash,
            "claim": secrets.token_hex(16),
            "claimed_at": now,
            "expires_at": expires_at,
            "status": None,
            "body": None,
        }
        for _ in range(_CLAIM_ATTEMPTS):
            with self._transactions.writing("claiming an idempotency key") as connection:
                outcome = self._claim(connection, row) or _standing(connection, row)
            if outcome is not None:
                return outcome
        raise StorageError("An idempotency key is being claimed and given back too often at once. Try again.")

    def _claim(self, connection: Connection, row: dict[str, Any]) -> New | None:
        """Take the key where nobody holds it, or where what holds it no longer stands."""
        held = IDEMPOTENT_REQUESTS.c
        is_dead = and_(
            held.status.is_(None),
            held.claimed_at <= row["claimed_at"] - CLAIM_LASTS,
            held.request_hash == row["request_hash"],
        )
        statement = (
            self._transactions.insert(IDEMPOTENT_REQUESTS)
            .values(row)
            .on_conflict_do_update(
                index_elements=["caller", "key"],
                set_={name: value for name, value in row.items() if name not in ("caller", "key")},
                where=or_(held.expires_at <= row["claimed_at"], is_dead),
            )
            .returning(held.claim)
        )
        return New(row["claim"]) if connection.execute(statement).one_or_none() is not None else None

    def finish(self, claim: str, *, status: int, body: bytes) -> None:
        """Keep the answer for later replays; does nothing where the claim was lost to another request."""
        statement = update(IDEMPOTENT_REQUESTS).where(_is_open(claim)).values(status=status, body=body)
        with self._transactions.writing("keeping an answer") as connection:
            connection.execute(statement)

    def abandon(self, claim: str) -> None:
        """Give the key back, so that the request may be tried again; an answer already kept stays."""
        with self._transactions.writing("giving back an idempotency key") as connection:
            connection.execute(delete(IDEMPOTENT_REQUESTS).where(_is_open(claim)))

    def purge_expired(self, now: datetime) -> int:
        """Delete what has expired and return how many keys that were."""
        with self._transactions.writing("purging expired idempotency keys") as connection:
            return connection.execute(
                delete(IDEMPOTENT_REQUESTS).where(IDEMPOTENT_REQUESTS.c.expires_at <= now)
            ).rowcount

    def record(self, entries: Sequence[ScoredEntry]) -> None:
        """Record entries, all or none, in one transaction; an entry whose id is recorded already is left as it is."""
        if not entries:
            return
        rows = [_scored_row(entry) for entry in entries]
        with self._transactions.writing("recording scored tickets") as connection:
            connection.execute(self._record, rows)

    def scored(self, ticket_id: str, *, connection: str | None = None, limit: int = 20) -> Sequence[ScoredEntry]:
        """Return the entries of a ticket, newest first; of one connection where it is named."""
        columns = SCORED_TICKETS.c
        of_ticket = columns.ticket_id == ticket_id
        statement = (
            select(SCORED_TICKETS)
            .where(of_ticket if connection is None else and_(of_ticket, columns.connection == connection))
            .order_by(columns.scored_at.desc(), columns.id.desc())
            .limit(limit)
        )
        with self._transactions.reading("reading scored tickets") as opened:
            return [_scored_entry(row) for row in opened.execute(statement).mappings()]

    def find_scored(self, entry_id: str) -> ScoredEntry | None:
        """Return the entry of that id."""
        statement = select(SCORED_TICKETS).where(SCORED_TICKETS.c.id == entry_id)
        with self._transactions.reading("looking up a scored ticket") as connection:
            row = connection.execute(statement).mappings().one_or_none()
        return None if row is None else _scored_entry(row)

    def find_all_scored(self, entry_ids: Sequence[str]) -> Mapping[str, ScoredEntry]:
        """Return the entries of those ids that there are, by id."""
        found: dict[str, ScoredEntry] = {}
        with self._transactions.reading("looking up scored tickets") as opened:
            for start in range(0, len(entry_ids), _AT_ONCE):
                of_these = SCORED_TICKETS.c.id.in_(list(entry_ids[start : start + _AT_ONCE]))
                rows = opened.execute(select(SCORED_TICKETS).where(of_these)).mappings()
                found |= {row["id"]: _scored_entry(row) for row in rows}
        return found

    def count_scored(self) -> int:
        """Return how many entries are recorded."""
        with self._transactions.reading("counting scored tickets") as connection:
            return connection.execute(select(func.count()).select_from(SCORED_TICKETS)).scalar_one()

    def together(self) -> AbstractContextManager[None]:
        """Keep all that this thread writes meanwhile in one transaction, or nothing of it."""
        return self._transactions.together("keeping what belongs together")

    def check(self) -> None:
        """Raise StorageError unless the database answers."""
        with self._transactions.reading("checking it") as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Let go of every connection; nothing may be called afterwards."""
        self._engine.dispose()


def _is_open(claim: str) -> Any:
    return and_(IDEMPOTENT_REQUESTS.c.claim == claim, IDEMPOTENT_REQUESTS.c.status.is_(None))


def _standing(connection: Connection, row: dict[str, Any]) -> IdempotencyOutcome | None:
    """Return what holds a caller's key, or None where it was given back a moment ago."""
    held = IDEMPOTENT_REQUESTS.c
    statement = select(held.request_hash, held.status, held.body).where(
        held.caller == row["caller"], held.key == row["key"]
    )
    found = connection.execute(statement).one_or_none()
    if found is None:
        return None
    if found.request_hash != row["request_hash"]:
        return Mismatch()
    return InFlight() if found.status is None else Replay(found.status, found.body)


def _key(row: RowMapping) -> StoredKey:
    # A scope that only a newer version knows opens nothing here.
    known = frozenset(Scope(scope) for scope in row["scopes"] if scope in set(Scope))
    return StoredKey(**{**row, "scopes": known})


def _scored_row(entry: ScoredEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "ticket_id": entry.ticket_id,
        "scored_at": entry.scored_at,
        "model_name": entry.model.name,
        "model_version": entry.model.version,
        "model_alias": entry.model.alias,
        "language": entry.language,
        "predictions": entry.predictions,
        "articles": entry.articles,
        "similar_tickets": entry.similar_tickets,
        "warnings": entry.warnings,
        "caller": entry.caller,
        "source": entry.source.value,
        "duration_seconds": entry.duration_seconds,
        "connection": entry.connection,
        "delivery_id": entry.delivery_id,
    }


def _scored_entry(row: RowMapping) -> ScoredEntry:
    return ScoredEntry(
        id=row["id"],
        ticket_id=row["ticket_id"],
        scored_at=row["scored_at"],
        model=ModelIdentity(row["model_name"], row["model_version"], row["model_alias"]),
        language=row["language"],
        predictions=row["predictions"],
        articles=row["articles"],
        similar_tickets=row["similar_tickets"],
        warnings=row["warnings"],
        caller=row["caller"],
        source=Source(row["source"]),
        duration_seconds=row["duration_seconds"],
        connection=row["connection"],
        delivery_id=row["delivery_id"],
    )
