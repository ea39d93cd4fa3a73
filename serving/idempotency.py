"""The first answer under an Idempotency-Key, given again to whoever sends the same request again.

After draft 07 of the IETF's Idempotency-Key header. Only answers are kept: a request that failed may be tried again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from features.errors import IdempotencyError, StorageError, TriageError
from serving.storage.interface import IdempotencyStorage, InFlight, Mismatch, Replay

LONGEST_KEY = 255
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')  # a structured field's String (RFC 8941)
_TOKEN = re.compile(r"[!#-~]+")


class MalformedKeyError(TriageError):
    """The Idempotency-Key header cannot be read."""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that came with a key: whose it is and what it asks, as a hash."""

    key: str
    caller: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer, and whether it was given before."""

    body: bytes
    is_replayed: bool


def parse_key(header: str) -> str:
    """Return the key that a header states as a quoted string or a bare token; raise MalformedKeyError."""
    text = header.strip()
    quoted = _STRING.fullmatch(text)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    if not (quoted or _TOKEN.fullmatch(text)) or len(key) > LONGEST_KEY:
        raise MalformedKeyError(
            f'The Idempotency-Key cannot be read. Send 1 to {LONGEST_KEY} characters of ASCII, as in "8e03978e-40d5".'
        )
    return key


def hash_request(*parts: bytes) -> str:
    """Return a hash that differs where any part of a request does."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


class Idempotency:
    """Answers a keyed request once, however often it is sent."""

    def __init__(self, storage: IdempotencyStorage, *, lasts: timedelta, now: Callable[[], datetime]) -> None:
        self._storage = storage
        self._lasts = lasts
        self._now = now

    async def answer(self, request: KeyedRequest, *, produce: Callable[[], Awaitable[bytes]]) -> KeptAnswer:
        """Return the answer kept under the key, or else produce and keep it.

        Raises IdempotencyError while the first request is in flight, and for another request under its key.
        """
        now = self._now()
        outcome = await asyncio.to_thread(
            self._storage.begin,
            request.key,
            caller=request.caller,
            request_hash=request.request_hash,
            now=now,
            expires_at=now + self._lasts,
        )
        if isinstance(outcome, Replay):
            return KeptAnswer(outcome.body, is_replayed=True)
        if isinstance(outcome, InFlight):
            raise IdempotencyError(
                f"The request with the Idempotency-Key '{request.key}' is being answered. Send it again in a moment.",
                in_flight=True,
            )
        if isinstance(outcome, Mismatch):
            raise IdempotencyError(
                f"The Idempotency-Key '{request.key}' was used for another request. Send a new key with a new request.",
                in_flight=False,
            )
        return KeptAnswer(await self._produce_and_keep(outcome.claim, produce), is_replayed=False)

    async def _produce_and_keep(self, claim: str, produce: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            body = await produce()
            await asyncio.to_thread(self._storage.finish, claim, status=200, body=body)
        except BaseException:
            with suppress(StorageError):
                await asyncio.to_thread(self._storage.abandon, claim)
            raise
        return body
