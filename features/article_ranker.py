"""Which articles may solve a ticket: ranked from the articles alone, and by what solved similar tickets.

Owns who may see which article and what a score means. Knows nothing of helpdesks or of how texts are cleaned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.article_evidence import SIGNALS, ArticleEvidence, PastLinks, Solutions, solutions_of
from features.article_weights import ArticleWeights, fit_weights
from features.articles import EVERYONE, KbArticle
from features.errors import BundleError
from features.lexical_index import Floats, LexicalIndex, Positions, best
from features.predictions import RankedArticle

LEAST_PAST_TEXTS = 30
MOST_FITTING_TEXTS = 1_500
_CANDIDATES = 100
_PAST_PREFIX = "past_"


@dataclass(frozen=True)
class ArticleRanker:
    """Articles, what speaks for each, and how much that counts.

    `unknown_links` counts past links to articles that do not exist.
    """

    articles: tuple[KbArticle, ...]
    evidence: ArticleEvidence
    weights: ArticleWeights | None
    unknown_links: int

    @classmethod
    def fit(
        cls,
        articles: Sequence[KbArticle],
        *,
        past_texts: Sequence[str] = (),
        past_links: Sequence[tuple[str, ...]] = (),
    ) -> ArticleRanker:
        """Index the articles and learn from which of them solved which past ticket; all texts are cleaned.

        With fewer than `LEAST_PAST_TEXTS` different linked texts the articles alone decide. Raise ValueError
        where texts and links differ in number.
        """
        positions = {article.id: number for number, article in enumerate(articles)}
        known = [[positions[name] for name in names if name in positions] for names in past_links]
        solutions = solutions_of(past_texts, known)
        enough = len(solutions) >= LEAST_PAST_TEXTS
        evidence = ArticleEvidence.fit(articles, past=PastLinks.fit(solutions) if enough else None)
        return cls(
            articles=tuple(replace(article, body="") for article in articles),
            evidence=evidence,
            weights=_fitted(evidence, solutions) if enough else None,
            unknown_links=sum(name not in positions for names in past_links for name in names),
        )

    def __len__(self) -> int:
        """The number of articles."""
        return len(self.articles)

    @property
    def uses_history(self) -> bool:
        """Whether past tickets speak for articles."""
        return self.weights is not None

    def rank(self, text: str, *, count: int = 5, reader_group: str = "") -> tuple[RankedArticle, ...]:
        """Return the articles that the reader's group may read, best first, none that nothing speaks for.

        With a history the score is the chance that the article is one that solves the ticket, as fitted on past
        tickets left out one by one; without, it is the share of the ticket's words, weighed by rarity, that the
        article covers. Within one ticket a higher score is always the better article; scores of rankers of the
        two kinds do not compare.
        """
        scores = self.scores(text)
        scores[self._unreadable(reader_group)] = 0.0
        positions, values = best(scores, count)
        return tuple(
            _ranked(self.articles[position], score=score)
            for position, score in zip(positions.tolist(), values.tolist(), strict=True)
        )

    def scores(self, text: str) -> Floats:
        """Return the score of every article, whoever may read it, of shape (articles,); 0 where nothing speaks."""
        if self.weights is None:
            return self.evidence.coverage(text)
        signals = self.evidence.signals(text)
        return np.where(signals.any(axis=1), self.weights.scores(signals), 0.0)

    def to_plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON-able description and the arrays."""
        description: dict[str, Any] = {
            "articles": [[article.id, article.title, article.url, article.audience] for article in self.articles],
            "unknown_links": self.unknown_links,
        }
        arrays = self.evidence.index.to_arrays()
        if self.weights is not None and self.evidence.past is not None:
            description["line"] = [self.weights.slope, self.weights.intercept]
            arrays["signal_weights"] = self.weights.weights
            arrays |= {_PAST_PREFIX + name: array for name, array in self.evidence.past.to_arrays().items()}
        return description, arrays

    @classmethod
    def from_plain(cls, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ArticleRanker:
        """Rebuild from what `to_plain` gave; raise BundleError where the parts do not fit together."""
        index = LexicalIndex.from_arrays(arrays)
        past_arrays = {name[len(_PAST_PREFIX) :]: arrays[name] for name in arrays if name.startswith(_PAST_PREFIX)}
        try:
            articles = tuple(
                KbArticle(id=name, title=title, url=url, audience=audience)
                for name, title, url, audience in description["articles"]
            )
            unknown_links = int(description["unknown_links"])
            weights = ArticleWeights(arrays["signal_weights"], *description["line"]) if past_arrays else None
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"The stored article ranker cannot be read ({error}). Train the model again.") from None
        if len(articles) != len(index) or (weights is not None and weights.weights.shape != (len(SIGNALS),)):
            raise BundleError("The parts of the stored article ranker do not fit together. Train the model again.")
        past = PastLinks.from_arrays(past_arrays, article_count=len(articles)) if past_arrays else None
        return cls(articles, ArticleEvidence(index, past), weights, unknown_links)

    def _unreadable(self, reader_group: str) -> Positions:
        return np.flatnonzero((self._audiences != EVERYONE) & (self._audiences != (reader_group or EVERYONE)))

    @cached_property
    def _audiences(self) -> NDArray[np.str_]:
        return np.array([article.audience for article in self.articles], dtype=np.str_)


def _ranked(article: KbArticle, *, score: float) -> RankedArticle:
    return RankedArticle(id=article.id, title=article.title, url=article.url, score=score, audience=article.audience)


def _fitted(evidence: ArticleEvidence, solutions: Solutions) -> ArticleWeights:
    """Fit the weights on past texts, each scored as if it had not been."""
    texts = list(solutions)
    chosen = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), MOST_FITTING_TEXTS)).astype(int)).tolist()
    candidates = min(_CANDIDATES, len(evidence.index))
    signals = np.zeros((len(chosen), candidates, len(SIGNALS)))
    solved = np.zeros((len(chosen), candidates), dtype=bool)
    for row, number in enumerate(chosen):
        solving = frozenset().union(*solutions[texts[number]])
        every = evidence.signals(texts[number], without_text=number)
        kept = _hardest(every, solving, count=candidates)
        signals[row] = every[kept]
        solved[row] = np.isin(kept, list(solving))
    return fit_weights(signals, solved=solved)


def _hardest(signals: Floats, solving: frozenset[int], *, count: int) -> Positions:
    """Return the positions of the articles for which most speaks, those that solved the ticket included."""
    strength = (signals / np.maximum(signals.max(axis=0), 1e-12)).sum(axis=1)
    strength[list(solving)] = np.inf
    return np.argsort(-strength, kind="stable")[:count]
