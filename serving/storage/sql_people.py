"""The people who sign in and their sessions over SQLAlchemy, the same statements for both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, exists, or_, select, update

from serving.storage.people import Role, Session, User
from serving.storage.policy_tables import SESSIONS, USERS
from serving.storage.transactions import Transactions

_USER = USERS.c
_SESSION = SESSIONS.c


class SqlUsers:
    """A `UserStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._add = transactions.insert(USERS).on_conflict_do_nothing().returning(_USER.id)

    def add(self, user: User) -> bool:
        """Keep a user; return False where the id, the e-mail address or the subject is taken."""
        with self._transactions.writing("adding a user") as opened:
            return opened.execute(self._add, _row(user)).one_or_none() is not None

    def save(self, user: User) -> bool:
        """Replace what is kept of a user; return False where there is none, or what must be theirs alone is taken."""
        row = _row(user)
        # No subject is nobody's, so it is compared as what nobody has.
        same = or_(_USER.email_key == row["email_key"], _USER.oidc_subject == user.oidc_subject)
        with self._transactions.writing("saving a user") as opened:
            if opened.execute(select(_USER.id).where(_USER.id != user.id, same).limit(1)).one_or_none() is not None:
                return False
            return opened.execute(update(USERS).where(_USER.id == user.id).values(row)).rowcount == 1

    def find(self, user_id: str) -> User | None:
        """Return the user of that id, disabled or not."""
        return self._find(_USER.id == user_id)

    def find_by_email(self, email: str) -> User | None:
        """Return the user of that address, without regard to case, disabled or not."""
        return self._find(_USER.email_key == _email_key(email))

    def find_by_subject(self, oidc_subject: str) -> User | None:
        """Return the user of that subject, disabled or not."""
        return self._find(_USER.oidc_subject == oidc_subject) if oidc_subject else None

    def list(self) -> Sequence[User]:
        """Return every user by name, the disabled ones included."""
        with self._transactions.reading("listing the users") as opened:
            rows = opened.execute(select(USERS).order_by(_USER.name, _USER.id)).mappings().all()
        return [_user(row) for row in rows]

    def disable(self, user_id: str, *, at: datetime) -> bool:
        """Disable a user and end their sessions; return False where there is none, or they were disabled before."""
        statement = update(USERS).where(_USER.id == user_id, _USER.disabled_at.is_(None)).values(disabled_at=at)
        with self._transactions.writing("disabling a user") as opened:
            is_changed = opened.execute(statement).rowcount == 1
            opened.execute(delete(SESSIONS).where(_SESSION.user_id == user_id))
        return is_changed

    def enable(self, user_id: str) -> bool:
        """Let a disabled user sign in again; return whether they were disabled."""
        statement = update(USERS).where(_USER.id == user_id, _USER.disabled_at.is_not(None)).values(disabled_at=None)
        with self._transactions.writing("enabling a user") as opened:
            return opened.execute(statement).rowcount == 1

    def _find(self, condition: ColumnElement[bool]) -> User | None:
        with self._transactions.reading("looking up a user") as opened:
            row = opened.execute(select(USERS).where(condition)).mappings().one_or_none()
        return None if row is None else _user(row)


class SqlSessions:
    """A `SessionStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def start(self, session: Session) -> bool:
        """Keep a session; return False where its user is not there or disabled."""
        user = select(_USER.id).where(_USER.id == session.user_id, _USER.disabled_at.is_(None)).with_for_update()
        with self._transactions.writing("starting a session") as opened:
            # The user's row is held, so that nobody is disabled between the look and the start.
            if opened.execute(user).one_or_none() is None:
                return False
            opened.execute(self._transactions.insert(SESSIONS), asdict(session))
        return True

    def find(self, id_sha256: str, *, now: datetime) -> Session | None:
        """Return a session that has not expired, of a user who is not disabled."""
        is_enabled = exists().where(_USER.id == _SESSION.user_id, _USER.disabled_at.is_(None))
        statement = select(SESSIONS).where(_SESSION.id_sha256 == id_sha256, _SESSION.expires_at > now, is_enabled)
        with self._transactions.reading("looking up a session") as opened:
            row = opened.execute(statement).mappings().one_or_none()
        return None if row is None else Session(**row)

    def touch(self, id_sha256: str, *, at: datetime, expires_at: datetime) -> bool:
        """Note that a session was used, and let it last until another moment; return whether there is one."""
        statement = update(SESSIONS).where(_SESSION.id_sha256 == id_sha256, _SESSION.expires_at > at)
        with self._transactions.writing("touching a session") as opened:
            return opened.execute(statement.values(last_seen_at=at, expires_at=expires_at)).rowcount == 1

    def end(self, id_sha256: str) -> bool:
        """End a session; return whether there was one."""
        return self._delete(_SESSION.id_sha256 == id_sha256) == 1

    def end_all(self, user_id: str) -> int:
        """End all sessions of a user; return how many."""
        return self._delete(_SESSION.user_id == user_id)

    def purge_expired(self, now: datetime) -> int:
        """Delete the sessions that have expired; return how many."""
        return self._delete(_SESSION.expires_at <= now)

    def _delete(self, condition: ColumnElement[bool]) -> int:
        with self._transactions.writing("ending sessions") as opened:
            return opened.execute(delete(SESSIONS).where(condition)).rowcount


class SqlPeople:
    """A `PeopleStorage` in SQLite or PostgreSQL."""

    def __init__(self, transactions: Transactions) -> None:
        self.users = SqlUsers(transactions)
        self.sessions = SqlSessions(transactions)


def _email_key(email: str) -> str:
    return email.strip().casefold()


def _row(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "email_key": _email_key(user.email),
        "role": user.role.value,
        "groups": list(user.groups),
        "password_hash": user.password_hash,
        "oidc_subject": user.oidc_subject or None,
        "language": user.language,
        "created_at": user.created_at,
        "disabled_at": user.disabled_at,
    }


def _user(row: RowMapping) -> User:
    told = {name: value for name, value in row.items() if name != "email_key"}
    told |= {"role": Role(row["role"]), "groups": tuple(row["groups"]), "oidc_subject": row["oidc_subject"] or ""}
    return User(**told)
