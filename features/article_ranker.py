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

from features.article_copies import without_copies
from features.article_evidence import COVERAGE, PASSAGE, SIGNALS, ArticleEvidence, languages_of
from features.article_examples import idle_talk
from features.article_lessons import candidates_of, lessons_of, unanswered_signals
from features.article_links import PastLinks, Solutions
from features.article_order import ArticleOrder, Chances, fit_order, least_value
from features.article_trees import ArticleTrees
from features.article_vectors import ArticleVectors
from features.article_weights import ArticleWeights
from features.articles import EVERYONE, KbArticle
from features.encoder import TextEncoder
from features.errors import BundleError
from features.language_means import Vectors, embeddings_of, ticket_means
from features.languages import detect_language
from features.lexical_index import Floats, LexicalIndex, Positions, text_of
from features.predictions import RankedArticle

LEAST_PAST_TEXTS = 30
# So many past tickets that no article solved tell better what such tickets are like than idle talk does.
LEAST_UNSOLVED_TEXTS = 30
MOST_UNSOLVED_TEXTS = 500
# Without a history: how fast the chance of an article rises with what the articles themselves say for it.
_SHARPNESS_OF_WORDS, _SHARPNESS_OF_WORDS_AND_MEANING = 35.0, 18.0
# With one, the weight of coverage and passage as long as the history does not tell.
_PRIOR_WEIGHT = 3.0
_PRIOR: Floats = np.where(np.isin(np.arange(len(SIGNALS)), (COVERAGE, PASSAGE)), _PRIOR_WEIGHT, 0.0)
_PAST_PREFIX, _VECTOR_PREFIX = "past_", "vector_"


@dataclass(frozen=True)
class ArticleRanker:
    """Articles, what speaks for each, and how much that counts.

    `copies` names, for an article that says what another one says, the article shown in its place. `ranking` is None
    where there is too little history. `unknown_links` counts past links to articles that do not exist.
    """

    articles: tuple[KbArticle, ...]
    copies: Mapping[str, str]
    evidence: ArticleEvidence
    ranking: ArticleWeights | ArticleTrees | None
    chances: Chances
    unknown_links: int

    @classmethod
    def fit(
        cls,
        articles: Sequence[KbArticle],
        *,
        past_texts: Sequence[str] = (),
        past_links: Sequence[tuple[str, ...]] = (),
        past_embeddings: Vectors | None = None,
        encoder: TextEncoder | None = None,
    ) -> ArticleRanker:
        """Index the articles and learn from which of them solved which past ticket; all texts are cleaned.

        Past tickets without a link count too: they tell what tickets are like, and which no article solves. With an
        encoder articles are also found by meaning; `past_embeddings`, (past tickets, dimensions), spare it the past
        tickets. With fewer than `LEAST_PAST_TEXTS` different linked texts the articles alone decide. Raise ValueError
        where texts, links and embeddings differ in number.
        """
        shown, copies = without_copies(articles)
        positions = {article.id: place for place, article in enumerate(shown)}
        positions |= {copy: positions[name] for copy, name in copies.items()}
        links = [[positions[name] for name in names if name in positions] for names in past_links]
        embeddings = None if encoder is None else embeddings_of(past_texts, encoder=encoder, known=past_embeddings)
        solutions = Solutions.of(past_texts, links)
        evidence = _evidence(shown, past_texts, embeddings, solutions, encoder=encoder)
        order = _order(evidence, past_texts, past_links, embeddings, solutions, encoder=encoder)
        return cls(
            articles=tuple(replace(article, body="") for article in shown),
            copies=copies,
            evidence=evidence,
            ranking=order.ranking if isinstance(order, ArticleOrder) else None,
            chances=order.chances if isinstance(order, ArticleOrder) else order,
            unknown_links=sum(name not in positions for names in past_links for name in names),
        )

    def __len__(self) -> int:
        """The number of articles that can be shown."""
        return len(self.articles)

    @property
    def uses_history(self) -> bool:
        """Whether past tickets speak for articles."""
        return self.ranking is not None

    def shown_id(self, article_id: str) -> str:
        """Return the id under which an article is shown: its own, or that of the article that says the same."""
        return self.copies.get(article_id, article_id)

    def rank(
        self,
        text: str,
        *,
        embedding: Vectors | None = None,
        count: int = 5,
        reader_group: str = "",
        only_fitting: bool = False,
    ) -> tuple[RankedArticle, ...]:
        """Return the articles that the reader's group may read, best first, none that nothing speaks for.

        `embedding` is what the encoder makes of the ticket: needed where the ranker was fitted with one. The score is
        the chance that the article solves the ticket, beside the other articles and the answer that none does. With a
        history it is fitted on past tickets left out one by one; without, it is an estimate. With `only_fitting` there
        is no article at all where too little speaks for any.
        """
        positions, values = self._values(text, embedding)
        scores = self.chances.of(values)
        kept = self._readable(reader_group)[positions] & ((values >= self.chances.least).any() or not only_fitting)
        order = np.flatnonzero(kept)[np.argsort(-scores[kept], kind="stable")[:count]]
        return tuple(_ranked(self.articles[positions[place]], score=float(scores[place])) for place in order)

    def _values(self, text: str, embedding: Vectors | None) -> tuple[Positions, Floats]:
        """Return the articles for which something speaks, whoever may read them, and how much."""
        if self.ranking is None:
            support = self.evidence.support(text, embedding)
            positions = np.flatnonzero(support > 0.0)
            return positions, support[positions]
        signals = self.evidence.signals(text, embedding)
        positions = candidates_of(signals)
        positions = positions[signals[positions].max(axis=1, initial=0.0) > 0.0]
        return positions, self.ranking.values(signals[positions]) if len(positions) else np.zeros(0)

    def to_plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON-able description and the arrays."""
        description: dict[str, Any] = {
            "articles": [[article.id, article.title, article.url, article.audience] for article in self.articles],
            "copies": dict(self.copies),
            "chances": [self.chances.sharpness, self.chances.nothing, self.chances.least],
            "unknown_links": self.unknown_links,
        }
        arrays = {**self.evidence.index.to_arrays(), "languages": self.evidence.languages}
        if self.evidence.vectors is not None:
            arrays |= _prefixed(_VECTOR_PREFIX, self.evidence.vectors.to_arrays())
        if self.evidence.past is not None:
            arrays |= _prefixed(_PAST_PREFIX, self.evidence.past.to_arrays())
        if isinstance(self.ranking, ArticleTrees):
            arrays["signal_trees"] = np.frombuffer(self.ranking.to_text().encode(), np.uint8)
        elif self.ranking is not None:
            arrays["signal_weights"] = self.ranking.weights
        return description, arrays

    @classmethod
    def from_plain(cls, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ArticleRanker:
        """Rebuild from what `to_plain` gave; raise BundleError where the parts do not fit together."""
        try:
            articles = tuple(
                KbArticle(id=name, title=title, url=url, audience=audience)
                for name, title, url, audience in description["articles"]
            )
            vectors, past = _without(_VECTOR_PREFIX, arrays), _without(_PAST_PREFIX, arrays)
            evidence = ArticleEvidence(
                LexicalIndex.from_arrays(arrays),
                arrays["languages"],
                ArticleVectors.from_arrays(vectors, article_count=len(articles)) if vectors else None,
                PastLinks.from_arrays(past, article_count=len(articles)) if past else None,
            )
            ranker = cls(
                articles=articles,
                copies={str(copy): str(shown) for copy, shown in description["copies"].items()},
                evidence=evidence,
                ranking=_ranking_of(arrays) if past else None,
                chances=Chances(*map(float, description["chances"])),
                unknown_links=int(description["unknown_links"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"The stored article ranker cannot be read ({error}). Train the model again.") from None
        if not len(articles) == len(evidence.index) == len(evidence.languages) or not _fits(ranker.ranking):
            raise BundleError("The parts of the stored article ranker do not fit together. Train the model again.")
        return ranker

    def _readable(self, reader_group: str) -> NDArray[np.bool_]:
        return np.isin(self._audiences, (EVERYONE, reader_group or EVERYONE))

    @cached_property
    def _audiences(self) -> NDArray[np.str_]:
        return np.array([article.audience for article in self.articles], dtype=np.str_)


def _ranked(article: KbArticle, *, score: float) -> RankedArticle:
    return RankedArticle(id=article.id, title=article.title, url=article.url, score=score, audience=article.audience)


# --- fitting ----------------------------------------------------------------------------------------------------------


def _evidence(
    articles: Sequence[KbArticle],
    past_texts: Sequence[str],
    embeddings: Vectors | None,
    solutions: Solutions,
    *,
    encoder: TextEncoder | None,
) -> ArticleEvidence:
    vectors, of_texts = None, None
    if encoder is not None and articles:
        tickets = ticket_means(encoder, past_texts, embeddings)
        vectors = ArticleVectors.fit(articles, encoder=encoder, tickets=tickets, languages=languages_of(articles))
        if embeddings is not None:
            of_texts = tickets.without_each(embeddings[solutions.places], map(detect_language, solutions.texts))
    past = PastLinks.fit(solutions, vectors=of_texts) if len(solutions) >= LEAST_PAST_TEXTS else None
    return ArticleEvidence.fit(articles, vectors=vectors, past=past)


def _order(
    evidence: ArticleEvidence,
    past_texts: Sequence[str],
    past_links: Sequence[tuple[str, ...]],
    embeddings: Vectors | None,
    solutions: Solutions,
    *,
    encoder: TextEncoder | None,
) -> ArticleOrder | Chances:
    """Return the order that the history teaches, or where it is too short what the articles' own support means."""
    talk = idle_talk(evidence.languages)
    idle = None if evidence.vectors is None or encoder is None else np.stack([encoder.encode(text) for text in talk])
    if evidence.past is None:
        support = [
            evidence.support(text, None if idle is None else idle[row]).max(initial=0.0)
            for row, text in enumerate(talk)
        ]
        sharpness = _SHARPNESS_OF_WORDS if evidence.vectors is None else _SHARPNESS_OF_WORDS_AND_MEANING
        least = least_value(np.array(support))
        return Chances(sharpness, nothing=least, least=least)
    unsolved = [place for place, names in enumerate(past_links) if not names and past_texts[place].strip()]
    if len(unsolved) < LEAST_UNSOLVED_TEXTS:
        unanswered = unanswered_signals(evidence, talk, idle)
    else:
        places = unsolved[:: -(-len(unsolved) // MOST_UNSOLVED_TEXTS)]
        of_places = None if embeddings is None else embeddings[places]
        unanswered = unanswered_signals(evidence, [past_texts[place] for place in places], of_places)
    lessons = lessons_of(evidence, evidence.past, solutions, embeddings=embeddings)
    return fit_order(lessons, prior=_PRIOR, unanswered=unanswered)


# --- storage ----------------------------------------------------------------------------------------------------------


def _prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {prefix + name: array for name, array in arrays.items()}


def _without(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def _ranking_of(arrays: Mapping[str, NDArray[Any]]) -> ArticleWeights | ArticleTrees:
    if "signal_trees" in arrays:
        return ArticleTrees.from_text(text_of(arrays["signal_trees"]), prior=_PRIOR)
    return ArticleWeights(arrays["signal_weights"])


def _fits(ranking: ArticleWeights | ArticleTrees | None) -> bool:
    """Return whether a ranking was fitted on the signals of this release."""
    if isinstance(ranking, ArticleTrees):
        return ranking.booster.num_feature() == len(SIGNALS)
    return ranking is None or ranking.weights.shape == (len(SIGNALS),)
