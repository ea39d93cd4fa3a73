"""Who is signed in on which browser. Knows no web: a cookie's value comes in and goes out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from serving.storage.people import Session, SessionStorage, User, UserStorage

# The use of a session is noted no more often than this.
_TOUCHED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session and whose it is."""

    user: User
    session: Session


class Sessions:
    """Starts, finds and ends sessions: each ends when it was idle too long, and at the latest after a fixed time."""

    def __init__(
        self,
        sessions: SessionStorage,
        *,
        users: UserStorage,
        idle: timedelta,
        longest: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._sessions = sessions
        self._users = users
        self._idle = idle
        self._longest = longest
        self._clock = clock

    def start(self, user: User) -> str | None:
        """Start a session and return the value of its cookie, which is not kept; None for who may not sign in."""
        cookie, now = secrets.token_urlsafe(32), self._clock()
        session = Session(
            id_sha256=_hash(cookie),
            user_id=user.id,
            csrf=secrets.token_urlsafe(24),
            created_at=now,
            last_seen_at=now,
            expires_at=now + min(self._idle, self._longest),
        )
        return cookie if self._sessions.start(session) else None

    def find(self, cookie: str) -> SignedIn | None:
        """Return the session of a cookie and note that it was used; None where it has ended."""
        now = self._clock()
        session = self._sessions.find(_hash(cookie), now=now) if cookie else None
        if session is None or now >= session.created_at + self._longest:
            return None
        user = self._users.find(session.user_id)
        if user is None or user.disabled_at is not None:
            return None
        if now - session.last_seen_at >= _TOUCHED_EVERY:
            until = min(now + self._idle, session.created_at + self._longest)
            self._sessions.touch(session.id_sha256, at=now, expires_at=until)
        return SignedIn(user, session)

    def end(self, cookie: str) -> bool:
        """End the session of a cookie; return whether there was one."""
        return self._sessions.end(_hash(cookie))

    def purge_expired(self) -> int:
        """Delete the sessions that have expired."""
        return self._sessions.purge_expired(self._clock())


def _hash(cookie: str) -> str:
    return sha256(cookie.encode(errors="replace")).hexdigest()
