"""Articles that say the same: of several one is shown, and the others lead to it.

Two articles are copies where title and audience are the same and the bodies nearly so: a text that fits two systems
has two titles, and both are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.articles import KbArticle
from features.lexical_terms import TermRules, lexical_terms

# The cosine of the bodies' terms from which on a reader would not tell them apart.
_LEAST_COSINE = 0.98
_ROWS_AT_ONCE = 500
_RULES = TermRules()
_NO_WORD = re.compile(r"[\W_]+")
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def without_copies(articles: Sequence[KbArticle]) -> tuple[list[KbArticle], dict[str, str]]:
    """Return the articles to show, in their order, and for the id of each one left out the id shown in its place.

    Of copies the one that was updated last is shown, the first given where nothing says which.
    """
    shown_for: dict[int, int] = {}
    for places in _same_titles(articles):
        by_age = sorted(places, key=lambda place: articles[place].updated_at or _EARLIEST, reverse=True)
        shown_for.update(_nearly_same([articles[place] for place in by_age], by_age))
    kept = [article for place, article in enumerate(articles) if place not in shown_for]
    return kept, {articles[copy].id: articles[shown].id for copy, shown in shown_for.items()}


def _same_titles(articles: Sequence[KbArticle]) -> list[list[int]]:
    groups: dict[tuple[str, str], list[int]] = {}
    for place, article in enumerate(articles):
        title = _NO_WORD.sub(" ", article.title.lower()).strip()
        groups.setdefault((article.audience, title), []).append(place)
    return [places for places in groups.values() if len(places) > 1]


def _nearly_same(articles: Sequence[KbArticle], places: Sequence[int]) -> dict[int, int]:
    """Return for the place of each copy the place of the first article that it is a copy of."""
    matrix = _unit_counts([article.body for article in articles])
    shown_for: dict[int, int] = {}
    for start in range(0, len(places), _ROWS_AT_ONCE):
        cosines = (matrix[start : start + _ROWS_AT_ONCE] @ matrix.T).tocsr()
        for row in range(cosines.shape[0]):
            span = slice(cosines.indptr[row], cosines.indptr[row + 1])
            near = cosines.indices[span][cosines.data[span] >= _LEAST_COSINE]
            earlier = [places[other] for other in np.sort(near) if other < start + row]
            shown = next((place for place in earlier if place not in shown_for), None)
            if shown is not None:
                shown_for[places[start + row]] = shown
    return shown_for


def _unit_counts(texts: Sequence[str]) -> sparse.csr_matrix:
    """Return the terms of the texts as rows of unit length; a text without terms has an empty row."""
    numbers: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    values: list[NDArray[np.float64]] = []
    for row, text in enumerate(texts):
        counts = lexical_terms(text, rules=_RULES)
        if counts:
            weights = np.fromiter(counts.values(), np.float64, len(counts))
            values.append(weights / np.linalg.norm(weights))
            columns += [numbers.setdefault(term, len(numbers)) for term in counts]
            rows += [row] * len(counts)
    data = np.concatenate(values) if values else np.zeros(0)
    return sparse.csr_matrix((data, (rows, columns)), shape=(len(texts), max(len(numbers), 1)))
