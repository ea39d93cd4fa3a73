"""What speaks for each article: its own words, what an encoder makes of it, and the past tickets that it solved.

Owns the signals and their order. Knows nothing of how they are weighed, nor of audiences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.article_links import PAST_SIGNALS, PastLinks
from features.article_vectors import ArticleVectors
from features.articles import KbArticle
from features.language_means import Vectors
from features.languages import Language, detect_language
from features.lexical_index import Floats, IndexSettings, LexicalIndex, Positions, Weighting
from features.lexical_terms import TermRules, lexical_terms

SIGNALS = (
    "coverage",
    "coverage beside the best",
    "passage",
    "passage below the best",
    *PAST_SIGNALS,
    "nearest past ticket beside the best",
    "best coverage",
    "best passage",
    "best past ticket",
)
COVERAGE, PASSAGE, NEAREST, VOTES = (
    SIGNALS.index(name) for name in ("coverage", "passage", "nearest past ticket", "votes of past tickets")
)

TITLE_WEIGHT = 3.0
TAG_WEIGHT = 1.0
_RULES = TermRules(word_pair_weight=0.5, syllable_weight=0.5)
_SETTINGS = IndexSettings(weighting=Weighting.BM25, rules=_RULES, most_query_terms=48, most_document_share=0.5)
_NO_TEXTS = np.zeros(0, dtype=np.intp)
_KNOWN_LANGUAGES = (Language.KO, Language.EN)


@dataclass(frozen=True)
class ArticleEvidence:
    """The index of the articles' own words, the language of each, and their vectors and past links where there are."""

    index: LexicalIndex
    languages: NDArray[np.str_]
    vectors: ArticleVectors | None = None
    past: PastLinks | None = None

    @classmethod
    def fit(
        cls, articles: Sequence[KbArticle], *, vectors: ArticleVectors | None = None, past: PastLinks | None = None
    ) -> ArticleEvidence:
        """Index the articles; their texts are cleaned."""
        index = LexicalIndex.fit_terms(map(_terms, articles), settings=_SETTINGS)
        languages = np.array([language.value for language in languages_of(articles)], dtype=np.str_)
        return cls(index, languages, vectors, past)

    def signals(self, text: str, embedding: Vectors | None = None, *, without_texts: Positions = _NO_TEXTS) -> Floats:
        """Return the signals, of shape (articles, signals), in the order of `SIGNALS`.

        `embedding` is what the encoder makes of the text: needed where the articles have vectors. The signals are as
        if the past texts `without_texts` had not been.
        """
        signals = np.zeros((len(self.index), len(SIGNALS)))
        vector = self._vector(text, embedding)
        signals[:, COVERAGE], signals[:, PASSAGE] = self._own(text, vector)
        if self.past is not None:
            signals[:, NEAREST : NEAREST + len(PAST_SIGNALS)] = self.past.signals(
                text, vector, article_count=len(signals), without_texts=without_texts
            )
        coverage, passage, nearest = signals[:, [COVERAGE, PASSAGE, NEAREST]].max(axis=0, initial=0.0)
        signals[:, 1] = signals[:, COVERAGE] / max(coverage, 1e-12)
        signals[:, 3] = signals[:, PASSAGE] - passage
        signals[:, 7] = signals[:, NEAREST] / max(nearest, 1e-12)
        signals[:, 8:] = coverage, passage, nearest
        return signals

    def support(self, text: str, embedding: Vectors | None = None) -> Floats:
        """Return what the articles alone say, of shape (articles,)."""
        coverage, passage = self._own(text, self._vector(text, embedding))
        return coverage + passage

    def coverage(self, text: str) -> Floats:
        """Return the share of the text's words, weighed by rarity, that each article covers, 0 to 1, as a root.

        The share is BM25 beside what an article without end on every word would get. Its root lies as evenly
        between 0 and 1 as a cosine does, so that the two can be added.
        """
        query = self.index.query(text)
        return np.asarray(np.sqrt(self.index.scores_of(query) / max(query.ideal, 1e-12)), dtype=np.float64)

    def _own(self, text: str, vector: Vectors | None) -> tuple[Floats, Floats]:
        """Return the coverage and the cosine of each article's best passage.

        An article in another language cannot cover the words: the passage stands in for them.
        """
        coverage = self.coverage(text)
        if self.vectors is None or vector is None:
            return coverage, np.zeros(len(coverage))
        passage = self.vectors.cosines(vector)
        language = detect_language(text)
        if language in _KNOWN_LANGUAGES:
            is_foreign = np.isin(self.languages, [known for known in _KNOWN_LANGUAGES if known is not language])
            coverage = np.where(is_foreign, np.maximum(coverage, passage), coverage)
        return coverage, passage

    def _vector(self, text: str, embedding: Vectors | None) -> Vectors | None:
        if self.vectors is None:
            return None
        if embedding is None:
            raise ValueError("These articles have vectors: give the ticket's embedding by the same encoder.")
        return self.vectors.tickets.without(embedding, detect_language(text))


def languages_of(articles: Sequence[KbArticle]) -> list[Language]:
    """Return the language of each article: the stated one where it is Korean or English, else what the text looks."""
    stated = {language.value: language for language in _KNOWN_LANGUAGES}
    return [stated.get(article.language) or detect_language(f"{article.title}\n{article.body}") for article in articles]


def support_of(signals: Floats) -> Floats:
    """Return what the articles alone say, of the shape of the signals without their last axis.

    The sum needs no weights: on every set tried any weight between one half and two ranked about as well.
    """
    return np.asarray(signals[..., COVERAGE] + signals[..., PASSAGE], dtype=np.float64)


def _terms(article: KbArticle) -> dict[str, float]:
    terms = lexical_terms(article.body, rules=_RULES)
    for text, weight in ((article.title, TITLE_WEIGHT), (" ".join(article.tags), TAG_WEIGHT)):
        for term, count in lexical_terms(text, rules=_RULES).items():
            terms[term] = terms.get(term, 0.0) + weight * count
    return terms
