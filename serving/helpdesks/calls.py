"""The HTTP calls to a helpdesk: one client a connection, its pace kept and every failure translated to our errors.

Knows no vendor's paths and no field.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from threading import Lock
from typing import Any, Protocol, TypeAlias

import httpx

from features.errors import (
    HelpdeskBusyError,
    HelpdeskDownError,
    HelpdeskRefusedError,
    TicketChangedError,
    TicketGoneError,
)

Auth: TypeAlias = tuple[str, str] | None

DEFAULT_RETRY_AFTER_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 3_600.0
_REASON_CHARACTERS = 200
# To read changes nothing, so it may be repeated without a look at what the first try did.
_READ_AGAIN_AFTER_SECONDS = (0.1, 0.3)
_BUSY, _GONE, _CHANGED = 429, (404, 410), (409, 412)


class Throttle(Protocol):
    """Who decides whether a helpdesk may be called now, and hears how the call went."""

    def before_call(self) -> None:
        """Raise HelpdeskBusyError where the pace or an open breaker asks to wait."""

    def succeeded(self) -> None:
        """Note that the helpdesk answered."""

    def failed(self) -> None:
        """Note that the helpdesk gave no answer or failed."""

    def told_to_wait(self, seconds: float) -> None:
        """Note that the helpdesk asked to be left alone."""


class NoThrottle:
    """Lets every call pass: for a single question to a helpdesk, and for tests."""

    def before_call(self) -> None:
        """Let it pass."""

    def succeeded(self) -> None:
        """Note nothing."""

    def failed(self) -> None:
        """Note nothing."""

    def told_to_wait(self, seconds: float) -> None:
        """Note nothing."""


class Calls:
    """Calls one helpdesk, from any thread. Redirects are not followed: a token stays where it belongs."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        auth: Auth = None,
        timeout_seconds: float = 10,
        throttle: Throttle | None = None,
    ) -> None:
        # Made when first used: who only reads what a helpdesk sends needs none.
        self._client: httpx.Client | None = None
        self._lock = Lock()
        self._open = partial(
            httpx.Client,
            base_url=base_url,
            headers={"Accept": "application/json", "User-Agent": "ticket-triage", **headers},
            auth=auth,
            timeout=timeout_seconds,
            follow_redirects=False,
        )
        self._throttle = NoThrottle() if throttle is None else throttle

    def get(self, path: str, *, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON of a GET, asked again at once where no answer came; raises what `send` raises."""
        for wait_seconds in _READ_AGAIN_AFTER_SECONDS:
            try:
                return self.send("GET", path, params=params)
            except HelpdeskDownError:
                time.sleep(wait_seconds * random.uniform(0.5, 1.5))
        return self.send("GET", path, params=params)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the JSON of an answer, None where it has no body.

        Raises HelpdeskBusyError, HelpdeskDownError, HelpdeskRefusedError, TicketGoneError and TicketChangedError.
        """
        self._throttle.before_call()
        try:
            response = self._opened().request(
                method, path, json=json, params=dict(params) if params else None, headers=headers
            )
        except httpx.HTTPError as error:
            self._throttle.failed()
            raise HelpdeskDownError(f"The helpdesk did not answer {method} {path}: {type(error).__name__}.") from None
        self._judge(response, asked=f"{method} {path}")
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise HelpdeskDownError(f"The helpdesk answered {method} {path} with something that is no JSON.") from None

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _opened(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = self._open()
            return self._client

    def _judge(self, response: httpx.Response, *, asked: str) -> None:
        status = response.status_code
        if status == _BUSY or (status == 503 and "retry-after" in response.headers):
            seconds = retry_after_seconds(response.headers, now=datetime.now(UTC))
            self._throttle.told_to_wait(seconds)
            raise HelpdeskBusyError(
                f"The helpdesk asks to wait {seconds:.0f} seconds before {asked}.", retry_after_seconds=seconds
            )
        if status >= 500:
            self._throttle.failed()
            raise HelpdeskDownError(f"The helpdesk failed with {status} on {asked}.")
        self._throttle.succeeded()
        if status in _GONE:
            raise TicketGoneError(f"The helpdesk knows nothing under {asked} ({status}).")
        if status in _CHANGED:
            raise TicketChangedError(f"What {asked} was to change has changed meanwhile ({status}).")
        if status >= 300:
            reason = " ".join(response.text.split())[:_REASON_CHARACTERS]
            raise HelpdeskRefusedError(f"The helpdesk refuses {asked} with {status}: {reason}")


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for, as a number or a date; a default where it says nothing."""
    stated = headers.get("retry-after", "").strip()
    seconds = math.nan
    with suppress(ValueError):
        seconds = float(stated)
    if not math.isfinite(seconds):
        with suppress(ValueError, TypeError):
            moment = parsedate_to_datetime(stated)
            seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    if not math.isfinite(seconds):
        return DEFAULT_RETRY_AFTER_SECONDS
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
