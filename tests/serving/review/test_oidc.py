"""Signing in at an identity provider, against one that answers over HTTP on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from serving.storage.people import Role, User
from tests.review_desk import START, Browser, Desk, Page, item_id


class Provider:
    """An identity provider that vouches for one person, rightly or as `changes` say."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}, private=True)
        self.changes: dict[str, Any] = {}
        self.signs_with = self.key
        self.algorithm = "RS256"
        self.asked: dict[str, str] = {}
        self.nonce = ""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(
                    {"keys": [provider.key.as_dict(private=False)]} if "keys" in self.path else provider.configuration()
                )

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["content-length"])).decode()
                provider.asked = {name: values[0] for name, values in parse_qs(sent).items()}
                self._answer({"id_token": provider.token()})

            def _answer(self, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def configuration(self) -> dict[str, Any]:
        """Return what the provider says of itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def token(self) -> str:
        """Return what the provider vouches for."""
        at = int(START.timestamp())
        claims = {
            "iss": self.url,
            "aud": "triage",
            "sub": "u-1",
            "nonce": self.nonce,
            "iat": at,
            "exp": at + 300,
            "email": "Jisoo@Example.com",
            "email_verified": True,
            **self.changes,
        }
        return jwt.encode({"alg": self.algorithm, "kid": "one"}, claims, self.signs_with, algorithms=[self.algorithm])


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that answers."""
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def desk(open_desk: Callable[..., Desk], provider: Provider) -> Desk:
    """A service at which Jisoo may sign in by the provider alone."""
    opened = open_desk(
        TRIAGE_OIDC_ISSUER=provider.url, TRIAGE_OIDC_CLIENT_ID="triage", TRIAGE_OIDC_CLIENT_SECRET="secret"
    )
    user = User(item_id(8000), "Jisoo", "jisoo@example.com", Role.LEAD, START)
    assert opened.storage.people.users.add(user)
    return opened


def begin(browser: Browser, provider: Provider) -> str:
    """Go to the provider, and return the state that it gives back."""
    page = Page(browser.get("/review/sign-in?next=/review/undo").text)
    begun = browser.post("/review/oidc/start", dict(page.forms["oidc-form"]))
    query = parse_qs(urlsplit(begun.headers["refresh"].partition("url=")[2]).query)
    assert query["code_challenge_method"] == ["S256"]
    provider.nonce = query["nonce"][0]
    return query["state"][0]


def sign_in(browser: Browser, provider: Provider) -> httpx.Response:
    """Go to the provider and come back with its code."""
    state = begin(browser, provider)
    return browser.get(f"/review/oidc/callback?code=abc&state={state}")


def test_whom_the_provider_vouches_for_is_let_in(desk: Desk, provider: Provider) -> None:
    """A user is known by a verified address at first, and by their subject from then on."""
    browser = desk.browser()
    answer = sign_in(browser, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/undo")
    assert browser.get("/review").status_code == 200
    assert provider.asked["code_verifier"]
    provider.changes = {"email": "other@example.com"}
    assert sign_in(desk.browser(), provider).status_code == 303


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": ["triage", "another"]},
        {"iss": "https://evil.example"},
        {"nonce": "another"},
        {"exp": 1},
        {"email": "nobody@example.com"},
        {"email_verified": False},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_what_the_provider_says_wrongly_is_not_believed(
    desk: Desk, provider: Provider, changes: dict[str, Any]
) -> None:
    """Another audience, issuer, nonce or time, and an address that is unknown or not verified, let nobody in."""
    provider.changes = changes
    browser = desk.browser()
    assert sign_in(browser, provider).status_code == 401
    assert browser.get("/review").status_code == 303


def test_a_strangers_signature_is_not_believed(desk: Desk, provider: Provider) -> None:
    """A token signed with another key of the same name is refused."""
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
    assert sign_in(desk.browser(), provider).status_code == 401


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(desk: Desk, provider: Provider) -> None:
    """The state must be the one that the browser was sent away with."""
    browser = desk.browser()
    begin(browser, provider)
    assert browser.get("/review/oidc/callback?code=abc&state=another").status_code == 401
    assert desk.browser().get("/review/oidc/callback?code=abc&state=another").status_code == 401
    assert browser.get("/review/oidc/callback?error=access_denied").status_code == 401
