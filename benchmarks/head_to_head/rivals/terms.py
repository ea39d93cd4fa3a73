"""Texts as weighed n-grams: words, or characters where the tickets are Korean. What plain rivals start from."""

from __future__ import annotations

from sklearn.feature_extraction.text import TfidfVectorizer


def tf_idf(*, is_korean: bool) -> TfidfVectorizer:
    """Return words and pairs of words, or two to four characters within words; counts damped by a logarithm."""
    grams = {"analyzer": "char_wb", "ngram_range": (2, 4)} if is_korean else {"ngram_range": (1, 2)}
    return TfidfVectorizer(sublinear_tf=True, **grams)
