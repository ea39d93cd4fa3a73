"""Syllables of Hangul taken apart into the letters that are typed, and letters put together to syllables."""

from __future__ import annotations

import re

_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
# Letters that are typed as two.
_DOUBLES_IN_A_ROW = """
ㅘㅗㅏ ㅙㅗㅐ ㅚㅗㅣ ㅝㅜㅓ ㅞㅜㅔ ㅟㅜㅣ ㅢㅡㅣ
ㄳㄱㅅ ㄵㄴㅈ ㄶㄴㅎ ㄺㄹㄱ ㄻㄹㅁ ㄼㄹㅂ ㄽㄹㅅ ㄾㄹㅌ ㄿㄹㅍ ㅀㄹㅎ ㅄㅂㅅ
"""
_PAIR_OF = {double[0]: double[1:] for double in _DOUBLES_IN_A_ROW.split()}
_DOUBLE_OF = {pair: double for double, pair in _PAIR_OF.items()}

_FIRST, _LAST = 0xAC00, 0xD7A3
_SYLLABLES_OF_INITIAL = len(_VOWELS) * (len(_FINALS) + 1)
_SYLLABLES_OF_VOWEL = len(_FINALS) + 1


def _one_of(letters: str) -> str:
    """Return an expression for one of some letters, typed as one or as two; two are tried first."""
    pairs = "|".join(pair for pair, double in _DOUBLE_OF.items() if double in letters)
    return f"(?:{pairs}|[{letters}])"


# A consonant closes a syllable only where no vowel follows, which it would open the next one with.
_SYLLABLE = re.compile(f"([{_INITIALS}])({_one_of(_VOWELS)})({_one_of(_FINALS)}(?![{_VOWELS}]))?")


def letters_of(text: str) -> str:
    """Return the text with every syllable and double letter as the single letters that are typed for it."""
    return "".join(map(_letters, text))


def composed(letters: str) -> str:
    """Return the letters as syllables wherever they make one, as an input method composes them."""
    return _SYLLABLE.sub(_syllable, letters)


def _letters(sign: str) -> str:
    number = ord(sign) - _FIRST
    if not 0 <= number <= _LAST - _FIRST:
        return _PAIR_OF.get(sign, sign)
    initial, number = divmod(number, _SYLLABLES_OF_INITIAL)
    vowel, final = divmod(number, _SYLLABLES_OF_VOWEL)
    parts = (_INITIALS[initial], _VOWELS[vowel], _FINALS[final - 1] if final else "")
    return "".join(_PAIR_OF.get(part, part) for part in parts)


def _syllable(match: re.Match[str]) -> str:
    initial, vowel, final = (_DOUBLE_OF.get(part, part) for part in match.groups(""))
    number = _INITIALS.index(initial) * _SYLLABLES_OF_INITIAL + _VOWELS.index(vowel) * _SYLLABLES_OF_VOWEL
    return chr(_FIRST + number + (_FINALS.index(final) + 1 if final else 0))
