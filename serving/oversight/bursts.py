"""Tickets with one cause that come in within hours of each other: which burst a ticket belongs to.

Owns what was seen lately, in this process alone: workers beside each other, and one that starts anew, see bursts of
their own. Must not know the queue. Nothing of a ticket's text outlives the span.
"""

from __future__ import annotations

import hashlib
import threading
import unicodedata
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

SPAN = timedelta(hours=2)
# Of the three-letter pieces of two texts this share is common to both. Two reports of one cause in one's own words
# share less, and are rather read one by one than handled by mistake.
LEAST_LIKENESS = 0.5
_MOST_KEPT = 400
_PIECE = 3
_LONGEST = 400
_SHORTEST_PIECES = 8


@dataclass(frozen=True, slots=True)
class _Seen:
    entry_id: str
    at: datetime
    pieces: frozenset[str]
    circumstances: tuple[str, ...]
    cluster: str


class Bursts:
    """Names the burst of each ticket; safe to use from several threads."""

    def __init__(self, *, span: timedelta = SPAN) -> None:
        self._span = span
        self._lock = threading.Lock()
        self._seen: deque[_Seen] = deque(maxlen=_MOST_KEPT)

    def cluster_of(self, entry_id: str, *, text: str, connection: str, labels: Mapping[str, str], at: datetime) -> str:
        """Return the name of a ticket's burst, the same however often it is asked for; "" for a text that says little.

        Tickets of one burst come from one connection, read nearly the same and were suggested the same labels. The
        first ticket of a burst names it.
        """
        pieces = _pieces(text)
        if len(pieces) < _SHORTEST_PIECES:
            return ""
        circumstances = (connection, *(f"{name}={labels[name]}" for name in sorted(labels)))
        with self._lock:
            while self._seen and at - self._seen[0].at > self._span:
                self._seen.popleft()
            known = next((one.cluster for one in self._seen if one.entry_id == entry_id), None)
            if known is not None:
                return known
            like = (one for one in self._seen if one.circumstances == circumstances)
            cluster = next((one.cluster for one in like if _likeness(one.pieces, pieces) >= LEAST_LIKENESS), "")
            cluster = cluster or hashlib.sha256(f"burst:{entry_id}".encode()).hexdigest()[:16]
            self._seen.append(_Seen(entry_id, at, pieces, circumstances, cluster))
            return cluster


def _pieces(text: str) -> frozenset[str]:
    """Return the three-letter pieces of a text's beginning; numbers tell tickets of one cause apart and count alike."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())[:_LONGEST]
    same = "".join("0" if sign.isdigit() else sign for sign in plain)
    return frozenset(same[place : place + _PIECE] for place in range(len(same) - _PIECE + 1))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)
