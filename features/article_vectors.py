"""What an encoder makes of the articles: a vector for each passage, and how near a ticket is to the best of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.article_passages import passages_of
from features.articles import KbArticle
from features.encoder import TextEncoder, TextRole
from features.errors import BundleError
from features.language_means import LanguageMeans, Vectors
from features.languages import Language
from features.lexical_index import Floats

# How much of an article's nearness is that of all its passages together: one of many may be near by chance.
WHOLE_SHARE = 0.2


@dataclass(frozen=True)
class ArticleVectors:
    """The passages' vectors, centred, at unit length and in half precision; article a's begin at row `starts[a]`."""

    tickets: LanguageMeans
    passages: NDArray[np.float16]
    starts: NDArray[np.int64]

    @classmethod
    def fit(
        cls,
        articles: Sequence[KbArticle],
        *,
        encoder: TextEncoder,
        tickets: LanguageMeans,
        languages: Sequence[Language],
    ) -> ArticleVectors:
        """Encode the passages of the articles, whose texts are cleaned; there is at least one article."""
        passages = [(text, number) for number, article in enumerate(articles) for text in passages_of(article)]
        vectors = np.stack([encoder.encode(text, role=TextRole.PASSAGE) for text, _ in passages])
        language_of = [languages[number] for _, number in passages]
        centred = LanguageMeans.of(vectors, language_of).without_each(vectors, language_of)
        starts = np.searchsorted([number for _, number in passages], np.arange(len(articles)))
        return cls(tickets, centred.astype(np.float16), starts)

    def cosines(self, vector: Vectors) -> Floats:
        """Return for each article the cosine with a ticket's centred vector, (articles,): of its best passage for the
        most part, of the mean of its passages for `WHOLE_SHARE`.
        """
        best = np.maximum.reduceat(self._passages @ vector, self.starts)
        mixed = (1.0 - WHOLE_SHARE) * best + WHOLE_SHARE * (self._wholes @ vector)
        return np.asarray(mixed, dtype=np.float64)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the vectors as plain arrays."""
        return {"ticket_means": self.tickets.means, "passages": self.passages, "first_passages": self.starts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, article_count: int) -> ArticleVectors:
        """Return the vectors that were stored; raise BundleError where they do not fit the articles."""
        try:
            means, passages, starts = arrays["ticket_means"], arrays["passages"], arrays["first_passages"]
            vectors = cls(LanguageMeans.from_array(means, dimensions=passages.shape[1]), passages, starts)
        except (KeyError, IndexError) as error:
            raise BundleError(f"The stored article vectors lack {error}. Train the model again.") from None
        if not (
            len(starts) == article_count > 0 == starts[0] and bool(np.all(np.diff(starts, append=len(passages)) > 0))
        ):
            raise BundleError("The stored article vectors do not fit the articles. Train the model again.")
        return vectors

    @cached_property
    def _passages(self) -> Vectors:
        """The passages in single precision: numpy multiplies halves one by one."""
        return self.passages.astype(np.float32)

    @cached_property
    def _wholes(self) -> Vectors:
        """The mean of each article's passages, at unit length."""
        sums = np.add.reduceat(self._passages, self.starts)
        return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12), dtype=np.float32)
