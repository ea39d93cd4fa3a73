"""How a webhook proves whose it is: digests, comparisons that tell nothing by their time, freshness, shared secrets.

Knows no vendor's header names but HTTP's own, and reads no body.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable
from datetime import datetime

from features.errors import AuthenticationError
from serving.connections import Connection
from serving.helpdesks.interface import Delivery


def hmac_digest(secret: bytes, message: bytes, *, algorithm: str) -> bytes:
    """Return the HMAC of a message by a hash that hashlib knows, such as sha256."""
    return hmac.new(secret, message, algorithm).digest()


def is_any_equal(presented: bytes, expected: Iterable[bytes]) -> bool:
    """Tell whether what was presented is one of the expected; compares with all, whichever matches."""
    is_equal = False
    for one in expected:
        is_equal |= hmac.compare_digest(presented, one)
    return is_equal


def require_fresh(moment: datetime, *, now: datetime, tolerance_seconds: float) -> None:
    """Raise AuthenticationError where a signed moment lies further from now than is tolerated, before or after."""
    distance = abs((now - moment).total_seconds())
    if distance > tolerance_seconds:
        raise AuthenticationError(
            f"The webhook's signed time is {distance:.0f} seconds from ours; {tolerance_seconds:.0f} are tolerated. "
            "Send it anew, and see whether both clocks are right."
        )


def require_basic_or_header(delivery: Delivery, connection: Connection) -> None:
    """Raise AuthenticationError unless a delivery without signature carries what its connection asks for.

    That is basic authentication by `webhook_user` and one of `webhook_passwords`, or one of `signing_secrets` in the
    header `webhook_header`; either is enough.
    """
    if not (connection.webhook_passwords or connection.signing_secrets):
        raise no_secret(connection, expected="webhook_user with webhook_passwords, or signing_secrets")
    if _has_password(delivery, connection) or _has_secret(delivery, connection):
        return
    raise AuthenticationError(
        f"The webhook carries neither the user and password nor the header '{connection.webhook_header}' that the "
        f"connection '{connection.name}' expects. Let the helpdesk send what the connection's settings name."
    )


def no_secret(connection: Connection, *, expected: str) -> AuthenticationError:
    """Return the error for a connection by whose settings nothing could be told apart from a stranger's request."""
    return AuthenticationError(
        f"The connection '{connection.name}' has no secret, so its webhooks cannot be told from a stranger's: all are "
        f"refused. Set {expected}."
    )


def header_bytes(delivery: Delivery, name: str) -> bytes:
    """Return a header as it was sent, empty where it is absent."""
    value = delivery.headers.get(name.lower(), "")
    try:
        # A web server reads headers as Latin-1.
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def _has_password(delivery: Delivery, connection: Connection) -> bool:
    scheme, _, credentials = header_bytes(delivery, "authorization").partition(b" ")
    if scheme.lower() != b"basic":
        return False
    try:
        presented = b64decode(credentials.strip(), validate=True)
    except (Base64Error, ValueError):
        return False
    user = connection.webhook_user
    return is_any_equal(
        presented, (f"{user}:{one.get_secret_value()}".encode() for one in connection.webhook_passwords)
    )


def _has_secret(delivery: Delivery, connection: Connection) -> bool:
    presented = header_bytes(delivery, connection.webhook_header)
    # An empty secret would be "sent" by everybody.
    secrets = (one.get_secret_value().encode() for one in connection.signing_secrets)
    return is_any_equal(presented, (one for one in secrets if one))
