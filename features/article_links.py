"""Past tickets and the articles that solved them: what they say for each article on a new ticket.

Owns the index of past texts and of what an encoder makes of them. Knows nothing of the articles' own words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError
from features.language_means import Vectors
from features.lexical_index import Floats, IndexSettings, LexicalIndex, Positions, Weighting, best

PAST_SIGNALS = ("nearest past ticket", "votes of past tickets", "past tickets as one")

VOTERS = 30
MOST_PAST_TEXTS = 20_000
_SETTINGS = IndexSettings(weighting=Weighting.COSINE)
# A voter's vote is this power of its similarity, and beside all votes stands one vote of nobody: far tickets, though
# they may be the nearest there are, have little to say.
_VOTE_POWER = 4
_VOTE_OF_NOBODY = 0.1
_NONE = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Solutions:
    """Different past texts, for each the positions of the articles that solved each of its tickets.

    `places[t]` is where the last ticket with text t stands among those given.
    """

    texts: tuple[str, ...]
    solving: tuple[tuple[frozenset[int], ...], ...]
    places: NDArray[np.intp]

    @classmethod
    def of(cls, texts: Sequence[str], links: Sequence[Iterable[int]]) -> Solutions:
        """Return the linked texts, repeats as one, at most the last `MOST_PAST_TEXTS`."""
        solved: dict[str, list[frozenset[int]]] = {}
        places: dict[str, int] = {}
        for place, (text, articles) in enumerate(zip(texts, links, strict=True)):
            if linked := frozenset(articles):
                wording = " ".join(text.lower().split())
                solved.setdefault(wording, []).append(linked)
                places[wording] = place
        kept = list(solved)[-MOST_PAST_TEXTS:]
        return cls(
            texts=tuple(kept),
            solving=tuple(tuple(solved[text]) for text in kept),
            places=np.array([places[text] for text in kept], dtype=np.intp),
        )

    def __len__(self) -> int:
        """The number of different texts."""
        return len(self.texts)

    def articles_of(self, text: int) -> frozenset[int]:
        """Return every article that solved a ticket with a text."""
        return frozenset().union(*self.solving[text])


@dataclass(frozen=True)
class PastLinks:
    """Past texts and the articles that solved them.

    Link l says that text `texts[l]` was solved by article `articles[l]` in the share `shares[l]` of the tickets
    that had this text; links are sorted by article. `vectors` are the texts' embeddings, centred, or None.
    """

    index: LexicalIndex
    texts: NDArray[np.int32]
    articles: NDArray[np.int32]
    shares: NDArray[np.float64]
    vectors: NDArray[np.float16] | None = None

    @classmethod
    def fit(cls, solutions: Solutions, *, vectors: Vectors | None = None) -> PastLinks:
        """Index past texts by the articles that solved them; `vectors` has one row a text."""
        triples = sorted(
            (article, number, tickets / len(of_text))
            for number, of_text in enumerate(solutions.solving)
            for article, tickets in Counter(article for articles in of_text for article in articles).items()
        )
        return cls(
            index=LexicalIndex.fit(solutions.texts, settings=_SETTINGS),
            texts=np.array([number for _, number, _ in triples], dtype=np.int32),
            articles=np.array([article for article, _, _ in triples], dtype=np.int32),
            shares=np.array([share for _, _, share in triples], dtype=np.float64),
            vectors=None if vectors is None else vectors.astype(np.float16),
        )

    def signals(
        self, text: str, vector: Vectors | None, *, article_count: int, without_texts: Positions = _NONE
    ) -> Floats:
        """Return what past tickets say for each article, (articles, 3), as if `without_texts` had not been.

        `vector` is the ticket's embedding, centred. A ticket's similarity is its cosine by words and that by meaning.
        """
        signals = np.zeros((article_count, len(PAST_SIGNALS)))
        similarity = self.index.scores(text)
        if self._vectors is not None and vector is not None:
            similarity = similarity + np.maximum(self._vectors @ vector, 0.0)
        similarity[without_texts] = 0.0
        of_links = similarity[self.texts] * self.shares
        linked, starts = self._linked_articles, self._first_link
        signals[linked, 0] = np.maximum.reduceat(of_links, starts)
        signals[linked, 1] = np.add.reduceat(self._votes(similarity)[self.texts] * self.shares, starts)
        counted = np.maximum(self._tickets_of_article(without_texts), 1.0)
        signals[linked, 2] = np.add.reduceat(of_links, starts) / np.sqrt(counted)
        return signals

    def texts_of(self, articles: Iterable[int]) -> Positions:
        """Return the texts that one of the articles solved."""
        return np.unique(self.texts[np.isin(self.articles, list(articles))]).astype(np.intp)

    @cached_property
    def new_article_share(self) -> float:
        """About the chance that the next ticket needs an article that solved none before (Good and Turing)."""
        return float((np.bincount(self.articles) == 1).sum()) / max(len(self.articles), 1)

    def _votes(self, similarity: Floats) -> Floats:
        voters, values = best(similarity, VOTERS)
        votes = np.zeros(len(similarity))
        votes[voters] = values**_VOTE_POWER
        return np.asarray(votes / (votes.sum() + _VOTE_OF_NOBODY), dtype=np.float64)

    def _tickets_of_article(self, without_texts: Positions) -> Floats:
        if not len(without_texts):
            return self._shares_of_article
        return np.add.reduceat(np.where(np.isin(self.texts, without_texts), 0.0, self.shares), self._first_link)

    @cached_property
    def _shares_of_article(self) -> Floats:
        return np.add.reduceat(self.shares, self._first_link)

    @cached_property
    def _first_link(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.diff(self.articles, prepend=-1))

    @cached_property
    def _linked_articles(self) -> NDArray[np.int32]:
        return self.articles[self._first_link]

    @cached_property
    def _vectors(self) -> Vectors | None:
        return None if self.vectors is None else self.vectors.astype(np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the links as plain arrays."""
        return {
            **self.index.to_arrays(),
            "link_texts": self.texts,
            "link_articles": self.articles,
            "link_shares": self.shares,
            **({} if self.vectors is None else {"vectors": self.vectors}),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, article_count: int) -> PastLinks:
        """Return the links that were stored; raise BundleError where they point nowhere."""
        index = LexicalIndex.from_arrays(arrays)
        try:
            links = cls(
                index, arrays["link_texts"], arrays["link_articles"], arrays["link_shares"], arrays.get("vectors")
            )
        except KeyError as error:
            raise BundleError(f"The stored article links lack {error}. Train the model again.") from None
        sound = (
            0 < len(links.texts) == len(links.articles) == len(links.shares)
            and 0 <= links.texts.min() <= links.texts.max() < len(index)
            and 0 <= links.articles.min() <= links.articles.max() < article_count
            and bool(np.all(np.diff(links.articles) >= 0))
            and (links.vectors is None or len(links.vectors) == len(index))
        )
        if not sound:
            raise BundleError("The stored article links do not fit the articles. Train the model again.")
        return links
