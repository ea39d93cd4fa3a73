"""What an encoder makes of texts as such, to be taken off before texts are compared.

Encoders tell questions from answers, and Korean from English, more than what a text is about. So texts of each kind
and language lose the mean of their own kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.article_examples import QUESTIONS
from features.encoder import TextEncoder
from features.errors import BundleError
from features.languages import Language, detect_language

Vectors: TypeAlias = NDArray[np.float32]

_LANGUAGES = (Language.KO, Language.EN)
# A language's own mean counts beside the mean of all as if so many of its texts had been seen before.
_TEXTS_OF_ALL = 10


@dataclass(frozen=True)
class LanguageMeans:
    """The mean of what an encoder makes of texts of one kind: rows for Korean, English and all together."""

    means: Vectors

    @classmethod
    def of(cls, vectors: Vectors, languages: Iterable[Language]) -> LanguageMeans:
        """Take the means of (texts, dimensions), those of a language with few texts near to the mean of all."""
        row_of = np.array([_row(language) for language in languages])
        everything = vectors.mean(axis=0, dtype=np.float64)
        means = [everything] * (len(_LANGUAGES) + 1)
        for row in range(len(_LANGUAGES)):
            own = vectors[row_of == row].sum(axis=0, dtype=np.float64)
            means[row] = (own + _TEXTS_OF_ALL * everything) / ((row_of == row).sum() + _TEXTS_OF_ALL)
        return cls(np.stack(means).astype(np.float32))

    @classmethod
    def from_array(cls, means: Vectors, *, dimensions: int) -> LanguageMeans:
        """Return the means that were stored; raise BundleError where they do not fit the vectors."""
        if means.shape != (len(_LANGUAGES) + 1, dimensions):
            raise BundleError("The stored means do not fit the vectors beside them. Train the model again.")
        return cls(means)

    def without(self, vector: Vectors, language: Language) -> Vectors:
        """Return a vector, (dimensions,), without the mean of its language, at unit length; zeros stay zeros."""
        if not vector.any():
            return vector
        centred = vector - self.means[_row(language)]
        return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-12), dtype=np.float32)

    def without_each(self, vectors: Vectors, languages: Iterable[Language]) -> Vectors:
        """Return vectors, (texts, dimensions), each without the mean of its text's language."""
        pairs = zip(vectors, languages, strict=True)
        return np.stack([self.without(vector, language) for vector, language in pairs])


def ticket_means(encoder: TextEncoder, texts: Sequence[str] = (), embeddings: Vectors | None = None) -> LanguageMeans:
    """Return the means over what is asked anywhere and over past tickets, (tickets, dimensions), where there are."""
    asked = [(question, language) for language, questions in QUESTIONS.items() for question in questions]
    vectors = np.stack([encoder.encode(question) for question, _ in asked])
    languages = [language for _, language in asked]
    if embeddings is not None:
        vectors = np.concatenate([vectors, embeddings])
        languages += [detect_language(text) for text in texts]
    return LanguageMeans.of(vectors, languages)


def embeddings_of(texts: Sequence[str], *, encoder: TextEncoder, known: Vectors | None = None) -> Vectors | None:
    """Return what the encoder makes of each text, the known vectors where they are given; None without texts.

    Raise ValueError where there is not one known vector a text.
    """
    if known is not None and len(known) != len(texts):
        raise ValueError(f"There are {len(texts)} texts and {len(known)} embeddings of them.")
    if known is not None or not texts:
        return known
    return np.stack([encoder.encode(" ".join(text.split())) for text in texts])


def _row(language: Language) -> int:
    return _LANGUAGES.index(language) if language in _LANGUAGES else len(_LANGUAGES)
