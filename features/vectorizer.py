"""A prepared ticket as counts of known features and as a tf-idf row: the same numbers in bulk and for one ticket.

Features of the text are words, pairs of neighbouring words, words of the subject, and the character n-grams of
`features.token_features`; of a log there are words alone, since no n-gram of a path or a host tells what is wrong.
Features of the fields are `name=value`; a number's is the eighth of past ones that it falls into, and if it is whole,
its value too. No scikit-learn: a ticket costs a fraction of its pipeline's time.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from features.logs import marked_lines
from features.preparation import PreparedTicket
from features.slips import SlipMender
from features.token_features import HANGUL as HANGUL
from features.token_features import token_features, word_feature, words_of

# A field says as much as a handful of words: more, and a busy requester outweighs what he writes.
_FIELD_VALUE = 0.2
_CACHED_TOKENS = 100_000
_NUMBER_BUCKETS = 8

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]
# The names of a token's features, and its words.
_Names: TypeAlias = tuple[tuple[str, ...], list[str]]


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """The known features of one ticket: `ids` ascending, and how often each occurs."""

    ids: IntArray
    counts: FloatArray


class Token(NamedTuple):
    """A run of characters between spaces: as written, its features, and the words in it.

    A named tuple: a ticket has hundreds, and a frozen dataclass takes four times as long to make.
    """

    text: str
    ids: tuple[int, ...]
    words: tuple[str, ...]
    in_subject: bool


class TicketVectorizer:
    """Counts the features of tickets and weighs them by tf-idf.

    `fit` learns the vocabulary from prepared tickets; nothing is learned from their labels.
    Learned: `vocabulary_` (feature to id), `idf_` (one weight a feature; 0 for fields, whose value is fixed),
    `reads_text_` (whether any text was there to learn from), `bucket_edges_` (for each number its quantiles).
    """

    def __init__(self, *, least_documents: int = 1, most_features: int = 150_000) -> None:
        self.least_documents = least_documents
        self.most_features = most_features

    def fit(self, tickets: Sequence[PreparedTicket]) -> TicketVectorizer:
        """Learn the vocabulary: features in at least `least_documents` tickets, the most frequent first."""
        self.bucket_edges_ = _bucket_edges(tickets)
        frequencies: Counter[str] = Counter()
        known: dict[str, _Names] = {}
        for ticket in tickets:
            frequencies.update(self._feature_names(ticket, known))
        least = min(self.least_documents, max(1, len(tickets) - 1))
        kept = sorted(
            ((count, name) for name, count in frequencies.items() if count >= least),
            key=lambda pair: (-pair[0], pair[1]),
        )[: self.most_features]
        names = sorted(name for _, name in kept)
        idf = [0.0 if _is_field(name) else _idf(frequencies[name], len(tickets)) for name in names]
        return self._learned(names, np.array(idf))

    def _learned(self, names: Sequence[str], idf: FloatArray) -> TicketVectorizer:
        self.vocabulary_ = {name: feature for feature, name in enumerate(names)}
        self.idf_ = idf
        self.reads_text_ = bool((idf > 0.0).any())
        # The rarest features are those of one ticket, or of as few as were kept.
        self.slips = SlipMender(self.vocabulary_, idf < idf.max(initial=0.0))
        self._token_cache: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}
        return self

    def _feature_names(self, ticket: PreparedTicket, known: dict[str, _Names]) -> set[str]:
        """Return the names of a ticket's features; `known` remembers those of tokens."""
        names: set[str] = set(self._field_features(ticket))
        words: list[str] = []
        for place, text in enumerate((ticket.subject, ticket.body)):
            for token, is_log in _tokens_of(text):
                found = known.get(token)
                if found is None:
                    found = known[token] = tuple(token_features(token)), words_of(token)
                names.update(map(word_feature, found[1]) if is_log else found[0])
                words += found[1]
            if place == 0:
                names.update(map(_subject_feature, words))
        names.update(map(_pair_feature, itertools.pairwise(words)))
        return names

    def _field_features(self, ticket: PreparedTicket) -> list[str]:
        features = [f"= {name}={value}" for name, value in ticket.fields.items()]
        features.append(f"= language={ticket.language}")
        for name, value in ticket.numbers.items():
            edges = self.bucket_edges_.get(name)
            if edges is not None:
                features.append(f"= {name}#{int(np.searchsorted(edges, value, side='right'))}")
            if float(value).is_integer():  # a count, or a code that happens to be written in digits
                features.append(f"= {name}={value:.0f}")
        return features

    def field_id(self, name: str, value: str) -> int | None:
        """Return the id of a field's value, if it is known."""
        return self.vocabulary_.get(f"= {name}={value}")

    # --- one ticket -------------------------------------------------------------------------------------------

    def tokens(self, ticket: PreparedTicket) -> list[Token]:
        """Return the tokens of subject and body in order, with the ids of their own features."""
        tokens = [self._token(text, is_log, in_subject=True) for text, is_log in _tokens_of(ticket.subject)]
        tokens += [self._token(text, is_log, in_subject=False) for text, is_log in _tokens_of(ticket.body)]
        return tokens

    def _token(self, text: str, is_log: bool, *, in_subject: bool) -> Token:
        if is_log:
            words = tuple(words_of(text))
            return Token(text, self._known(map(word_feature, words)), words, in_subject)
        lowered = text.lower()
        cached = self._token_cache.get(lowered)
        if cached is None:
            cached = self._known(token_features(lowered)), tuple(words_of(lowered))
            if len(self._token_cache) < _CACHED_TOKENS:
                self._token_cache[lowered] = cached
        return Token(text, *cached, in_subject)

    def _known(self, names: Iterable[str]) -> tuple[int, ...]:
        lookup = self.vocabulary_.get
        return tuple([feature for name in names if (feature := lookup(name)) is not None])

    def field_ids(self, ticket: PreparedTicket) -> list[int]:
        """Return the ids of the ticket's known fields."""
        return list(self._known(self._field_features(ticket)))

    def row_of(self, tokens: Iterable[Token], field_ids: Iterable[int]) -> FeatureRow:
        """Return the counted features of these tokens and fields."""
        ids: list[int] = list(field_ids)
        words: list[str] = []
        for token in tokens:
            ids.extend(token.ids)
            words.extend(token.words)
            if token.in_subject:
                ids.extend(self.subject_ids(token.words))
        ids.extend(self.pair_ids(itertools.pairwise(words)))
        found, counts = np.unique(np.array(ids, np.int32), return_counts=True)
        return FeatureRow(found, counts.astype(np.float64))

    def pair_ids(self, pairs: Iterable[tuple[str, str]]) -> list[int]:
        """Return the ids of the known ones among pairs of neighbouring words."""
        return list(self._known(map(_pair_feature, pairs)))

    def subject_ids(self, words: Iterable[str]) -> list[int]:
        """Return the ids of the known ones among words of a subject."""
        return list(self._known(map(_subject_feature, words)))

    def row(self, ticket: PreparedTicket) -> FeatureRow:
        """Return the counted features of one ticket."""
        return self.row_of(self.tokens(ticket), self.field_ids(ticket))

    def weigh(self, row: FeatureRow) -> FloatArray:
        """Return the tf-idf values of a row's features, of unit length over the text; fields have a fixed value."""
        values: FloatArray = self.weigh_counts(row.ids, row.counts[None, :])[0]
        return values

    def weigh_counts(self, ids: IntArray, counts: FloatArray) -> FloatArray:
        """Return the values of several tickets over the same features: `counts` and result (tickets, len(ids))."""
        idf = self.idf_[ids]
        present = counts > 0
        values: FloatArray = np.where(present, 1.0 + np.log(np.where(present, counts, 1.0)), 0.0) * idf
        length = np.sqrt(np.einsum("ij,ij->i", values, values))
        values /= np.where(length > 0, length, 1.0)[:, None]
        values[present & (idf == 0.0)] = _FIELD_VALUE
        return values

    # --- many tickets -----------------------------------------------------------------------------------------

    def counts(self, tickets: Iterable[PreparedTicket]) -> sparse.csr_matrix:
        """Return the counts of many tickets, shape (tickets, features)."""
        rows = [self.row(ticket) for ticket in tickets]
        starts = np.cumsum([0] + [len(row.ids) for row in rows])
        ids = np.concatenate([row.ids for row in rows]) if rows else np.empty(0, np.int32)
        counts = np.concatenate([row.counts for row in rows]) if rows else np.empty(0)
        return sparse.csr_matrix((counts.astype(np.float32), ids, starts), shape=(len(rows), len(self.vocabulary_)))

    def weigh_matrix(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return the tf-idf values of counted tickets, row by row what `weigh` gives for each."""
        values = np.empty(counts.nnz, np.float64)
        for start, stop in zip(counts.indptr[:-1], counts.indptr[1:], strict=True):
            row = FeatureRow(counts.indices[start:stop], counts.data[start:stop].astype(np.float64))
            values[start:stop] = self.weigh(row)
        return sparse.csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)

    # --- plain formats ----------------------------------------------------------------------------------------

    def to_plain(self) -> tuple[dict[str, object], dict[str, FloatArray]]:
        """Return what was learned as a JSON-able mapping and arrays."""
        description: dict[str, object] = {
            "least_documents": self.least_documents,
            "most_features": self.most_features,
            "vocabulary": list(self.vocabulary_),
            "bucket_edges": {name: edges.tolist() for name, edges in self.bucket_edges_.items()},
        }
        return description, {"idf": self.idf_}

    @classmethod
    def from_plain(cls, description: Mapping[str, object], arrays: Mapping[str, FloatArray]) -> TicketVectorizer:
        """Rebuild a vectorizer from what `to_plain` gave."""
        vectorizer = cls(
            least_documents=int(str(description["least_documents"])),
            most_features=int(str(description["most_features"])),
        )
        edges, vocabulary = description["bucket_edges"], description["vocabulary"]
        assert isinstance(edges, dict)
        assert isinstance(vocabulary, list)
        vectorizer.bucket_edges_ = {str(name): np.array(values) for name, values in edges.items()}
        return vectorizer._learned(vocabulary, arrays["idf"])


def _idf(documents_with: int, documents: int) -> float:
    return float(np.log((1 + documents) / (1 + documents_with)) + 1)


def _is_field(name: str) -> bool:
    """Tell a field's feature; no n-gram has anything behind a space, so none can be taken for one."""
    return name.startswith("= ") and len(name) > 2


def _tokens_of(text: str) -> list[tuple[str, bool]]:
    """Return the runs of characters between spaces, each with whether it stands in a log."""
    if "\n" not in text:
        return [(token, False) for token in text.split()]
    return [(token, is_log) for line, is_log in marked_lines(text) for token in line.split()]


def _subject_feature(word: str) -> str:
    return f"s {word}"


def _pair_feature(pair: tuple[str, str]) -> str:
    return f"p {pair[0]} {pair[1]}"


def _bucket_edges(tickets: Sequence[PreparedTicket]) -> dict[str, FloatArray]:
    values: dict[str, list[float]] = {}
    for ticket in tickets:
        for name, value in ticket.numbers.items():
            if np.isfinite(value):
                values.setdefault(name, []).append(value)
    shares = np.linspace(0, 1, _NUMBER_BUCKETS + 1)[1:-1]
    return {name: np.unique(np.quantile(numbers, shares)) for name, numbers in values.items()}
