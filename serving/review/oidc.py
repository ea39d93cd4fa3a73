"""Signing in at an identity provider: OpenID Connect's authorization code with PKCE. Knows no users and no pages.

What the provider says is believed only where its signature, issuer, audience, nonce and time are right.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from features.errors import AuthenticationError

_ALGORITHMS = ("RS256", "PS256", "ES256", "RS384", "ES384", "RS512", "ES512")
_TIMEOUT_SECONDS = 10.0
_KNOWN_FOR = timedelta(hours=1)
_LEEWAY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in on its way: where the browser goes, and what it must bring back."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a provider vouches for; `subject` is unique among all providers."""

    subject: str
    email: str = ""
    is_email_verified: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a provider says of itself, and its keys, as of a moment."""

    configuration: Mapping[str, Any]
    keys: KeySet
    at: datetime


class OidcProvider:
    """One identity provider; safe to use from several threads."""

    def __init__(self, *, issuer: str, client_id: str, client_secret: str, clock: Callable[[], datetime]) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._known: _Known | None = None
        self._lock = threading.Lock()

    def begin(self, *, redirect_uri: str) -> Begun:
        """Return where to send a browser; raise AuthenticationError where the provider does not answer."""
        endpoint = str(self._provider().configuration["authorization_endpoint"])
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in endpoint else "?"
        return Begun(f"{endpoint}{joint}{urlencode(query)}", state, nonce, verifier)

    def finish(self, *, code: str, nonce: str, verifier: str, redirect_uri: str) -> Identity:
        """Return whom the provider vouches for; raise AuthenticationError where it does not, or not rightly."""
        answer = self._asked(
            "POST",
            str(self._provider().configuration["token_endpoint"]),
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "client_id": self._client_id,
                "client_secret": self._client_secret,
                "code_verifier": verifier,
            },
        )
        return self._identity(str(answer.get("id_token") or ""), nonce=nonce)

    def _identity(self, token: str, *, nonce: str) -> Identity:
        try:
            claims = self._claims(token)
            self._registry(nonce).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise AuthenticationError(
                f"What the identity provider vouches for cannot be believed ({type(error).__name__}). Sign in again."
            ) from None
        parties = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if len(parties) > 1 and claims.get("azp") != self._client_id:
            raise AuthenticationError("The identity provider vouches towards another application. Sign in again.")
        return Identity(
            subject=f"{self._issuer} {claims['sub']}",
            email=str(claims.get("email") or ""),
            is_email_verified=claims.get("email_verified") in (True, "true"),
            name=str(claims.get("name") or ""),
        )

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self._provider().keys, algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError):
            # It may have been signed with a key that is newer than those we know.
            return jwt.decode(token, self._provider(is_fresh=True).keys, algorithms=_ALGORITHMS).claims

    def _registry(self, nonce: str) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._clock().timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._provider().configuration["issuer"]},
            aud={"essential": True, "value": self._client_id},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )

    def _provider(self, *, is_fresh: bool = False) -> _Known:
        with self._lock:
            known, now = self._known, self._clock()
            if known is None or is_fresh or now - known.at > _KNOWN_FOR:
                known = self._known = self._read(now)
            return known

    def _read(self, now: datetime) -> _Known:
        told = self._asked("GET", f"{self._issuer}/.well-known/openid-configuration")
        if str(told.get("issuer", "")).rstrip("/") != self._issuer:
            raise AuthenticationError("The identity provider names another issuer than TRIAGE_OIDC_ISSUER does.")
        keys = self._asked("GET", str(told.get("jwks_uri") or ""))
        try:
            return _Known(told, KeySet.import_key_set(keys), now)  # type: ignore[arg-type]  # judged by joserfc
        except (JoseError, ValueError, TypeError, KeyError):
            raise AuthenticationError("The keys of the identity provider cannot be read.") from None

    def _asked(self, method: str, url: str, *, data: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        try:
            response = httpx.request(method, url, data=data, timeout=_TIMEOUT_SECONDS)
            response.raise_for_status()
            answer = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise AuthenticationError(
                f"The identity provider does not answer as it should ({type(error).__name__}). Try again shortly."
            ) from None
        if not isinstance(answer, dict):
            raise AuthenticationError("The identity provider does not answer as it should. Try again shortly.")
        return answer
