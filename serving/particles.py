"""Korean particles as a word's last sound asks for them: 을 or 를, 으로 or 로.

Hangul and digits are certain; a Latin word is read as it is commonly transcribed, and where that cannot be told both
forms are written, as in 을(를). Knows nothing of notes.
"""

from __future__ import annotations

import re
from enum import Enum, auto


class _Ending(Enum):
    """The sound that a word ends in, as far as particles care."""

    VOWEL = auto()
    RIEUL = auto()
    CONSONANT = auto()
    UNKNOWN = auto()


_OBJECT = {_Ending.VOWEL: "를", _Ending.RIEUL: "을", _Ending.CONSONANT: "을", _Ending.UNKNOWN: "을(를)"}
_DIRECTION = {_Ending.VOWEL: "로", _Ending.RIEUL: "로", _Ending.CONSONANT: "으로", _Ending.UNKNOWN: "(으)로"}

_FIRST_SYLLABLE, _LAST_SYLLABLE = "가", "힣"
_FINALS, _RIEUL = 28, 8
# 영 일 이 삼 사 오 육 칠 팔 구; a zero behind other digits is 십, 백, 천 or 만, consonants as well.
_ENDING_OF_DIGIT = {
    **dict.fromkeys("2459", _Ending.VOWEL),
    **dict.fromkeys("178", _Ending.RIEUL),
    **dict.fromkeys("036", _Ending.CONSONANT),
}
# 엘 and 알, 엠 and 엔; the other letters' names end in a vowel.
_ENDING_OF_LETTER = {**dict.fromkeys("lr", _Ending.RIEUL), **dict.fromkeys("mn", _Ending.CONSONANT)}
_LONGEST_ABBREVIATION = 4
# As in 메일 and 모바일; 프린팅, 폰, 그룹, 토픽 and 피드백; 하드웨어, 네트워크, 어카운트 and 헬프.
_ENDINGS_OF_LATIN = (
    (_Ending.RIEUL, re.compile(r"le?$")),
    (_Ending.CONSONANT, re.compile(r"(?:ng|[mn]e?|[aeiou]p|ic|ck|ook)$")),
    (_Ending.VOWEL, re.compile(r"(?:[aeiouyhrsxzfdvwg]|[^aeiou][ktp])$")),
)
_LAST_PART = re.compile(r"(?:[A-Za-z]+|[^\W_])[\W_]*\Z")


def with_object_particle(word: str) -> str:
    """Return the word with 을 or 를."""
    return word + _OBJECT[_ending(word)]


def with_direction_particle(word: str) -> str:
    """Return the word with 으로 or 로."""
    return word + _DIRECTION[_ending(word)]


def _ending(word: str) -> _Ending:
    """Return the sound that a word ends in; signs behind its last letter are not spoken."""
    found = _LAST_PART.search(word)
    if not found:
        return _Ending.UNKNOWN
    last = re.sub(r"[\W_]", "", found.group())
    if _FIRST_SYLLABLE <= last <= _LAST_SYLLABLE:
        return _ending_of_syllable(last)
    return _ENDING_OF_DIGIT.get(last) or _ending_of_latin(last)


def _ending_of_syllable(syllable: str) -> _Ending:
    final = (ord(syllable) - ord(_FIRST_SYLLABLE)) % _FINALS
    if not final:
        return _Ending.VOWEL
    return _Ending.RIEUL if final == _RIEUL else _Ending.CONSONANT


def _ending_of_latin(word: str) -> _Ending:
    """Return how a Latin word is heard in Korean; capitals and single letters are spelt out."""
    lower = word.lower()
    if not (word.isascii() and word.isalpha()):
        return _Ending.UNKNOWN
    if len(word) == 1 or (word.isupper() and len(word) <= _LONGEST_ABBREVIATION):
        return _ENDING_OF_LETTER.get(lower[-1], _Ending.VOWEL)
    return next((ending for ending, pattern in _ENDINGS_OF_LATIN if pattern.search(lower)), _Ending.UNKNOWN)
