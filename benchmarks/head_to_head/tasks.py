"""What a method is given and what it answers, free of files, of sets and of any method.

Labelling: past tickets with labels, and tickets to label. Searching: articles, questions, and past questions with the
articles that answered them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Asked = TypeVar("Asked")

# How many articles a search gives, and how many tickets are timed one by one.
DEPTH = 10
_TIMED = 30


class UnavailableError(Exception):
    """A method cannot run on this machine; the message says what is lacking."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a method took: seconds to train, milliseconds for one ticket alone, bytes to keep, tickets fitted on."""

    training_seconds: float
    milliseconds: float
    size_bytes: int
    fitted_count: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class LabelTask:
    """Tickets with the numbers of their labels, and tickets to label."""

    train_texts: Sequence[str]
    train_actual: Integers
    test_texts: Sequence[str]
    label_count: int
    is_korean: bool
    seed: int


@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """A probability for each ticket and label, shape (tickets, labels)."""

    probabilities: Floats
    costs: Costs


@dataclass(frozen=True, slots=True)
class SearchTask:
    """Articles and questions; `excluded` is for each question the article that it is itself, or -1."""

    article_texts: Sequence[str]
    questions: Sequence[str]
    excluded: Sequence[int]
    past_texts: Sequence[str]
    past_links: Sequence[Sequence[int]]
    is_korean: bool
    seed: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The places of the articles found, best first, shape (questions, DEPTH); -1 where nothing more was found."""

    found: Integers
    costs: Costs


def best_places(scores: Floats, *, excluded: int = -1, above: float = -np.inf) -> list[int]:
    """Return the places of the highest scores, DEPTH of them, -1 where too few lie above the least one."""
    order = np.argsort(-scores, kind="stable")[: DEPTH + 1].tolist()
    kept = [place for place in order if place != excluded and scores[place] > above][:DEPTH]
    return kept + [-1] * (DEPTH - len(kept))


def milliseconds_each(answer: Callable[[Asked], object], asked: Sequence[Asked]) -> float:
    """Return the median of what one ticket alone takes; the first call warms up and does not count."""
    chosen = [asked[place] for place in np.linspace(0, len(asked) - 1, min(_TIMED, len(asked))).astype(int)]
    answer(chosen[0])
    seconds = []
    for each in chosen:
        start = time.perf_counter()
        answer(each)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)) * 1e3
