"""What speaks for each article: its own words, and the past tickets that it solved.

Owns the two indexes and the signals taken from them. Knows nothing of how signals are weighed, nor of audiences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.articles import KbArticle
from features.errors import BundleError
from features.lexical_index import Floats, IndexSettings, LexicalIndex, Weighting, best
from features.lexical_terms import TermRules, lexical_terms

SIGNALS = (
    "coverage",
    "coverage beside the best",
    "nearest past ticket",
    "votes of past tickets",
    "past tickets as one",
)

TITLE_WEIGHT = 3.0
TAG_WEIGHT = 1.0
VOTERS = 30
MOST_PAST_TEXTS = 20_000
_ARTICLE_RULES = TermRules(word_pair_weight=0.5, syllable_weight=0.5)
_ARTICLE_SETTINGS = IndexSettings(
    weighting=Weighting.BM25, rules=_ARTICLE_RULES, most_query_terms=48, most_document_share=0.5
)
_PAST_SETTINGS = IndexSettings(weighting=Weighting.COSINE)

# For each different past text, the positions of the articles that solved each of its tickets.
Solutions = Mapping[str, Sequence[frozenset[int]]]


def solutions_of(texts: Sequence[str], links: Sequence[Iterable[int]]) -> Solutions:
    """Return the linked texts with their articles, repeats as one, at most the last `MOST_PAST_TEXTS`."""
    solved: dict[str, list[frozenset[int]]] = {}
    for text, articles in zip(texts, links, strict=True):
        if linked := frozenset(articles):
            solved.setdefault(" ".join(text.lower().split()), []).append(linked)
    return dict(list(solved.items())[-MOST_PAST_TEXTS:])


@dataclass(frozen=True)
class PastLinks:
    """Past texts and the articles that solved them.

    Link l says that text `texts[l]` was solved by article `articles[l]` in the share `shares[l]` of the tickets
    that had this text; links are sorted by article.
    """

    index: LexicalIndex
    texts: NDArray[np.int32]
    articles: NDArray[np.int32]
    shares: NDArray[np.float64]

    @classmethod
    def fit(cls, solutions: Solutions) -> PastLinks:
        """Index past texts by the articles that solved them."""
        triples = sorted(
            (article, number, tickets / len(of_text))
            for number, of_text in enumerate(solutions.values())
            for article, tickets in Counter(article for articles in of_text for article in articles).items()
        )
        return cls(
            index=LexicalIndex.fit(solutions, settings=_PAST_SETTINGS),
            texts=np.array([number for _, number, _ in triples], dtype=np.int32),
            articles=np.array([article for article, _, _ in triples], dtype=np.int32),
            shares=np.array([share for _, _, share in triples], dtype=np.float64),
        )

    def add_to(self, signals: Floats, text: str, *, without_text: int = -1) -> None:
        """Write the last three signals, of shape (articles, 5), as if the past text `without_text` had not been."""
        if not len(self.texts):
            return
        cosines = self.index.scores(text)
        counted = self._tickets_of_article
        if without_text >= 0:
            cosines[without_text] = 0.0
            counted = counted - self._own_shares(without_text)
        voters, similarity = best(cosines, VOTERS)
        votes = np.zeros(len(self.index))
        votes[voters] = similarity**2 / max(float((similarity**2).sum()), 1e-12)
        of_links = cosines[self.texts] * self.shares
        linked, starts = self._linked_articles, self._first_link
        signals[linked, 2] = np.maximum.reduceat(of_links, starts)
        signals[linked, 3] = np.add.reduceat(votes[self.texts] * self.shares, starts)
        signals[linked, 4] = np.add.reduceat(of_links, starts) / np.sqrt(np.maximum(counted, 1.0))

    def _own_shares(self, text: int) -> Floats:
        return np.add.reduceat(np.where(self.texts == text, self.shares, 0.0), self._first_link)

    @cached_property
    def _first_link(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.diff(self.articles, prepend=-1))

    @cached_property
    def _linked_articles(self) -> NDArray[np.int32]:
        return self.articles[self._first_link]

    @cached_property
    def _tickets_of_article(self) -> Floats:
        return np.add.reduceat(self.shares, self._first_link)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the links as plain arrays."""
        return {
            **self.index.to_arrays(),
            "link_texts": self.texts,
            "link_articles": self.articles,
            "link_shares": self.shares,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, article_count: int) -> PastLinks:
        """Return the links that were stored; raise BundleError where they point nowhere."""
        index = LexicalIndex.from_arrays(arrays)
        try:
            links = cls(index, arrays["link_texts"], arrays["link_articles"], arrays["link_shares"])
        except KeyError as error:
            raise BundleError(f"The stored article links lack {error}. Train the model again.") from None
        sound = len(links.texts) == len(links.articles) == len(links.shares) and (
            not len(links.texts)
            or (
                0 <= links.texts.min() <= links.texts.max() < len(index)
                and 0 <= links.articles.min() <= links.articles.max() < article_count
                and bool(np.all(np.diff(links.articles) >= 0))
            )
        )
        if not sound:
            raise BundleError("The stored article links do not fit the articles. Train the model again.")
        return links


@dataclass(frozen=True)
class ArticleEvidence:
    """The index of the articles' own words and, where there is a history, the past links."""

    index: LexicalIndex
    past: PastLinks | None

    @classmethod
    def fit(cls, articles: Sequence[KbArticle], *, past: PastLinks | None) -> ArticleEvidence:
        """Index the articles; their texts are cleaned."""
        return cls(LexicalIndex.fit_terms(map(_article_terms, articles), settings=_ARTICLE_SETTINGS), past)

    def signals(self, text: str, *, without_text: int = -1) -> Floats:
        """Return the signals of every article, of shape (articles, 5), in the order of `SIGNALS`."""
        signals = np.zeros((len(self.index), len(SIGNALS)))
        signals[:, 0] = self.coverage(text)
        signals[:, 1] = signals[:, 0] / max(float(signals[:, 0].max(initial=0.0)), 1e-12)
        if self.past is not None:
            self.past.add_to(signals, text, without_text=without_text)
        return signals

    def coverage(self, text: str) -> Floats:
        """Return BM25 as a share of what an article without end on every term of the text would get, 0 to 1."""
        query = self.index.query(text)
        return self.index.scores_of(query) / max(query.ideal, 1e-12)


def _article_terms(article: KbArticle) -> dict[str, float]:
    terms = lexical_terms(article.body, rules=_ARTICLE_RULES)
    for text, weight in ((article.title, TITLE_WEIGHT), (" ".join(article.tags), TAG_WEIGHT)):
        for term, count in lexical_terms(text, rules=_ARTICLE_RULES).items():
            terms[term] = terms.get(term, 0.0) + weight * count
    return terms
