"""Identifiers that sort by time, so that an index over them grows at its end."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def time_ordered_id(at: datetime) -> str:
    """Return a UUID of version 7 (RFC 9562) for a moment; two of different microseconds sort as their moments do.

    The twelve bits after the version, which the RFC leaves to us, hold the microseconds within the
    millisecond; the other 62 are random.
    """
    milliseconds, microseconds = divmod((at - _EPOCH) // _MICROSECOND, 1000)
    bits = milliseconds << 80 | 7 << 76 | microseconds << 64 | 2 << 62 | secrets.randbits(62)
    return str(UUID(int=bits))
