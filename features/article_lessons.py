"""Past tickets as lessons for the ranking: what spoke for which article, as if the ticket had only now come.

Some tickets are learned from as if their articles had never solved any: otherwise the ranking would learn that only
articles that solved something before are worth showing, and new ones would never be found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.article_evidence import COVERAGE, NEAREST, PASSAGE, VOTES, ArticleEvidence
from features.article_links import PastLinks, Solutions
from features.language_means import Vectors
from features.lexical_index import Floats, Positions

MOST_LESSONS = 1_500
MOST_CANDIDATES = 100
# The share of tickets learned from as if their articles were new, and the least share of such tickets in earnest.
_LEAST_LEARNED_SHARE, _MOST_LEARNED_SHARE = 0.3, 0.5
_LEAST_TRUE_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Lessons:
    """Past tickets' candidates: signals (tickets, candidates, signals) and which solved it (tickets, candidates).

    `weights` (tickets,) are how often such a ticket is to be expected.
    """

    signals: Floats
    solved: NDArray[np.bool_]
    weights: Floats


def candidates_of(signals: Floats, *, always: Iterable[int] = ()) -> Positions:
    """Return the positions of the articles for which most speaks, strongest first, those of `always` included."""
    strength = signals[:, [COVERAGE, PASSAGE, NEAREST, VOTES]].sum(axis=1)
    strength[list(always)] = np.inf
    return np.argsort(-strength, kind="stable")[:MOST_CANDIDATES]


def lessons_of(
    evidence: ArticleEvidence, past: PastLinks, solutions: Solutions, *, embeddings: Vectors | None
) -> Lessons:
    """Return the lessons of at most `MOST_LESSONS` past texts.

    `embeddings`, where there are such, are those of all past tickets given.
    """
    chosen = np.unique(np.linspace(0, len(solutions) - 1, min(len(solutions), MOST_LESSONS)).astype(int)).tolist()
    true_share = max(past.new_article_share, _LEAST_TRUE_SHARE)
    share = min(max(true_share, _LEAST_LEARNED_SHARE), _MOST_LEARNED_SHARE)
    is_new = np.diff((np.arange(len(chosen) + 1) * share).astype(int)) > 0
    signals, solved = [], []
    for text, as_new in zip(chosen, is_new, strict=True):
        solving = solutions.articles_of(text)
        every = evidence.signals(
            solutions.texts[text],
            None if embeddings is None else embeddings[solutions.places[text]],
            without_texts=past.texts_of(solving) if as_new else np.array([text]),
        )
        kept = candidates_of(every, always=solving)
        signals.append(every[kept])
        solved.append(np.isin(kept, list(solving)))
    weights = np.where(is_new, true_share / share, (1.0 - true_share) / (1.0 - share))
    return Lessons(np.stack(signals), np.stack(solved), weights)


def unanswered_signals(evidence: ArticleEvidence, texts: Sequence[str], embeddings: Vectors | None) -> Floats:
    """Return the signals, (texts, candidates, signals), of texts that no article answers."""
    every = [evidence.signals(text, None if embeddings is None else embeddings[row]) for row, text in enumerate(texts)]
    return np.stack([signals[candidates_of(signals)] for signals in every])
