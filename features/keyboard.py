"""The two-set keyboard of Korea: what was typed, had the other layout been on."""

from __future__ import annotations

import re

from features.hangul import composed, letters_of

_KEYS = "qwertyuiopasdfghjklzxcvbnm"
_LETTERS = "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ"
_SHIFTED_KEYS, _SHIFTED_LETTERS = "QWERTOP", "ㅃㅉㄸㄲㅆㅒㅖ"
_LETTER_OF_KEY = str.maketrans(
    _KEYS + _KEYS.upper() + _SHIFTED_KEYS,
    # Shift changes no other letter: the capital that a telephone puts at the beginning is the plain key.
    _LETTERS + _LETTERS + _SHIFTED_LETTERS,
)
_KEY_OF_LETTER = str.maketrans(_LETTERS + _SHIFTED_LETTERS, _KEYS + _SHIFTED_KEYS.lower())

_TYPED = re.compile(r"(\W*)(?:([A-Za-z]{4,})|([ㄱ-ㅎㅏ-ㅣ가-힣]{2,}))(\W*)")
# Tears, laughs and the initial consonants of a courtesy are meant as they stand.
_SLANG = re.compile("[ㄱ-ㅎ]{2}|[ㅋㅎㅇㅠㅜㅡ]+")
# Korean may end in them, though they make no syllable. A single one is what three keys of an acronym make.
_KOREAN = re.compile("[가-힣]{2,}(?:[ㅋㅎㅠㅜㅡ]{2,})?")


def typed_otherwise(token: str) -> str:
    """Return what the same keys write on the other layout, or nothing where that can be no word.

    A word is a token of letters with signs around it; what has digits, dots or underscores inside, or is in capitals
    throughout, is a name. Latin keys make a Korean word where they are syllables to the end, two of them at least.
    """
    match = _TYPED.fullmatch(token)
    if match is None:
        return ""
    before, latin, hangul, after = match.groups()
    word = _korean(latin) if latin else _english(hangul)
    return f"{before}{word}{after}" if word else ""


def _korean(keys: str) -> str:
    if keys.isupper():
        return ""
    words = (composed(typed.translate(_LETTER_OF_KEY)) for typed in (keys, keys.lower()))
    return next((word for word in words if _KOREAN.fullmatch(word)), "")


def _english(letters: str) -> str:
    return "" if _SLANG.fullmatch(letters) else letters_of(letters).translate(_KEY_OF_LETTER)
