"""Scored tickets, keys and requests as contracts store them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import serving
from features.answers import ModelIdentity
from serving.storage.identifiers import time_ordered_id
from serving.storage.interface import (
    InFlight,
    Mismatch,
    New,
    Replay,
    Scope,
    ScoredEntry,
    Source,
    Storage,
    StoredKey,
)

ROOT = Path(serving.__file__).parents[1]
NOW = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
KEY = StoredKey(
    id="ab12cd34",
    name="헬프데스크 hook",
    secret_sha256=bytes(range(32)),
    scopes=frozenset({Scope.SCORE, Scope.FEEDBACK}),
    created_at=NOW,
)


def entry(ticket_id: str = "42", *, at: datetime = NOW, **changes: Any) -> ScoredEntry:
    """Return the record of a scored ticket."""
    ranking = [{"label": "network", "probability": 0.91}, {"label": "account", "probability": 0.09}]
    scored = ScoredEntry(
        id=time_ordered_id(at),
        ticket_id=ticket_id,
        scored_at=at,
        model=ModelIdentity("ticket-triage", "3", "champion"),
        language="ko",
        predictions={"category": {"ranking": ranking, "reasons": [{"text": "브이피엔", "weight": 1.7}]}},
        articles=[{"id": "KB-12", "title": "Reset the VPN profile", "score": 0.83}],
        similar_tickets=[{"id": "17", "score": 0.77, "labels": {"category": "network"}, "article_ids": ["KB-12"]}],
        warnings=["The field 'floor' is not known."],
        caller="ab12cd34",
        source=Source.API,
        duration_seconds=0.00213,
    )
    return replace(scored, **changes)


def begin(storage: Storage, key: str = "k-1", **changes: Any) -> New | Replay | InFlight | Mismatch:
    """Begin a request under an idempotency key."""
    request: dict[str, Any] = {"caller": "ab12cd34", "request_hash": "hash", "now": NOW}
    request |= {"expires_at": NOW + timedelta(hours=24)} | changes
    return storage.begin(key, **request)


def claimed(outcome: New | Replay | InFlight | Mismatch) -> str:
    """Return the claim of a request that is the first under its key."""
    assert isinstance(outcome, New)
    return outcome.claim


def run_python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start another process with the service on its path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
