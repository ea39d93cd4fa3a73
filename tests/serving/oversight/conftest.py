"""A real storage, a clock that is set by hand, and evidence on which promises can be made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from features.evidence import Evidence
from serving.storage.sql import SqlStorage, open_storage
from tests.hand_set_clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqlStorage]:
    """An empty SQLite storage."""
    opened = open_storage(f"sqlite:///{(tmp_path / 'triage.db').as_posix()}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    """600 held-out tickets of two labels: 400 predicted with .99 and right, 200 with .6 of which every third is wrong.

    Two labels besides are hardly ever likely.
    """
    rng = np.random.default_rng(7)
    confidence = np.where(np.arange(600) < 400, 0.99, 0.6)
    predicted = rng.integers(0, 2, 600)
    wrong = (confidence < 0.7) & (np.arange(600) % 3 == 0)
    probabilities = np.full((600, 4), 0.0)
    probabilities[np.arange(600), predicted] = confidence
    probabilities[np.arange(600), 1 - predicted] = (1 - confidence) * 0.9
    probabilities[:, 2:] = ((1 - confidence) * 0.05)[:, None]
    actual = np.where(wrong, 1 - predicted, predicted)
    return Evidence(("desk", "network", "security", "store"), probabilities, actual, np.full(600, "ko"))
