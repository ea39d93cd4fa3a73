"""Transcripts of chats and calls: whose turn each line is, so that only the customer's words are scored.

Knows how turns are commonly written, in English and Korean, and no vendor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

_LINE_BREAK = re.compile(r"\r\n?|\n|<br\s*/?>|</(?:p|div|li)\s*>", re.IGNORECASE)
_LEADING_TAGS = re.compile(r"^(?:\s*<[^<>]{0,200}>)+")
# Spaces are counted, so that a line of a thousand of them costs no time.
_SPACE = r"[^\S\n]{0,3}"
_HALF = r"(?:오전|오후|AM|PM)"
_DATE = r"\d{4}[-./]\d{1,2}[-./]\d{1,2}"
_CLOCK = rf"(?:{_DATE}[ T])?(?:{_HALF}{_SPACE})?\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?:{_SPACE}{_HALF})?"
_NAME = r"[^\s:：<>\[\]()][^:：<>\[\]()\n]{0,39}?"
_SAID = rf"{_SPACE}(?P<said>.*)$"
_STAMPED = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # "[Mina] [오후 2:30] text", as messengers export it.
        rf"^\[(?P<name>{_NAME})\]{_SPACE}\[{_CLOCK}\]{_SAID}",
        # "(10:12:01 AM) Mina: text", "[10:12] Mina: text", "10:12 Mina: text"
        rf"^[\[(]?{_CLOCK}[\])]?{_SPACE}[-,]?{_SPACE}(?P<name>{_NAME}){_SPACE}[:：]{_SAID}",
        # "Mina (10:12): text"
        rf"^(?P<name>{_NAME}){_SPACE}[\[(]{_CLOCK}[\])]{_SPACE}[:：]{_SAID}",
    )
)
_BARE = re.compile(rf"^(?P<name>{_NAME}){_SPACE}[:：](?!//){_SAID}", re.DOTALL)

_CUSTOMER_WORDS = frozenset(
    {"customer", "visitor", "client", "caller", "user", "requester", "end user", "guest", "고객", "고객님", "사용자"}
    | {"방문자", "문의자", "발신자", "손님"}
)
_HELPER_WORDS = frozenset(
    {"agent", "support", "operator", "bot", "chatbot", "answer bot", "system", "representative", "advisor", "assistant"}
    | {"상담원", "상담사", "챗봇", "봇", "시스템", "담당자", "자동응답"}
)


class _Speaker(Enum):
    CUSTOMER = "customer"
    HELPER = "helper"
    # A word before a colon that may be a name or may be text, such as "Error:".
    PERHAPS = "perhaps"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    speaker: _Speaker = _Speaker.NONE
    name: str = ""
    said: str = ""
    is_stamped: bool = False


def customer_turns(text: str, *, customer_names: Collection[str]) -> str:
    """Return what the customer says in a transcript, one turn a line; a text without turns of theirs is left as it is.

    A turn begins with a name (and perhaps a time) and lasts until the next. A name is the customer's where it is one
    of `customer_names` (letter case aside) or a word for a customer in English or Korean.
    """
    names = frozenset(_folded(name) for name in customer_names if name.strip()) | _CUSTOMER_WORDS
    lines = _settled([_line(part, names=names) for part in _LINE_BREAK.split(text)])
    if not any(line.speaker is _Speaker.CUSTOMER for line in lines):
        return text
    kept: list[str] = []
    is_theirs = False
    for line in lines:
        if line.speaker is not _Speaker.NONE:
            is_theirs = line.speaker is _Speaker.CUSTOMER
        if is_theirs:
            kept.append(line.text if line.speaker is _Speaker.NONE else line.said)
    return "\n".join(kept).strip()


def _line(text: str, *, names: Collection[str]) -> _Line:
    bare = _LEADING_TAGS.sub("", text).strip()
    for pattern in (*_STAMPED, _BARE):
        found = pattern.match(bare)
        if found:
            name, is_stamped = _folded(found["name"]), pattern is not _BARE
            return _Line(text, _speaker(name, names=names, is_stamped=is_stamped), name, found["said"], is_stamped)
    return _Line(text)


def _speaker(name: str, *, names: Collection[str], is_stamped: bool) -> _Speaker:
    if name in names:
        return _Speaker.CUSTOMER
    if is_stamped or name in _HELPER_WORDS:
        return _Speaker.HELPER
    return _Speaker.PERHAPS


def _settled(lines: list[_Line]) -> list[_Line]:
    """Decide for each word before a colon whether it is a speaker's name: it opens the transcript or comes again.

    Where turns carry times, a word without one is text.
    """
    times = Counter(line.name for line in lines if line.speaker is _Speaker.PERHAPS)
    has_stamps = any(line.is_stamped for line in lines)
    first = next((line for line in lines if line.text.strip()), None)

    def settled(line: _Line) -> _Line:
        if line.speaker is not _Speaker.PERHAPS:
            return line
        is_name = not has_stamps and (line is first or times[line.name] > 1)
        return replace(line, speaker=_Speaker.HELPER if is_name else _Speaker.NONE)

    return [settled(line) for line in lines]


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
