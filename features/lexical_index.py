"""An inverted index over texts in plain arrays: which documents hold the terms of a query, and how much.

Owns the weighting (BM25 or the cosine of tf-idf), the search and the arrays it is stored as. Knows nothing
of tickets, articles or audiences.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError
from features.lexical_terms import TermRules, lexical_terms

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]


class Weighting(StrEnum):
    """How much an occurrence of a term counts."""

    BM25 = "bm25"
    COSINE = "cosine"


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """How an index weighs and prunes.

    From `large_index_documents` on, a term in more than `most_document_share` of the documents is left out.
    `LexicalIndex.scores` looks at the `most_query_terms` heaviest terms of a text; `exact_scores` at all.
    """

    weighting: Weighting
    rules: TermRules = field(default_factory=TermRules)
    saturation: float = 2.0
    length_share: float = 0.75
    most_query_terms: int = 48
    large_index_documents: int = 2_000
    most_document_share: float = 0.1


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """The known terms of a text, heaviest first, with their weights.

    `norm` is the Euclidean length of all terms of the text, the unknown included; `ideal` is the score of a
    document that would hold every one of them without end (BM25).
    """

    terms: Positions
    weights: Floats
    norm: float
    ideal: float


@dataclass(frozen=True, slots=True)
class PostingsByDocument:
    """The postings by document: those of document d stand at `starts[d]:starts[d + 1]`."""

    starts: NDArray[np.int64]
    terms: NDArray[np.int32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class LexicalIndex:
    """Postings by term: those of term t stand at `starts[t]:starts[t + 1]` of `documents` and `weights`."""

    settings: IndexSettings
    vocabulary: Mapping[str, int]
    rarity: Floats
    starts: NDArray[np.int64]
    documents: NDArray[np.int32]
    weights: NDArray[np.float32]
    document_count: int

    @classmethod
    def fit(cls, texts: Iterable[str], *, settings: IndexSettings) -> LexicalIndex:
        """Index the texts."""
        return cls.fit_terms((lexical_terms(text, rules=settings.rules) for text in texts), settings=settings)

    @classmethod
    def fit_terms(cls, rows: Iterable[Mapping[str, float]], *, settings: IndexSettings) -> LexicalIndex:
        """Index documents given as weighted counts of terms."""
        return _build(rows, settings=settings)

    def __len__(self) -> int:
        """The number of documents."""
        return self.document_count

    def query(self, text: str) -> LexicalQuery:
        """Return the text as this index sees it."""
        terms = lexical_terms(text, rules=self.settings.rules)
        if not terms or not self.vocabulary:
            return LexicalQuery(np.zeros(0, dtype=np.intp), np.zeros(0), norm=1.0, ideal=0.0)
        numbers = np.array([self.vocabulary.get(term, -1) for term in terms], dtype=np.intp)
        known = numbers >= 0
        rarity = np.where(known, self.rarity[numbers], self._rarity_of_unseen())
        weights = self._query_weights(np.fromiter(terms.values(), dtype=np.float64, count=len(terms)), rarity)
        strength = weights * rarity
        usable = np.flatnonzero(known & (strength > 0.0))
        heaviest = usable[np.lexsort((numbers[usable], -strength[usable]))]
        return LexicalQuery(
            terms=numbers[heaviest],
            weights=weights[heaviest],
            norm=float(np.sqrt(weights @ weights)) if self.settings.weighting is Weighting.COSINE else 1.0,
            ideal=float(strength.sum()) * (self.settings.saturation + 1.0),
        )

    def scores(self, text: str) -> Floats:
        """Return the score of every document for the text, of shape (documents,)."""
        return self.scores_of(self.query(text))

    def scores_of(self, query: LexicalQuery) -> Floats:
        """Return the score of every document by the query's heaviest terms, of shape (documents,)."""
        terms = query.terms[: self.settings.most_query_terms]
        if not len(terms):
            return np.zeros(self.document_count)
        first, last = self.starts[terms], self.starts[terms + 1]
        spans = [slice(*pair) for pair in zip(first.tolist(), last.tolist(), strict=True)]
        documents = np.concatenate([self.documents[span] for span in spans], dtype=np.intp)
        weights = np.concatenate([self.weights[span] for span in spans], dtype=np.float64)
        # Divided here and not in the end: there are more documents than postings of a query.
        weights *= np.repeat(query.weights[: len(terms)] / query.norm, last - first)
        return np.asarray(np.bincount(documents, weights=weights, minlength=self.document_count), dtype=np.float64)

    def exact_scores(self, query: LexicalQuery, positions: Positions) -> Floats:
        """Return the scores of a few documents by every term of the query, of shape (positions,)."""
        if not len(query.terms) or not len(positions):
            return np.zeros(len(positions))
        lookup = self.by_document
        first, last = lookup.starts[positions], lookup.starts[positions + 1]
        spans = [slice(*pair) for pair in zip(first.tolist(), last.tolist(), strict=True)]
        held = np.concatenate([lookup.terms[span] for span in spans])
        order = np.argsort(query.terms)
        place = np.minimum(np.searchsorted(query.terms[order], held), len(order) - 1)
        shared = query.terms[order][place] == held
        products = np.concatenate([lookup.weights[span] for span in spans]) * query.weights[order][place] * shared
        owner = np.repeat(np.arange(len(positions)), last - first)
        return np.bincount(owner, weights=products, minlength=len(positions)) / query.norm

    def looks_at_all(self, query: LexicalQuery) -> bool:
        """Return whether `scores_of` is exact for the query already."""
        return len(query.terms) <= self.settings.most_query_terms

    def top(self, text: str, count: int) -> tuple[Positions, Floats]:
        """Return the positions and scores of the best documents with a score above zero, best first."""
        return best(self.scores(text), count)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the index as plain arrays: nothing in them needs a pickle."""
        settings = json.dumps({**asdict(self.settings), "document_count": self.document_count})
        return {
            "settings": _bytes_of(settings),
            "terms": _bytes_of("\n".join(self.vocabulary)),
            "rarity": self.rarity,
            "starts": self.starts,
            "documents": self.documents,
            "weights": self.weights,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> LexicalIndex:
        """Return the index that was stored; raise BundleError where the arrays do not fit together."""
        try:
            settings = json.loads(text_of(arrays["settings"]))
            terms = text_of(arrays["terms"])
            index = cls(
                document_count=settings.pop("document_count"),
                settings=_settings_of(settings),
                vocabulary={term: number for number, term in enumerate(terms.split("\n") if terms else [])},
                rarity=arrays["rarity"],
                starts=arrays["starts"],
                documents=arrays["documents"],
                weights=arrays["weights"],
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise BundleError(f"A stored search index cannot be read ({error}). Train the model again.") from None
        index._check()
        return index

    @cached_property
    def by_document(self) -> PostingsByDocument:
        """The postings turned round; worked out at the first use, about a third of a second for 50,000 tickets."""
        order = np.argsort(self.documents, kind="stable")
        terms = np.repeat(np.arange(len(self.vocabulary), dtype=np.int32), np.diff(self.starts))
        lengths = np.bincount(self.documents, minlength=self.document_count)
        return PostingsByDocument(np.concatenate([[0], np.cumsum(lengths)]), terms[order], self.weights[order])

    def _rarity_of_unseen(self) -> float:
        return float(np.log1p(2.0 * self.document_count + 1.0))

    def _query_weights(self, counts: Floats, rarity: Floats) -> Floats:
        if self.settings.weighting is Weighting.BM25:
            return counts
        return _damped(counts) * rarity

    def _check(self) -> None:
        consistent = (
            len(self.vocabulary) == len(self.rarity) == len(self.starts) - 1
            and len(self.documents) == len(self.weights) == self.starts[-1]
            and bool(np.all(np.diff(self.starts) >= 0))
            and (not len(self.documents) or 0 <= self.documents.min() <= self.documents.max() < self.document_count)
        )
        if not consistent:
            raise BundleError("The parts of a stored search index do not fit together. Train the model again.")


def best(scores: Floats, count: int) -> tuple[Positions, Floats]:
    """Return the positions and values of the highest scores above zero, highest first, the earlier of equals first."""
    cut = float(scores.max(initial=0.0)) / 2.0
    candidates = np.flatnonzero(scores > cut)
    if len(candidates) < count:
        candidates = np.flatnonzero(scores > max(cut / 2.0, 0.0))
    if len(candidates) < count:
        candidates = np.flatnonzero(scores > 0.0)
    found = scores[candidates]
    if len(found) > count > 0:
        # Everything as good as the last one shown stays, so that equals are ordered by position.
        kept = found >= np.partition(found, len(found) - count)[len(found) - count]
        candidates, found = candidates[kept], found[kept]
    order = np.argsort(-found, kind="stable")[:count]
    return candidates[order], found[order]


def _build(rows: Iterable[Mapping[str, float]], *, settings: IndexSettings) -> LexicalIndex:
    vocabulary: dict[str, int] = {}
    terms, documents, counts = array("i"), array("i"), array("f")
    document_count = 0
    for row in rows:
        terms.extend([vocabulary.setdefault(term, len(vocabulary)) for term in row])
        documents.extend([document_count] * len(row))
        counts.extend(row.values())
        document_count += 1
    return _index_of(
        np.frombuffer(terms, dtype=np.int32) if terms else np.zeros(0, dtype=np.int32),
        np.frombuffer(documents, dtype=np.int32) if documents else np.zeros(0, dtype=np.int32),
        np.frombuffer(counts, dtype=np.float32) if counts else np.zeros(0, dtype=np.float32),
        vocabulary=vocabulary,
        document_count=document_count,
        settings=settings,
    )


def _index_of(
    terms: NDArray[np.int32],
    documents: NDArray[np.int32],
    counts: NDArray[np.float32],
    *,
    vocabulary: Mapping[str, int],
    document_count: int,
    settings: IndexSettings,
) -> LexicalIndex:
    frequency = np.bincount(terms, minlength=len(vocabulary))
    rarity = np.log1p((document_count - frequency + 0.5) / (frequency + 0.5))
    if document_count >= settings.large_index_documents:
        rarity[frequency > settings.most_document_share * document_count] = 0.0
    kept = np.flatnonzero(rarity[terms] > 0.0)
    by_term = kept[np.argsort(terms[kept], kind="stable")]
    terms, documents = terms[by_term], documents[by_term]
    counted = counts[by_term].astype(np.float64)
    if settings.weighting is Weighting.BM25:
        factors = _bm25_factors(counted, documents, settings=settings, document_count=document_count)
    else:
        factors = _cosine_factors(counted, documents, rarity[terms], document_count=document_count)
    return LexicalIndex(
        settings=settings,
        vocabulary=vocabulary,
        rarity=rarity,
        starts=np.concatenate([[0], np.cumsum(np.bincount(terms, minlength=len(vocabulary)))]).astype(np.int64),
        documents=documents,
        weights=(rarity[terms] * factors).astype(np.float32),
        document_count=document_count,
    )


def _bm25_factors(
    counts: Floats, documents: NDArray[np.int32], *, settings: IndexSettings, document_count: int
) -> Floats:
    lengths = np.bincount(documents, weights=counts, minlength=document_count)
    relative = lengths / max(float(lengths.sum()) / max(document_count, 1), 1e-12)
    damping = settings.saturation * (1.0 - settings.length_share + settings.length_share * relative)
    return counts * (settings.saturation + 1.0) / (counts + damping[documents])


def _cosine_factors(counts: Floats, documents: NDArray[np.int32], rarity: Floats, *, document_count: int) -> Floats:
    damped = _damped(counts)
    norms = np.sqrt(np.bincount(documents, weights=(damped * rarity) ** 2, minlength=document_count))
    return damped / norms[documents]


def _damped(counts: Floats) -> Floats:
    return np.log1p(counts)


def _settings_of(stored: dict[str, Any]) -> IndexSettings:
    weighting, rules = Weighting(stored.pop("weighting")), TermRules(**stored.pop("rules"))
    return IndexSettings(weighting=weighting, rules=rules, **stored)


def _bytes_of(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("utf-8"), dtype=np.uint8)


def text_of(stored: NDArray[Any]) -> str:
    """Return the text whose UTF-8 bytes an array holds."""
    return bytes(stored).decode("utf-8")
