"""The reasons of a suggestion, found again in a text. Pure: texts go in, pieces come out; what is shown is escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MOST_REASONS = 24
_SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text; `targets` names what it speaks for, "" for nothing."""

    text: str
    targets: str = ""


def highlighted(text: str, reasons: Mapping[str, Sequence[str]]) -> tuple[Piece, ...]:
    """Return a text in pieces, those that a reason names marked with the targets that it speaks for."""
    named: dict[str, list[str]] = {}
    for target, phrases in reasons.items():
        for phrase in phrases:
            if len(phrase.strip()) >= _SHORTEST:
                named.setdefault(phrase.strip().casefold(), []).append(target)
    phrases = sorted(named, key=len, reverse=True)[:_MOST_REASONS]
    if not phrases:
        return (Piece(text),) if text else ()
    pieces: list[Piece] = []
    end = 0
    for match in _any_of(phrases).finditer(text):
        if match.start() > end:
            pieces.append(Piece(text[end : match.start()]))
        found = named.get(" ".join(match[0].casefold().split()), [])
        pieces.append(Piece(match[0], ", ".join(dict.fromkeys(found))))
        end = match.end()
    if end < len(text):
        pieces.append(Piece(text[end:]))
    return tuple(pieces)


def reasons_of(targets: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """Return the words of the reasons by target."""
    return {
        target: tuple(str(reason.get("text", "")) for reason in (told.get("reasons") or ()))
        for target, told in targets.items()
        if isinstance(told, Mapping)
    }


def _any_of(phrases: Sequence[str]) -> re.Pattern[str]:
    """Return what finds any of the phrases, however they are spaced in the text, the longest first."""
    spaced = (r"\s+".join(re.escape(word) for word in phrase.split()) for phrase in phrases)
    return re.compile("|".join(spaced), re.IGNORECASE)
