"""Finds texts that are nearly the same: those whose word TF-IDF vectors have a cosine above .8.

The search is exact, but looks only at pairs that can reach the threshold. Words are sorted from rare to
common, and the prefix of a text is its rarest words, down to where what follows has a norm below
`_SUFFIX_NORM`. Two texts agree by less than that norm outside their prefixes, so a pair above the
threshold must make up the rest within them, where words are rare and pairs are few.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

NEAR_DUPLICATE_COSINE = 0.8
_SUFFIX_NORM = 0.6
_ROUNDING = 1e-5
# The most products of one block, which bounds its memory to about 200 MB.
_PRODUCTS_IN_BLOCK = 5_000_000
_PAIRS_IN_CHUNK = 100_000
_SCOUTS_COUNT = 200

IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
Matrix: TypeAlias = Any  # scipy.sparse.csr_array of float32


@dataclass(frozen=True, slots=True)
class _Vectors:
    """Normalised word vectors, their columns from rare to common words, and the prefixes of them."""

    whole: Matrix
    prefixes: Matrix


def near_duplicate_groups(texts: Sequence[str]) -> IntArray:
    """Return a group number per text: texts that are near duplicates, be it by way of others, share one.

    Groups are numbered in the order of their first text. Empty texts say nothing, so none is like another.
    """
    if not texts:
        return np.zeros(0, np.int64)
    told_apart = [text or f"\0{place}" for place, text in enumerate(_normalized(texts))]
    _, first, same_text = np.unique(np.array(told_apart, object), return_index=True, return_inverse=True)
    vectors = _rows(_vectors(texts), first)
    groups = _connected(vectors)[same_text]
    _, first_of_group, number = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_of_group)).astype(np.int64)[number]


def has_near_duplicate(texts: Sequence[str], others: Sequence[str]) -> BoolArray:
    """Return for each text whether one of the `others` is a near duplicate of it."""
    found = np.zeros(len(texts), np.bool_)
    if not texts or not others:
        return found
    normalized = _normalized(texts)
    found |= np.isin(normalized, _normalized(others)) & (normalized != "")
    both = _vectors([*texts, *others])
    left, right = _rows(both, np.arange(len(texts))), _rows(both, np.arange(len(texts), len(texts) + len(others)))
    for block in _blocks(right.prefixes, left.prefixes):
        # A text whose near duplicate is found is not looked at again.
        still_open = np.flatnonzero(~found)
        columns, rows = _candidates(right.prefixes[block], left.prefixes[still_open])
        _mark_near(found, still_open[rows], block[columns], left.whole, right.whole)
    return found


def _normalized(texts: Sequence[str]) -> NDArray[np.object_]:
    return np.array([" ".join(text.casefold().split()) for text in texts], dtype=object)


def _vectors(texts: Sequence[str]) -> _Vectors:
    try:
        counts = CountVectorizer(dtype=np.float32).fit_transform(texts)
    except ValueError:  # none of the texts holds a word
        counts = sparse.csr_array((len(texts), 1), dtype=np.float32)
    weights = sparse.csr_array(TfidfTransformer().fit_transform(counts))
    frequency = np.bincount(weights.indices, minlength=weights.shape[1])
    rank = np.argsort(np.argsort(frequency, kind="stable"), kind="stable")
    whole = sparse.csr_array((weights.data, rank[weights.indices], weights.indptr), shape=weights.shape)
    whole.sort_indices()
    return _Vectors(whole, _prefixes(whole))


def _prefixes(whole: Matrix) -> Matrix:
    """Return the vectors with nothing but the entries from which on a row still has the norm `_SUFFIX_NORM`."""
    running = np.concatenate([[0.0], np.cumsum(whole.data.astype(np.float64) ** 2)])
    row_ends = np.repeat(running[whole.indptr[1:]], np.diff(whole.indptr))
    remaining = row_ends - running[:-1]
    prefixes = whole.copy()
    prefixes.data[remaining < _SUFFIX_NORM**2 - _ROUNDING] = 0
    prefixes.eliminate_zeros()
    return prefixes


def _rows(vectors: _Vectors, rows: IntArray) -> _Vectors:
    return _Vectors(vectors.whole[rows], vectors.prefixes[rows])


def _connected(vectors: _Vectors) -> IntArray:
    """Return the number of each row's component in the graph of near duplicates."""
    count = vectors.whole.shape[0]
    groups = np.arange(count)
    everything = np.arange(count)
    # A few rows find what was sent thousands of times; within such a group nothing is left to compare.
    groups = _joined(groups, everything[:: max(1, count // _SCOUTS_COUNT)], everything, vectors)
    in_biggest = groups == np.bincount(groups).argmax()
    outside = np.flatnonzero(~in_biggest)
    return _joined(groups, outside, np.concatenate([outside, np.flatnonzero(in_biggest)]), vectors)


def _joined(groups: IntArray, rows: IntArray, others: IntArray, vectors: _Vectors) -> IntArray:
    """Return the groups after comparing `rows` with `others`; where both start alike each pair is taken once."""
    prefixes, other_prefixes = vectors.prefixes[rows], vectors.prefixes[others]
    starts_alike = np.array_equal(rows, others[: len(rows)])
    for block in _blocks(prefixes, other_prefixes):
        skipped = block[0] if starts_alike else 0
        left, right = _candidates(prefixes[block], other_prefixes[skipped:])
        groups = _merged(groups, rows[block[left]], others[skipped + right], vectors.whole)
    return groups


def _merged(groups: IntArray, left: IntArray, right: IntArray, whole: Matrix) -> IntArray:
    """Return the groups after joining those of the candidate pairs that are near duplicates."""
    while True:
        apart = groups[left] != groups[right]
        left, right = left[apart], right[apart]
        if not len(left):
            return groups
        near = _are_near(whole[left[:_PAIRS_IN_CHUNK]], whole[right[:_PAIRS_IN_CHUNK]])
        ends = groups[left[:_PAIRS_IN_CHUNK][near]], groups[right[:_PAIRS_IN_CHUNK][near]]
        links = sparse.coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(len(groups), len(groups)))
        groups = connected_components(links, directed=False)[1].astype(np.int64)[groups]
        left, right = left[_PAIRS_IN_CHUNK:], right[_PAIRS_IN_CHUNK:]


def _mark_near(found: BoolArray, rows: IntArray, others: IntArray, whole: Matrix, other_whole: Matrix) -> None:
    """Set `found` for the rows of which a candidate pair is near."""
    while len(rows):
        near = _are_near(whole[rows[:_PAIRS_IN_CHUNK]], other_whole[others[:_PAIRS_IN_CHUNK]])
        found[rows[:_PAIRS_IN_CHUNK][near]] = True
        rows, others = rows[_PAIRS_IN_CHUNK:], others[_PAIRS_IN_CHUNK:]
        still_open = ~found[rows]
        rows, others = rows[still_open], others[still_open]


def _blocks(prefixes: Matrix, other_prefixes: Matrix) -> Iterator[IntArray]:
    """Yield runs of rows whose products with all of the others stay within `_PRODUCTS_IN_BLOCK`."""
    frequency = np.bincount(other_prefixes.indices, minlength=prefixes.shape[1])
    products = np.concatenate([[0], np.cumsum(frequency[prefixes.indices])])[prefixes.indptr]
    start, count = 0, prefixes.shape[0]
    while start < count:
        end = int(np.searchsorted(products, products[start] + _PRODUCTS_IN_BLOCK, side="right")) - 1
        end = min(max(end, start + 1), count)
        yield np.arange(start, end)
        start = end


def _candidates(prefixes: Matrix, others: Matrix) -> tuple[IntArray, IntArray]:
    """Return the pairs of rows whose prefixes agree by enough that their texts can be near duplicates."""
    products = (prefixes @ others.T).tocoo()
    enough = products.data > NEAR_DUPLICATE_COSINE - _SUFFIX_NORM - _ROUNDING
    rows, columns = products.coords
    return rows[enough].astype(np.int64), columns[enough].astype(np.int64)


def _are_near(left: Matrix, right: Matrix) -> BoolArray:
    cosines = np.asarray(left.multiply(right).sum(axis=1), np.float64).ravel()
    return cosines > NEAR_DUPLICATE_COSINE
