"""The column types that make both databases keep the same values. Knows no table."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def storable_text(text: str) -> str:
    """Return a text with U+FFFD for what PostgreSQL cannot keep: NUL, and surrogates without their partner."""
    text = text.replace("\x00", _REPLACEMENT)
    if _is_encodable(text):
        return text
    # A pair of surrogates that stands for one character is joined; a lone one is replaced.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def storable_json(value: object) -> str:
    """Return a value as JSON that both databases keep; raise ValueError for a number that is not finite."""
    written = _ENCODER.encode(value)
    # NUL is written as an escape; a text that merely spells the escape is looked at for nothing.
    if "\\u0000" in written or not _is_encodable(written):
        return _ENCODER.encode(_storable(value))
    return written


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {_storable(name): _storable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(part) for part in value]
    return value


class StorableText(TypeDecorator[str]):
    """Text of which both databases keep, and find, the same characters."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Replace what PostgreSQL cannot keep."""
        return None if value is None else storable_text(value)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, aware and in UTC on both sides; SQLite keeps no zone, so there it is kept as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment to UTC; raise ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone to be kept")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class StorableJson(TypeDecorator[Any]):
    """Plain JSON, written here for both databases; the engine passes on what is written already.

    Left to itself, PostgreSQL's driver writes it late, where a value that cannot be written escapes
    as the encoder's own error.
    """

    impl = JSON().with_variant(JSONB(), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str:  # noqa: ARG002
        """Write the value; raise ValueError or TypeError for one that is not plain, finite JSON."""
        return storable_json(value)
