"""Personal data out of a text, Korean and English, before anything is learned from it or logged.

What an engineer needs stays readable: error codes, asset tags, ticket ids, versions, addresses of machines,
dates, amounts, order numbers. How each kind is told is the matter of `features.personal_numbers`,
`features.credentials` and `features.person_names`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from features.credentials import find_passwords, find_tokens
from features.errors import RecipeError
from features.person_names import find_names
from features.personal_numbers import (
    Span,
    find_account_numbers,
    find_card_numbers,
    find_passport_numbers,
    find_phone_numbers,
    find_resident_numbers,
    has_long_number,
)


class PersonalData(StrEnum):
    """What is redacted, strongest first: where two findings overlap, the stronger one names both."""

    TOKEN = "token"
    PASSWORD = "password"
    SITE = "site"
    EMAIL = "email"
    RESIDENT_NUMBER = "resident_number"
    CARD = "card"
    ACCOUNT = "account"
    PASSPORT = "passport"
    PHONE = "phone"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Finding:
    """A piece of personal data: `text[start:end]`."""

    kind: PersonalData
    start: int
    end: int


_STRENGTH = {kind: rank for rank, kind in enumerate(PersonalData)}
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(PersonalData)})\]")
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+'*-])[A-Za-z0-9._%+'*-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
_CREDENTIALS_BEFORE = re.compile(r"://[^\s/@]*\Z")
_LONGEST_CREDENTIALS = 80
# Redacting can bring digits together that were apart; every round leaves less to find.
_MOST_ROUNDS = 8


def redact(text: str, *, site_patterns: Sequence[re.Pattern[str]] = ()) -> str:
    """Return the text with every piece of personal data replaced by its kind in brackets: `[email]`, `[phone]`."""
    for _ in range(_MOST_ROUNDS):
        findings = find_personal_data(text, site_patterns=site_patterns)
        if not findings:
            break
        text = _replaced(text, findings)
    return text


def find_personal_data(text: str, *, site_patterns: Sequence[re.Pattern[str]] = ()) -> list[Finding]:
    """Return the pieces of personal data in order, none overlapping another."""
    candidates = [Finding(kind, start, end) for kind, (start, end) in _candidates(text, site_patterns)]
    if not candidates:
        return []
    placeholders = [match.span() for match in _PLACEHOLDER.finditer(text)] if "[" in text else []
    return _apart(candidates, placeholders=placeholders)


def compile_site_patterns(patterns: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """Return a site's own patterns (employee numbers, customer ids), compiled.

    Raises RecipeError for one that is no regular expression, or that matches the empty text.
    """
    return tuple(_compiled(pattern) for pattern in patterns)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise RecipeError(
            f"The site pattern '{pattern}' is no regular expression: {error}. Write one like 'EMP-[0-9]{{6}}'."
        ) from None
    if compiled.match(""):
        raise RecipeError(
            f"The site pattern '{pattern}' matches the empty text. Write one that cannot, like 'EMP-[0-9]{{6}}'."
        )
    return compiled


def _candidates(text: str, site_patterns: Sequence[re.Pattern[str]]) -> Iterator[tuple[PersonalData, Span]]:
    for pattern in site_patterns:
        yield from ((PersonalData.SITE, match.span()) for match in pattern.finditer(text) if match.group())
    if "@" in text:
        yield from ((PersonalData.EMAIL, span) for span in _find_emails(text))
    yield from ((PersonalData.TOKEN, span) for span in find_tokens(text))
    yield from ((PersonalData.PASSWORD, span) for span in find_passwords(text))
    yield from ((PersonalData.NAME, span) for span in find_names(text))
    if has_long_number(text):
        yield from ((PersonalData.RESIDENT_NUMBER, span) for span in find_resident_numbers(text))
        yield from ((PersonalData.CARD, span) for span in find_card_numbers(text))
        yield from ((PersonalData.ACCOUNT, span) for span in find_account_numbers(text))
        yield from ((PersonalData.PASSPORT, span) for span in find_passport_numbers(text))
        yield from ((PersonalData.PHONE, span) for span in find_phone_numbers(text))


def _find_emails(text: str) -> Iterator[Span]:
    """Yield mail addresses; `user:word@host` of a web address is a password and a host."""
    for match in _EMAIL.finditer(text):
        start = match.start()
        if not _CREDENTIALS_BEFORE.search(text, max(0, start - _LONGEST_CREDENTIALS), start):
            yield match.span()


def _apart(candidates: list[Finding], *, placeholders: list[Span]) -> list[Finding]:
    """Return the candidates that touch no placeholder, those that overlap merged under the strongest kind."""
    merged: list[Finding] = []
    remaining = iter(placeholders)
    placeholder = next(remaining, None)
    for candidate in sorted(candidates, key=lambda finding: (finding.start, finding.end)):
        while placeholder is not None and placeholder[1] <= candidate.start:
            placeholder = next(remaining, None)
        if placeholder is not None and placeholder[0] < candidate.end:
            continue
        if merged and candidate.start < merged[-1].end:
            last = merged.pop()
            kind = min(last.kind, candidate.kind, key=_STRENGTH.__getitem__)
            merged.append(Finding(kind, last.start, max(last.end, candidate.end)))
        else:
            merged.append(candidate)
    return merged


def _replaced(text: str, findings: list[Finding]) -> str:
    pieces: list[str] = []
    end = 0
    for finding in findings:
        pieces += (text[end : finding.start], f"[{finding.kind}]")
        end = finding.end
    pieces.append(text[end:])
    return "".join(pieces)
