"""How much of the queue fits into a lead's time, and what in a burst belongs together. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

from serving.review.sight import label_of
from serving.storage.reviewing import Review, ReviewItem, SuggestedLabels

# What a review takes before anybody's own pace is known.
USUAL_SECONDS = 40.0
# An audit is answered without a suggestion to agree with, a burst is looked through before it is handled.
_AUDIT_FACTOR, _BURST_FACTOR = 1.5, 2.5
# A longer break between two reviews was one.
_LONGEST_SECONDS = 300.0
_LEAST_PAUSES = 5
_SHORTEST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Burst:
    """The items of a burst that were suggested the same, and those that stand out and are looked at one by one."""

    alike: tuple[ReviewItem, ...]
    odd: tuple[ReviewItem, ...]


def pace_seconds(recent: Sequence[Review]) -> float:
    """Return the seconds that one review takes somebody, from the moments of their latest ones."""
    moments = sorted({review.at for review in recent})
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    counted = [seconds for seconds in pauses if seconds <= _LONGEST_SECONDS]
    return max(median(counted), _SHORTEST_SECONDS) if len(counted) >= _LEAST_PAUSES else USUAL_SECONDS


def seconds_for(item: ReviewItem, *, pace: float, size: int = 1) -> float:
    """Return the seconds that a row of the queue takes."""
    if item.is_audit:
        return pace * _AUDIT_FACTOR
    return pace * _BURST_FACTOR if size > 1 else pace


def fitting(
    items: Sequence[ReviewItem], *, pace: float, sizes: Mapping[str, int], minutes: int | None
) -> tuple[Sequence[ReviewItem], float]:
    """Return the first rows that fit into so many minutes, at least one, and the seconds that they take."""
    taken, seconds = 0, 0.0
    for item in items:
        more = seconds_for(item, pace=pace, size=size_of(item, sizes))
        if minutes is not None and taken and seconds + more > minutes * 60:
            break
        taken, seconds = taken + 1, seconds + more
    return items[:taken], seconds


def alike_count(suggested: Sequence[SuggestedLabels]) -> int:
    """Return how many items of a burst are handled together, from what was suggested for each of its items."""
    return max(Counter(suggested).values(), default=0)


def size_of(item: ReviewItem, sizes: Mapping[str, int]) -> int:
    """Return how many items a row handles together; an audit always stands for itself."""
    return 1 if item.is_audit or not item.cluster else max(sizes.get(item.cluster, 1), 1)


def split_burst(members: Sequence[ReviewItem]) -> Burst:
    """Part a burst into those that were suggested the same for every target as most of it, and the odd ones."""
    kinds = Counter(_suggested(item) for item in members if not item.is_audit)
    if not kinds:
        return Burst((), ())
    usual = kinds.most_common(1)[0][0]
    alike = tuple(item for item in members if not item.is_audit and _suggested(item) == usual)
    odd = tuple(item for item in members if not item.is_audit and _suggested(item) != usual)
    return Burst(alike, odd)


def is_held_by_another(item: ReviewItem, user_id: str, *, now: datetime) -> bool:
    """Tell whether somebody else has an item open at this moment."""
    is_held = item.locked_until is not None and item.locked_until > now
    return is_held and item.locked_by not in ("", user_id)


def _suggested(item: ReviewItem) -> SuggestedLabels:
    # Tickets of two helpdesks have no one cause that a glance could confirm.
    labels = ((target, label_of(item.targets, target)) for target in item.targets)
    return frozenset((item.connection, target, label) for target, label in labels if label)
