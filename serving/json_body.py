"""Bytes of a request to plain JSON values, strictly: what is ambiguous or no JSON is refused in one sentence.

Knows nothing of tickets.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from features.errors import TriageError

# What no text may hold: NUL, which databases refuse, and halves of characters, which cannot be written as UTF-8.
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


class MalformedBodyError(TriageError):
    """A request's body is no JSON that can be read in one way only."""


def parse_json(body: bytes) -> Any:
    """Return the value that a body of UTF-8 JSON holds; raise MalformedBodyError."""
    try:
        return _DECODER.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MalformedBodyError(
            f"The body is not UTF-8: byte {error.start} cannot be read. Send JSON encoded as UTF-8."
        ) from None
    except json.JSONDecodeError as error:
        raise MalformedBodyError(
            f"The body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise MalformedBodyError("The body is nested too deeply. A ticket needs three levels.") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise MalformedBodyError("The body holds a number too long to be read.") from error


def writable(text: str) -> str:
    """Return a text without NUL and lone surrogates, which stand as the replacement character."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedBodyError(f"The body names the field '{writable(twice)[:60]}' twice. Name it once.")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedBodyError(f"The body holds {name}, which JSON does not have. Send null or leave the field out.")


# Not strict, since helpdesks that fill in templates leave line breaks unescaped; they can be read in one way only.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant, strict=False)
