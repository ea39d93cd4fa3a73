"""Who somebody is: local users by password, others by what their identity provider vouches for. Knows no web.

A password is kept as scrypt's hash of it. Too many wrong ones in a row, for one address or from one place, and no
more are tried for a while.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from features.errors import RecipeError
from serving.review.oidc import Identity
from serving.storage.identifiers import time_ordered_id
from serving.storage.people import Role, User, UserStorage

LEAST_PASSWORD_CHARACTERS = 12
LONGEST_PASSWORD = 500
_COST, _BLOCK, _LANES = 2**15, 8, 1
_MEMORY_BYTES = 64 * 1024**2
_WRONG_FOR_ONE, _WRONG_FROM_ONE = 5, 30
_WAIT = timedelta(minutes=15)
_MOST_REMEMBERED = 10_000


class Refusal(StrEnum):
    """Why somebody was not let in."""

    WRONG = "wrong"
    TOO_OFTEN = "too_often"
    UNKNOWN = "unknown"


def hash_password(password: str) -> str:
    """Return what is kept of a password."""
    salt = secrets.token_bytes(16)
    return "$".join(("scrypt", str(_COST), _written(salt), _written(_derived(password, salt, cost=_COST))))


def is_password(password: str, kept: str) -> bool:
    """Tell whether a password is the one of which this was kept."""
    parts = kept.split("$")
    if len(parts) != 4 or parts[0] != "scrypt":
        return False
    derived = _derived(password, base64.b64decode(parts[2]), cost=int(parts[1]))
    return hmac.compare_digest(derived, base64.b64decode(parts[3]))


def new_password() -> str:
    """Return a password that nobody guesses, in groups that can be read out."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user just added; `password` is not kept anywhere and cannot be had again, "" for who signs in elsewhere."""

    user: User
    password: str


def add_user(
    users: UserStorage,
    *,
    name: str,
    email: str,
    role: Role,
    groups: Iterable[str],
    language: str,
    has_password: bool,
    now: datetime,
) -> NewUser:
    """Add a user, with a password of ours unless they sign in elsewhere; raise RecipeError where that cannot be."""
    name, email = name.strip(), email.strip()
    if not name or "@" not in email or len(email) > 254:
        raise RecipeError(
            f"'{email[:60]}' is no e-mail address of '{name[:60]}'. Name both: Minji --email m@example.com"
        )
    password = new_password() if has_password else ""
    user = User(
        id=time_ordered_id(now),
        name=name[:100],
        email=email,
        role=role,
        created_at=now,
        groups=tuple(dict.fromkeys(group.strip() for group in groups if group.strip())),
        password_hash=hash_password(password) if password else "",
        language=language,
    )
    if not users.add(user):
        raise RecipeError(f"There is a user '{email}' already. See them with: triage users list")
    return NewUser(user, password)


class Attempts:
    """Counts wrong passwords, and says when enough is enough."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._wrong: dict[str, tuple[int, datetime]] = {}
        self._lock = threading.Lock()

    def are_too_many(self, email: str, address: str) -> bool:
        """Tell whether no more passwords are tried for a person, or from a place."""
        return (
            self._count(f"for {email.casefold()}") >= _WRONG_FOR_ONE
            or self._count(f"from {address}") >= _WRONG_FROM_ONE
        )

    def note_wrong(self, email: str, address: str) -> None:
        """Count a wrong password."""
        now = self._clock()
        with self._lock:
            if len(self._wrong) > _MOST_REMEMBERED:
                self._wrong = {key: held for key, held in self._wrong.items() if now - held[1] < _WAIT}
            for key in (f"for {email.casefold()}", f"from {address}"):
                count, since = self._wrong.get(key, (0, now))
                self._wrong[key] = (count + 1, now) if now - since < _WAIT else (1, now)

    def forget(self, email: str) -> None:
        """Count anew for a person who has signed in."""
        with self._lock:
            self._wrong.pop(f"for {email.casefold()}", None)

    def _count(self, key: str) -> int:
        count, since = self._wrong.get(key, (0, self._clock()))
        return count if self._clock() - since < _WAIT else 0


class SignIn:
    """Lets people in."""

    def __init__(self, users: UserStorage, *, clock: Callable[[], datetime]) -> None:
        self._users = users
        self._attempts = Attempts(clock)

    def with_password(self, email: str, password: str, *, address: str) -> User | Refusal:
        """Return the local user of an address and password."""
        email = email.strip()
        if self._attempts.are_too_many(email, address):
            return Refusal.TOO_OFTEN
        user = self._users.find_by_email(email) if email else None
        kept = user.password_hash if user is not None else ""
        # As long for an address that nobody has as for one that somebody has.
        is_right = is_password(password[:LONGEST_PASSWORD], kept or _nobodys_password())
        if user is None or not kept or not is_right or user.disabled_at is not None:
            self._attempts.note_wrong(email, address)
            return Refusal.WRONG
        self._attempts.forget(email)
        return user

    def with_identity(self, identity: Identity) -> User | Refusal:
        """Return the user whom a provider vouches for: known by their subject, or by a verified address at first."""
        user = self._users.find_by_subject(identity.subject)
        if user is None and identity.email and identity.is_email_verified:
            by_email = self._users.find_by_email(identity.email)
            if by_email is not None and not by_email.oidc_subject:
                user = replace(by_email, oidc_subject=identity.subject)
                if user.disabled_at is None and not self._users.save(user):
                    return Refusal.UNKNOWN
        return Refusal.UNKNOWN if user is None or user.disabled_at is not None else user


def _derived(password: str, salt: bytes, *, cost: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "replace"), salt=salt, n=cost, r=_BLOCK, p=_LANES, maxmem=_MEMORY_BYTES
    )


@lru_cache(maxsize=1)
def _nobodys_password() -> str:
    return hash_password(secrets.token_urlsafe(16))


def _written(value: bytes) -> str:
    return base64.b64encode(value).decode()
