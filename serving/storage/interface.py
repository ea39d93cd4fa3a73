"""What the service keeps: keys, idempotent requests and scored tickets. Knows no SQL and no web.

What arrives from helpdesks and goes back to them is in `serving.storage.intake`; what the pages keep is in
`reviewing`, `policies`, `people` and `outcomes` beside it.

Every method blocks, may be called from any thread, and raises StorageError where the database does
not answer or refuses. Every datetime carries a time zone going in and is UTC coming out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from features.answers import ModelIdentity
from serving.storage.intake import IntakeStorage
from serving.storage.outcomes import OutcomeStorage
from serving.storage.people import PeopleStorage
from serving.storage.policies import PolicyStorage
from serving.storage.reviewing import ReviewingStorage

# A request that began longer ago than this and never ended died with its process: the next one takes its place.
CLAIM_LASTS = timedelta(minutes=2)


class Scope(StrEnum):
    """What the holder of a key may do; `admin` implies all others."""

    SCORE = "score"
    FEEDBACK = "feedback"
    REVIEW = "review"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key as it is kept: the hash of its secret, never the secret."""

    id: str
    name: str
    secret_sha256: bytes
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class New:
    """The request is the first under its key; `claim` names it when it is finished or abandoned."""

    claim: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The request was answered before, with this status and these bytes."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class InFlight:
    """The same request is being answered at this moment."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used for a different request."""


IdempotencyOutcome: TypeAlias = New | Replay | InFlight | Mismatch


class Source(StrEnum):
    """Where a scored ticket came in."""

    API = "api"
    BATCH = "batch"
    CLI = "cli"
    WEBHOOK = "webhook"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class ScoredEntry:
    """The record of one scored ticket: what the model said and what was decided, never the ticket's text.

    `id` comes from `serving.storage.identifiers.time_ordered_id`. `predictions` holds, for each
    target, its ranking, reasons and decision; it, `articles` and `similar_tickets` are plain JSON with
    finite numbers. `caller` is the id of the key; `connection` and `delivery_id` say
    where a ticket came from that no caller sent.
    """

    id: str
    ticket_id: str
    scored_at: datetime
    model: ModelIdentity
    language: str
    predictions: Mapping[str, Any]
    articles: Sequence[Mapping[str, Any]]
    similar_tickets: Sequence[Mapping[str, Any]]
    warnings: Sequence[str]
    caller: str
    source: Source
    duration_seconds: float
    connection: str = ""
    delivery_id: str = ""


class KeyStorage(Protocol):
    """The API keys."""

    def add_key(self, key: StoredKey) -> None:
        """Keep a key; raise StorageError where its id is taken."""

    def find_key(self, key_id: str) -> StoredKey | None:
        """Return the key of that id, revoked or not."""

    def list_keys(self) -> Sequence[StoredKey]:
        """Return every key, oldest first, the revoked ones included."""

    def revoke_key(self, key_id: str, *, at: datetime) -> bool:
        """Revoke a key and return whether there is one; the moment of a first revocation stands."""

    def touch_key(self, key_id: str, *, at: datetime) -> None:
        """Record that a key was used, unless a later use is known."""


class IdempotencyStorage(Protocol):
    """The answers given under an idempotency key, and the requests still being answered."""

    def begin(
        self, key: str, *, caller: str, request_hash: str, now: datetime, expires_at: datetime
    ) -> IdempotencyOutcome:
        """Claim a caller's idempotency key for a request; of several at once exactly one gets New.

        Whoever gets New must `finish` or `abandon` it. A claim older than CLAIM_LASTS, and an answer
        past its expiry, no longer stand.
        """

    def finish(self, claim: str, *, status: int, body: bytes) -> None:
        """Keep the answer for later replays; does nothing where the claim was lost to another request."""

    def abandon(self, claim: str) -> None:
        """Give the key back, so that the request may be tried again; an answer already kept stays."""

    def purge_expired(self, now: datetime) -> int:
        """Delete what has expired and return how many keys that were."""


class ScoredStorage(Protocol):
    """The record of every scored ticket."""

    def record(self, entries: Sequence[ScoredEntry]) -> None:
        """Record entries, all or none, in one transaction; an entry whose id is recorded already is left as it is."""

    def scored(self, ticket_id: str, *, connection: str | None = None, limit: int = 20) -> Sequence[ScoredEntry]:
        """Return the entries of a ticket, newest first; of one connection where it is named."""

    def find_scored(self, entry_id: str) -> ScoredEntry | None:
        """Return the entry of that id."""

    def find_all_scored(self, entry_ids: Sequence[str]) -> Mapping[str, ScoredEntry]:
        """Return the entries of those ids that there are, by id."""

    def count_scored(self) -> int:
        """Return how many entries are recorded."""


class Storage(KeyStorage, IdempotencyStorage, ScoredStorage, IntakeStorage, ReviewingStorage, Protocol):
    """All that the service keeps, in one place."""

    @property
    def policies(self) -> PolicyStorage:
        """The policies."""

    @property
    def people(self) -> PeopleStorage:
        """The people."""

    @property
    def outcomes(self) -> OutcomeStorage:
        """What became of tickets."""

    def together(self) -> AbstractContextManager[None]:
        """Keep all that this thread writes meanwhile, in whatever part, in one transaction, or nothing of it.

        What is awaited or called over a network meanwhile would be waited for by whoever writes next.
        """

    def check(self) -> None:
        """Raise StorageError unless the database answers."""

    def close(self) -> None:
        """Let go of every connection; nothing may be called afterwards."""
