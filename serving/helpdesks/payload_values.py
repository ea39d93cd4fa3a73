"""Values out of a helpdesk's JSON whatever their shape: numbers as text, nulls, absent lists, odd dates.

Knows no vendor and no field. Nothing here raises but `read_object`, for a body that is no JSON object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from features.errors import DeliveryError
from features.tickets import AttributeValue

Table: TypeAlias = Mapping[str, Any]


def read_object(body: bytes) -> Table:
    """Return a webhook's body as a JSON object; raise DeliveryError where it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise DeliveryError(
            "The webhook's body is no JSON that can be read. Let the helpdesk send JSON in UTF-8."
        ) from None
    if not isinstance(value, dict):
        raise DeliveryError(
            f"The webhook's body is a JSON {type(value).__name__}, not an object. Let the helpdesk send an object."
        )
    return value


def as_text(value: object) -> str:
    """Return a value as text, "" for nothing, lists and objects; characters that no database keeps are dropped."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else str(value)
    # Python refuses to write out a number of thousands of digits; no field is one.
    return str(value) if isinstance(value, int) and value.bit_length() < 200 else ""


def as_table(value: object) -> Table:
    """Return an object, empty where the value is none."""
    return value if isinstance(value, dict) else {}


def as_tables(value: object) -> list[Table]:
    """Return the objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_texts(value: object, *, separator: str | None = None) -> tuple[str, ...]:
    """Return the texts of a list, or of a text in which a separator (any space by default) stands between them."""
    parts: Iterable[object] = value if isinstance(value, list) else as_text(value).split(separator)
    return tuple(text for part in parts if (text := as_text(part).strip()))


def as_attribute(value: object) -> AttributeValue:
    """Return a value as an attribute: text, number or truth; the texts of a list in one."""
    if isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int) and value.bit_length() < 200:
        return float(value)
    return ", ".join(as_texts(value)) if isinstance(value, list) else as_text(value)


def as_count(value: object) -> int | None:
    """Return a whole number that is not negative, None where the value is none."""
    text = as_text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def as_id(value: object) -> str:
    """Return a number of the helpdesk's as text, "" for everything that is no number and so could lead elsewhere."""
    text = as_text(value).strip()
    return text if text.isascii() and text.isdigit() and len(text) <= 30 else ""


def as_moment(value: object) -> datetime | None:
    """Return a moment written by ISO 8601, in UTC where it names no zone; None for any other writing."""
    try:
        moment = datetime.fromisoformat(as_text(value).strip())
        if len(as_text(value).strip()) <= len("2026-01-01"):
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
