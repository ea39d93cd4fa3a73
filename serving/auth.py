"""Who calls, and whether they may: API keys with scopes. Knows nothing of what the routes do.

Only the SHA-256 of a key's secret is kept. A slow hash such as bcrypt protects passwords, which people
choose from a small space; the secret here is 256 random bits, which no one can try out, and a slow
hash would cost each request what scoring costs.

A key is read from storage at most once in CACHE_LASTS and process, so a revocation takes effect within
that time. Its secret is compared at every request.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TypeAlias
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from features.errors import AuthenticationError, PermissionDeniedError, RecipeError, StorageError
from serving.settings import AuthMode, is_loopback
from serving.storage.interface import KeyStorage, Scope, StoredKey

__all__ = [
    "ANONYMOUS",
    "CACHE_LASTS",
    "Authenticator",
    "Caller",
    "Clock",
    "Door",
    "NewKey",
    "Scope",
    "create_key",
    "list_keys",
    "require",
    "revoke_key",
    "utc_now",
]

CACHE_LASTS = timedelta(seconds=5)
TOUCHED_EVERY = timedelta(minutes=1)
_ID_CHARACTERS = string.ascii_lowercase + string.digits
_KEY = re.compile(r"tt_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")
_HOW_TO_SEND = "Send it as `Authorization: Bearer tt_...` or `X-API-Key: tt_...`."
_log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: a key's id and name, and what it opens."""

    id: str
    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Tell whether the caller has a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


# A key's id has eight characters, so no key can bear this one.
ANONYMOUS = Caller(id="anonymous", name="anonymous on this machine", scopes=frozenset({Scope.ADMIN}))


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `plaintext` is not kept anywhere and cannot be had again."""

    plaintext: str
    stored: StoredKey


def create_key(storage: KeyStorage, *, name: str, scopes: Iterable[Scope], clock: Clock = utc_now) -> NewKey:
    """Make a key, keep its hash and return its plaintext this once; raise RecipeError without a scope."""
    granted = frozenset(scopes)
    if not granted:
        raise RecipeError(f"The key '{name}' would open nothing. Give it one or more of the scopes {', '.join(Scope)}.")
    key_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    stored = StoredKey(id=key_id, name=name, secret_sha256=_hash(secret), scopes=granted, created_at=clock())
    storage.add_key(stored)
    return NewKey(plaintext=f"tt_{key_id}_{secret}", stored=stored)


def list_keys(storage: KeyStorage) -> tuple[StoredKey, ...]:
    """Return every key, oldest first, the revoked ones included."""
    return tuple(storage.list_keys())


def revoke_key(storage: KeyStorage, key_id: str, *, clock: Clock = utc_now) -> bool:
    """Revoke a key, given its id or the whole key, and return whether there is one."""
    whole = _KEY.fullmatch(key_id)
    return storage.revoke_key(whole[1] if whole else key_id, at=clock())


class Authenticator:
    """Tells who calls, from the key that a request carries."""

    def __init__(self, storage: KeyStorage, *, mode: AuthMode, clock: Clock = utc_now) -> None:
        self.mode = mode
        self._storage = storage
        self._clock = clock
        # Holds only keys that exist, so it is no larger than their table.
        self._read_keys: dict[str, tuple[StoredKey, datetime]] = {}

    def authenticate(self, key: str | None, *, required: Scope) -> Caller:
        """Return who holds a key as it was sent; reads storage unless `has_read` the key just now.

        Raises AuthenticationError for no key or a wrong or revoked one, PermissionDeniedError for one
        without the scope.
        """
        key_id, secret = _parts(key)
        now = self._clock()
        remembered = self._remembered(key_id, now)
        stored = remembered or self._read(key_id, now)
        _verify(stored, secret)
        if remembered is None:
            self._touch(stored, now)
        caller = Caller(stored.id, stored.name, stored.scopes)
        if not caller.may(required):
            raise PermissionDeniedError(
                f"The API key 'tt_{caller.id}' ({caller.name}) lacks the scope '{required}'; it has: "
                f"{', '.join(sorted(caller.scopes))}. Ask for a key made with `triage keys create --scope {required}`."
            )
        return caller

    def has_read(self, key: str | None) -> bool:
        """Tell whether `authenticate` can answer for a key without reading storage."""
        key_id, _ = _parts(key)
        return self._remembered(key_id, self._clock()) is not None

    def _remembered(self, key_id: str, now: datetime) -> StoredKey | None:
        stored, read_at = self._read_keys.get(key_id, (None, now))
        # The clock of a machine may be set back, which must not make a key last longer.
        return stored if timedelta() <= now - read_at < CACHE_LASTS else None

    def _read(self, key_id: str, now: datetime) -> StoredKey:
        stored = self._storage.find_key(key_id)
        if stored is None:
            raise _unknown(key_id)
        self._read_keys[key_id] = (stored, now)
        return stored

    def _touch(self, stored: StoredKey, now: datetime) -> None:
        if stored.last_used_at is not None and now - stored.last_used_at < TOUCHED_EVERY:
            return
        try:
            self._storage.touch_key(stored.id, at=now)
        except StorageError:
            # The moment of last use is for people's eyes: no request fails for it.
            _log.warning("key_use_not_recorded key_id=%s", stored.id)


class Door(SecurityBase):
    """A FastAPI dependency that lets callers with a scope through and says who they are.

    It asks the `Authenticator` that `create_app` leaves in `app.state.authenticator`. It is a security
    scheme itself: each scheme more among a route's dependencies costs about 10 microseconds a request.
    """

    def __init__(self, scope: Scope) -> None:
        self.scheme_name = "ApiKey"
        self.model = HTTPBearerModel(description="A key `tt_...`. The header `X-API-Key` takes one too.")
        self._scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Return who sent a request; raise AuthenticationError or PermissionDeniedError."""
        authenticator: Authenticator = request.app.state.authenticator
        key = _sent_key(request)
        if key is None and authenticator.mode is AuthMode.OPEN:
            return _anonymous(request)
        if authenticator.has_read(key):
            return authenticator.authenticate(key, required=self._scope)
        return await run_in_threadpool(authenticator.authenticate, key, required=self._scope)


def require(scope: Scope) -> Door:
    """Return the dependency of a route that asks for a scope."""
    return Door(scope)


def _sent_key(request: Request) -> str | None:
    """Return the key that a request carries, if any; raise AuthenticationError for another kind of credentials."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return request.headers.get("x-api-key")
    scheme, _, key = authorization.partition(" ")
    if scheme.casefold() != "bearer":
        raise AuthenticationError(f"The Authorization header is of a kind other than Bearer. {_HOW_TO_SEND}")
    return key.strip()


def _anonymous(request: Request) -> Caller:
    """Return the anonymous caller for a request from this machine; raise AuthenticationError for any other.

    A page of a stranger's site, open in a browser of this machine, also calls from here. The names it
    gives away are in `Host` and `Origin`.
    """
    sender = request.client.host if request.client else ""
    hosts = [sender, _hostname("//" + request.headers.get("host", ""))]
    origin = request.headers.get("origin")
    if origin is not None:
        hosts.append(_hostname(origin))
    if not all(is_loopback(host) for host in hosts):
        raise AuthenticationError(
            "Without an API key only this machine itself may call, at http://127.0.0.1 or http://localhost. "
            f"From elsewhere a key is needed. {_HOW_TO_SEND}"
        )
    return ANONYMOUS


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _parts(key: str | None) -> tuple[str, str]:
    """Return the id and the secret of a key as it was sent."""
    if not key:
        raise AuthenticationError(f"The request carries no API key. {_HOW_TO_SEND}")
    parts = _KEY.fullmatch(key)
    if parts is None:
        raise AuthenticationError(
            "What was sent is no API key: one is 'tt_', 8 characters, '_' and 43 characters. "
            "Copy it whole from where `triage keys create` printed it."
        )
    return parts[1], parts[2]


def _verify(stored: StoredKey, secret: str) -> None:
    if not hmac.compare_digest(stored.secret_sha256, _hash(secret)):
        raise _unknown(stored.id)
    if stored.revoked_at is not None:
        raise AuthenticationError(
            f"The API key 'tt_{stored.id}' was revoked at {stored.revoked_at:%Y-%m-%d %H:%M} UTC. Ask for another."
        )


def _unknown(key_id: str) -> AuthenticationError:
    # The same words for an id that nobody has and a wrong secret, so that ids cannot be told by asking.
    return AuthenticationError(f"The API key 'tt_{key_id}' is not valid. Check it, or ask for another.")


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
