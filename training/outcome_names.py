"""Tells from a column's name, and a state's values, that it says how a ticket went on and not how it arrived."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+")
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A word that a column of intake hardly ever has in its name, one entry a family.
_WORDS = frozenset(
    (
        *("close", "closed", "closes", "closing", "closure", "resolved", "resolver", "resolution", "solved", "solver"),
        *("reopen", "reopened", "reopens", "reassigned", "reassignment", "reassignments"),
        *("escalated", "escalation", "escalations", "assignee", "csat", "satisfaction", "worklog", "breached"),
        *("updated", "modified"),
    )
)
_PHRASES = frozenset(
    tuple(phrase.split())
    for phrase in (
        *("made sla", "sla met", "sla breach", "mod count", "update count", "touch count", "caused by"),
        *("first response", "first reply", "to resolve", "to solve", "time spent", "time worked", "handle time"),
        *("assigned to", "assigned group", "assigned team", "assigned agent", "assigned at", "assignment group"),
        *("handling time", "business duration", "calendar duration", "business stc", "calendar stc", "work notes"),
    )
)
_WHOLE_NAMES = frozenset({("solution",), ("outcome",), ("assigned",), ("root", "cause")})
_KOREAN = re.compile(
    r"종료|종결|완료|해결(?:일|시|자|방|내|여|상)|처리\s*(?:결과|내용|시간|일|자|담당|여부)|조치\s*(?:내용|결과)"
    r"|만족도|재오픈|재배정|재할당|이관|담당|배정"
)
_STATE_WORDS = frozenset({"state", "status"})
_KOREAN_STATE = re.compile(r"상태$")
_END_STATES = re.compile(
    r"^(?:\d+\s*[-.:]?\s*)?(?:auto\W?)?(?:closed|close|resolved|solved|done|completed?|finished|cancell?ed|fixed"
    r"|완료|종료|종결|해결|처리\s*완료|해결\s*(?:됨|완료)|조치\s*완료)\b",
    re.IGNORECASE,
)
_LEAST_SHARE_OF_END_STATES = 0.05


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a column's name: `closedAt` and `closed_at` alike are closed and at."""
    return tuple(word.casefold() for word in _WORD.findall(_CAMEL_HUMP.sub(" ", name)))


def names_an_outcome(name: str) -> bool:
    """Tell whether a name is that of something known only once a ticket was worked on.

    Columns are taken by their usual meaning in helpdesks: a screen's `resolution` is not told from a ticket's.
    """
    words = words_of(name)
    pairs = {words[place : place + 2] for place in range(len(words) - 1)}
    return (
        bool(_WORDS.intersection(words))
        or words in _WHOLE_NAMES
        or not pairs.isdisjoint(_PHRASES)
        or bool(_KOREAN.search(name))
    )


def holds_end_states(name: str, values: Sequence[str]) -> bool:
    """Tell whether a column is a ticket's state, and its values that of tickets which are done with."""
    words = words_of(name)
    is_state = not _STATE_WORDS.isdisjoint(words[-1:]) or _KOREAN_STATE.search(name.strip())
    if not values or not is_state:
        return False
    return sum(bool(_END_STATES.match(value)) for value in values) >= _LEAST_SHARE_OF_END_STATES * len(values)
