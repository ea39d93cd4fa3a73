"""Words typed on the other keyboard layout: told by what a model's vocabulary knows, and mended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.keyboard import typed_otherwise
from features.logs import marked_lines
from features.spelling import spelled
from features.token_features import features_as_written, token_features, word_feature

# A token is a slip where the vocabulary knows at most so many of its features, and at least so many of what the other
# layout would have written. Of the words of real tickets 95 % are found when they are slipped; of 100,000 that are
# not, two are taken for slips.
_MOST_KNOWN_OF_A_SLIP = 1 / 2
_MOST_KNOWN_OF_A_STRANGER = 1 / 3
_LEAST_KNOWN_OF_A_WORD = 1 / 2
_REMEMBERED_TOKENS = 100_000

_TOKEN = re.compile(r"\S+")
_LETTERS = re.compile(r"[^\W\d_]+")
_SYLLABLES = re.compile("[가-힣]+")


@dataclass(frozen=True, slots=True)
class Mended:
    """A text without slips, and for each word that stands in it for slips alone what was typed."""

    text: str
    typed: Mapping[str, str] = field(default_factory=dict)


class SlipMender:
    """Mends tokens that only the other keyboard layout makes a word of.

    `vocabulary` has the ids of known features; `is_common` (features,) those that more than one ticket had, since
    what one had may be a slip itself.
    """

    def __init__(self, vocabulary: Mapping[str, int], is_common: NDArray[np.bool_]) -> None:
        self._vocabulary = vocabulary
        self._is_common = is_common
        self._meant_by: dict[str, str] = {}

    def mend(self, text: str) -> Mended:
        """Return a cleaned text with its slips mended; logs stay as they are."""
        tokens = set(text.split())
        meant = {token: word for token in tokens if (word := self._remembered(token))}
        if not meant:
            return Mended(text)
        lines = [line if is_log else self._mended(line, meant) for line, is_log in marked_lines(text)]
        written = set(map(_letters, tokens))
        typed = {_letters(word): _letters(token) for token, word in meant.items()}
        return Mended("\n".join(lines), {word: token for word, token in typed.items() if word not in written})

    def _mended(self, line: str, meant: Mapping[str, str]) -> str:
        return _TOKEN.sub(lambda match: meant.get(match.group(), match.group()), line)

    def _remembered(self, token: str) -> str:
        meant = self._meant_by.get(token)
        if meant is None:
            meant = self._meant(token)
            if len(self._meant_by) < _REMEMBERED_TOKENS:
                self._meant_by[token] = meant
        return meant

    def _meant(self, token: str) -> str:
        """Return what a slip was meant to say, or nothing where a token is none."""
        other = typed_otherwise(token)
        if not other:
            return ""
        typed, word = _letters(token).lower(), _letters(other).lower()
        is_word = self._share_known([word_feature(spelled(word))]) > 0
        # Syllables that nobody knows may be Korean all the same: they are a slip only of a word, and of strangers.
        is_korean = _SYLLABLES.fullmatch(typed) is not None
        if is_korean and not is_word:
            return ""
        most_known = _MOST_KNOWN_OF_A_SLIP if is_word and not is_korean else _MOST_KNOWN_OF_A_STRANGER
        is_slip = (
            self._share_known(token_features(word)) >= _LEAST_KNOWN_OF_A_WORD
            and self._share_known(features_as_written(typed)) <= most_known
        )
        return other if is_slip else ""

    def _share_known(self, features: Sequence[str]) -> float:
        lookup = self._vocabulary.get
        known = [number for name in features if (number := lookup(name)) is not None]
        return float(np.count_nonzero(self._is_common[known])) / max(1, len(features))


def _letters(token: str) -> str:
    """Return a token without the signs around it."""
    return "".join(_LETTERS.findall(token))
