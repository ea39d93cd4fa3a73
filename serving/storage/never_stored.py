"""What must never be stored, taken out of a JSON value: resident numbers, passwords, tokens and card numbers.

E-mail addresses, names and phone numbers stay: without them nobody could be answered. Knows no database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from features.credentials import find_passwords, find_tokens
from features.personal_numbers import Span, find_card_numbers, find_resident_numbers, has_long_number
from features.redaction import PersonalData

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

# Members whose name says that all they hold is a secret.
_SECRET_NAMES: Mapping[str, PersonalData] = {
    **dict.fromkeys(
        ("password", "passwd", "pwd", "newpassword", "oldpassword", "currentpassword", "비밀번호", "비번", "패스워드"),
        PersonalData.PASSWORD,
    ),
    **dict.fromkeys(
        ("token", "secret", "apikey", "apitoken", "accesstoken", "refreshtoken", "clientsecret", "authorization"),
        PersonalData.TOKEN,
    ),
    **dict.fromkeys(("주민등록번호", "주민번호", "외국인등록번호"), PersonalData.RESIDENT_NUMBER),
}
_SEPARATORS = re.compile(r"[\s_-]+")
# Members whose text people write: what looks like an identifier there may be a key that somebody pasted.
_WRITTEN_BY_PEOPLE = frozenset(
    ("subject", "body", "title", "text", "description", "shortdescription", "content", "comment", "message", "html")
)
_LONG_IDENTIFIER = re.compile(r"[0-9a-fA-F]{32}")
_NUMBER_OF_A_RECORD = re.compile(r"\d{1,20}")
# Replacing a secret can complete another; every round leaves less to find.
_MOST_ROUNDS = 8


def without_secrets(value: JSON) -> JSON:
    """Return a JSON value of the same shape, each secret in its texts replaced by its kind: `[password]`."""
    return _cleaned(value, name="")


def _cleaned(value: JSON, *, name: str) -> JSON:
    """Clean a value that stands under a name; the parts of a list stand under the list's."""
    if isinstance(value, str):
        return _cleaned_text(value, name=name)
    if isinstance(value, Mapping):
        return {member: _cleaned(part, name=_plain(member)) for member, part in value.items()}
    if isinstance(value, Sequence):
        return [_cleaned(part, name=name) for part in value]
    return value


def _plain(member: str) -> str:
    return _SEPARATORS.sub("", member).lower()


def _cleaned_text(text: str, *, name: str) -> str:
    if not text.strip() or _is_identifier(text, name=name):
        return text
    kind = _SECRET_NAMES.get(name)
    if kind is not None:
        return f"[{kind}]"
    for _ in range(_MOST_ROUNDS):
        replaced = _replaced(text)
        if replaced == text:
            break
        text = replaced
    return text


def _is_identifier(text: str, *, name: str) -> bool:
    """Tell the id of a record, which helpdesks write as 32 hexadecimal digits or a long number, from a secret."""
    if name in _SECRET_NAMES or name in _WRITTEN_BY_PEOPLE:
        return False
    return bool(_LONG_IDENTIFIER.fullmatch(text) or (name.endswith("id") and _NUMBER_OF_A_RECORD.fullmatch(text)))


def _replaced(text: str) -> str:
    pieces: list[str] = []
    end = 0
    for start, stop, kind in _apart(text):
        pieces += (text[end:start], f"[{kind}]")
        end = stop
    pieces.append(text[end:])
    return "".join(pieces)


def _apart(text: str) -> Iterator[tuple[int, int, PersonalData]]:
    """Yield the secrets in order, those that overlap as one."""
    found = sorted((start, stop, kind) for kind, (start, stop) in _secrets(text))
    while found:
        start, stop, kind = found.pop(0)
        while found and found[0][0] < stop:
            stop = max(stop, found.pop(0)[1])
        yield start, stop, kind


def _secrets(text: str) -> Iterator[tuple[PersonalData, Span]]:
    yield from ((PersonalData.TOKEN, span) for span in find_tokens(text))
    yield from ((PersonalData.PASSWORD, span) for span in find_passwords(text))
    if has_long_number(text):
        yield from ((PersonalData.RESIDENT_NUMBER, span) for span in find_resident_numbers(text))
        yield from ((PersonalData.CARD, span) for span in find_card_numbers(text))
