"""Shared secrets and signatures of webhooks."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from features.errors import AuthenticationError
from serving.connections import Connection
from serving.helpdesks.interface import Delivery
from serving.helpdesks.signatures import hmac_digest, is_any_equal, require_basic_or_header, require_fresh

_NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _connection(**settings: Any) -> Connection:
    return Connection.model_validate({"name": "desk", "vendor": "freshdesk", **settings})


def _delivery(**headers: str) -> Delivery:
    return Delivery({name.replace("_", "-"): value for name, value in headers.items()}, b"{}", _NOW)


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_digest_is_the_published_one() -> None:
    """The digest of Atlassian's published example comes out as they state it."""
    digest = hmac_digest(b"It's a Secret to Everybody", b"Hello World!", algorithm="sha256")
    assert digest.hex() == "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"


def test_any_of_several_secrets_will_do() -> None:
    """The first, the last and no other of the expected values is equal; nothing expected equals nothing."""
    assert is_any_equal(b"one", [b"one", b"two"])
    assert is_any_equal(b"two", [b"one", b"two"])
    assert not is_any_equal(b"three", [b"one", b"two"])
    assert not is_any_equal(b"", [])


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_moment_within_the_tolerance_is_fresh(seconds: int) -> None:
    """A clock may run behind or ahead by the tolerance."""
    require_fresh(_NOW + timedelta(seconds=seconds), now=_NOW, tolerance_seconds=300)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_moment_beyond_the_tolerance_is_refused(seconds: int) -> None:
    """A webhook that is too old, or comes from the future, is refused."""
    with pytest.raises(AuthenticationError, match="301 seconds"):
        require_fresh(_NOW + timedelta(seconds=seconds), now=_NOW, tolerance_seconds=300)


def test_a_connection_without_a_secret_refuses_everything() -> None:
    """Where no secret is set, the error says what to set."""
    with pytest.raises(AuthenticationError, match="webhook_passwords"):
        require_basic_or_header(_delivery(authorization=_basic("", "")), _connection())


def test_every_password_of_a_rotation_is_accepted() -> None:
    """While a password is changed, the old and the new one are let in, and no other."""
    connection = _connection(webhook_user="desk", webhook_passwords=["비밀번호", "new"])
    for password in ("비밀번호", "new"):
        require_basic_or_header(_delivery(authorization=_basic("desk", password)), connection)
    for wrong in (_basic("desk", "newer"), _basic("other", "new"), "Basic ###", "Bearer new", ""):
        with pytest.raises(AuthenticationError):
            require_basic_or_header(_delivery(authorization=wrong), connection)


def test_the_secret_may_stand_in_a_header() -> None:
    """The header that the connection names carries one of its signing secrets; an empty secret opens nothing."""
    connection = _connection(signing_secrets=["old", "new", ""], webhook_header="X-Desk-Secret")
    require_basic_or_header(_delivery(x_desk_secret="old"), connection)
    for wrong in (_delivery(x_desk_secret="older"), _delivery(x_desk_secret=""), _delivery()):
        with pytest.raises(AuthenticationError, match="X-Desk-Secret"):
            require_basic_or_header(wrong, connection)


def test_an_error_tells_no_secret() -> None:
    """What the sender reads names the header, never what it should hold."""
    connection = _connection(signing_secrets=["very-secret"])
    with pytest.raises(AuthenticationError) as refused:
        require_basic_or_header(_delivery(x_triage_secret="wrong"), connection)
    assert "very-secret" not in str(refused.value)
