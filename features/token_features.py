"""The features of one token by name: its words and character n-grams, in the one spelling.

A Korean token's n-grams have 1 to 4 characters (stems, particles and endings come apart) and know nothing of its ends,
since spaces are left out; others have 3 and 4. A Latin word in a Korean token is a token of its own, and one that both
languages use has the n-grams of the Korean too.
"""

from __future__ import annotations

import re

from features.loan_words import KOREAN_OF
from features.spelling import spelled

HANGUL = re.compile("[ㄱ-ㅎㅏ-ㅣ가-힣]")
_WORD = re.compile(r"[^\W_]+")
_LATIN_IN_KOREAN = re.compile("[a-z]{2,}|[0-9]{2,}")
_KOREAN_NGRAMS = (1, 4)
_OTHER_NGRAMS = (3, 4)
_LONGEST_TOKEN = 40


def words_of(token: str) -> list[str]:
    """Return the words in a token as they are counted."""
    return _WORD.findall(spelled(token.lower()))


def token_features(token: str) -> list[str]:
    """Return the words and character n-grams of a token."""
    return features_as_written(spelled(token.lower()))


def features_as_written(token: str) -> list[str]:
    """Return the same of a token whose spelling is left alone; a very long one (a hash, a link) is cut."""
    words = _WORD.findall(token)
    token = token[:_LONGEST_TOKEN]
    if HANGUL.search(token):
        features = _ngrams(token, *_KOREAN_NGRAMS)
        for word in _LATIN_IN_KOREAN.findall(token):
            features += _ngrams(f" {word} ", *_OTHER_NGRAMS)
            words.append(word)
    else:
        features = _ngrams(f" {token} ", *_OTHER_NGRAMS)
    for word in words:
        features.append(word_feature(word))
        if word in KOREAN_OF:
            features += _ngrams(KOREAN_OF[word], *_KOREAN_NGRAMS)
    return features


def word_feature(word: str) -> str:
    """Return the name of a word's feature."""
    return f"w {word}"


def _ngrams(text: str, shortest: int, longest: int) -> list[str]:
    size = len(text)
    return [
        text[at : at + length] for length in range(shortest, min(longest, size) + 1) for at in range(size - length + 1)
    ]
