"""The terms under which texts are found again: stemmed English words, pairs and syllables of Hangul.

Owns how a cleaned text becomes weighted terms for search. Knows nothing of indexes or of classifiers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from features.spelling import spelled

# Scripts that are written without, or with unreliable, spaces: kana, Han and Hangul.
_DENSE_SCRIPT = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_TOKEN = re.compile(f"[{_DENSE_SCRIPT}]+|[^\\W_{_DENSE_SCRIPT}]+")
_FIRST_DENSE, _LAST_DENSE = "\u3040", "\ud7a3"
_LONGEST_WORD = 40
_REMEMBERED_TOKENS = 1 << 16
_LONE_LETTERS = re.compile("[ㄱ-ㅎㅏ-ㅣ]+")

# Question and function words: rare in the formal prose of articles, so that rarity alone would trust them.
_STOP_WORDS_IN_A_ROW = """
    a about after again all also am an and any are as at be because been before being below both but by can could
    d did do does doing don down during each few for from further had has have having he her here him his how i if in
    into is it its just let ll m me more most my no nor not now of off on once only or other our out over own re s
    same she should so some such t than that the their them then there these they this those through to too under
    until up ve very was we were what when where which while who whom why will with would you your yours
"""
_STOP_WORDS = frozenset(_STOP_WORDS_IN_A_ROW.split())


@dataclass(frozen=True, slots=True)
class TermRules:
    """What counts as a term beside stemmed words and pairs of syllables, and how much one occurrence weighs."""

    word_pair_weight: float = 0.0
    syllable_weight: float = 0.0


def lexical_terms(text: str, *, rules: TermRules) -> dict[str, float]:
    """Return the terms of a text with their weighted counts."""
    counts: dict[str, float] = {}
    previous = ""
    for token in _TOKEN.findall(text.lower()):
        if _FIRST_DENSE <= token[0] <= _LAST_DENSE:
            previous = ""
            _count_dense(_plain(token), counts, syllable_weight=rules.syllable_weight)
        elif word := _stem(token):
            counts[word] = counts.get(word, 0.0) + 1.0
            if rules.word_pair_weight and previous:
                pair = f"{previous} {word}"
                counts[pair] = counts.get(pair, 0.0) + rules.word_pair_weight
            previous = word
    return counts


def _count_dense(token: str, counts: dict[str, float], *, syllable_weight: float) -> None:
    for pair in _pairs(token):
        counts[pair] = counts.get(pair, 0.0) + 1.0
    if syllable_weight:
        for syllable in token:
            # The mark keeps a syllable apart from a word of one syllable.
            counts[f".{syllable}"] = counts.get(f".{syllable}", 0.0) + syllable_weight


_plain = lru_cache(maxsize=_REMEMBERED_TOKENS)(spelled)


@lru_cache(maxsize=_REMEMBERED_TOKENS)
def _pairs(token: str) -> tuple[str, ...]:
    return (token,) if len(token) == 1 else tuple(token[start : start + 2] for start in range(len(token) - 1))


@lru_cache(maxsize=_REMEMBERED_TOKENS)
def _stem(word: str) -> str:
    """Return the word without its commonest English endings; nothing for a stop word, and for tears and laughs."""
    if word in _STOP_WORDS or _LONE_LETTERS.fullmatch(word):
        return ""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    if len(word) > 4 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "lse":
        word = word[:-1]
    return word[:_LONGEST_WORD]
