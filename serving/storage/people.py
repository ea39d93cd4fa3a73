"""The people who sign in to the pages, and their sessions. Knows no SQL, no web and no way to check a password.

As in `serving.storage.interface`: every method blocks, may be called from any thread, and raises StorageError where
the database does not answer or refuses. Every datetime carries a time zone going in and is UTC coming out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """What somebody may do in the pages."""

    LEAD = "lead"
    DATA_SCIENTIST = "data_scientist"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in.

    `groups` are those whose tickets they may see; none means all but the restricted ones. `password_hash` is "" for
    who signs in elsewhere, `oidc_subject` (issuer and subject) for who signs in here. No two share an e-mail address,
    compared without regard to case, or a subject.
    """

    id: str
    name: str
    email: str
    role: Role
    created_at: datetime
    groups: tuple[str, ...] = ()
    password_hash: str = ""
    oidc_subject: str = ""
    language: str = "en"
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in on one browser: the hash of the cookie, never the cookie; `csrf` guards its forms."""

    id_sha256: str
    user_id: str
    csrf: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class UserStorage(Protocol):
    """The users."""

    def add(self, user: User) -> bool:
        """Keep a user; return False where the id, the e-mail address or the subject is taken."""

    def save(self, user: User) -> bool:
        """Replace what is kept of a user; return False where there is none, or what must be theirs alone is taken."""

    def find(self, user_id: str) -> User | None:
        """Return the user of that id, disabled or not."""

    def find_by_email(self, email: str) -> User | None:
        """Return the user of that address, without regard to case, disabled or not."""

    def find_by_subject(self, oidc_subject: str) -> User | None:
        """Return the user of that subject, disabled or not."""

    def list(self) -> Sequence[User]:
        """Return every user by name, the disabled ones included."""

    def disable(self, user_id: str, *, at: datetime) -> bool:
        """Disable a user and end their sessions; return False where there is none, or they were disabled before."""

    def enable(self, user_id: str) -> bool:
        """Let a disabled user sign in again; return whether they were disabled."""


class SessionStorage(Protocol):
    """The sessions."""

    def start(self, session: Session) -> bool:
        """Keep a session; return False where its user is not there or disabled."""

    def find(self, id_sha256: str, *, now: datetime) -> Session | None:
        """Return a session that has not expired, of a user who is not disabled."""

    def touch(self, id_sha256: str, *, at: datetime, expires_at: datetime) -> bool:
        """Note that a session was used, and let it last until another moment; return whether there is one."""

    def end(self, id_sha256: str) -> bool:
        """End a session; return whether there was one."""

    def end_all(self, user_id: str) -> int:
        """End all sessions of a user; return how many."""

    def purge_expired(self, now: datetime) -> int:
        """Delete the sessions that have expired; return how many."""


class PeopleStorage(Protocol):
    """All of the above, as parts of one storage."""

    @property
    def users(self) -> UserStorage:
        """The users."""

    @property
    def sessions(self) -> SessionStorage:
        """The sessions."""
