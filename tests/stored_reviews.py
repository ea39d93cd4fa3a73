"""Items of the review queue and answers to them, as contracts store them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from features.answers import ModelIdentity
from serving.storage.identifiers import time_ordered_id
from serving.storage.reviewing import (
    Answer,
    Review,
    ReviewAction,
    ReviewItem,
    Sight,
)

NOW = datetime(2026, 3, 2, 23, 30, 15, 123456, tzinfo=UTC)
MODEL = ModelIdentity("ticket-triage", "3", "champion")
PERSONNEL_HIDDEN = Sight(restricted=(("desk", "Personnel"),))
RACERS = 6


def item(name: str, **changes: Any) -> ReviewItem:
    """Return an open item."""
    targets = {"category": {"label": "network", "probability": 0.7, "reasons": [{"text": "VPN", "weight": 1.5}]}}
    made = ReviewItem(
        id=name,
        connection="desk",
        ticket_id=f"T-{name}",
        model=MODEL,
        language="ko",
        group="Service Desk",
        created_at=NOW,
        preview=f"브이피엔 VPN {name}",
        targets=targets,
    )
    return replace(made, **changes)


def review(item_id: str, *, by: str = "kim", minutes: int = 0, **changes: Any) -> Review:
    """Return a review that accepts."""
    at = NOW + timedelta(minutes=minutes)
    made = Review(
        id=time_ordered_id(at),
        item_id=item_id,
        connection="desk",
        ticket_id=f"T-{item_id}",
        by=by,
        at=at,
        action=ReviewAction.ACCEPT,
        answers={"category": Answer("network", "network")},
        model=MODEL,
    )
    return replace(made, **changes)


def audit(item_id: str, given: str | None, **changes: Any) -> Review:
    """Return the blind answer to an audit."""
    answers = {"category": Answer("network", given, was_shown=False)}
    return review(item_id, **{"action": ReviewAction.AUDIT, "answers": answers, **changes})


def names(items: Any) -> list[str]:
    """Return the ids of items."""
    return [one.id for one in items]


def at_once(action: Callable[[int], Any]) -> list[Any]:
    """Return what several callers get who act at the same time."""
    with ThreadPoolExecutor(RACERS) as racers:
        return list(racers.map(action, range(RACERS)))
