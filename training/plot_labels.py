"""How labels are written in figures: with a font that holds Korean letters, or else in Latin ones."""

from __future__ import annotations

from collections.abc import Iterable

_KOREAN_FONTS = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "NanumBarunGothic",
    "Source Han Sans KR",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "AppleGothic",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "UnDotum",
    "Baekmuk Gulim",
)
_LONGEST = 28

# The letters of a Hangul syllable in the Revised Romanization of Korean, without assimilation.
_FIRST = ("g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h")
_VOWELS = ("a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu")
_MIDDLE = (*_VOWELS, "eu", "ui", "i")
_LAST = ("", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t", "t", "ng")
_FINAL = (*_LAST, "t", "t", "k", "t", "p", "t")
_FIRST_SYLLABLE, _LAST_SYLLABLE = ord("가"), ord("힣")


def korean_font(installed: Iterable[str]) -> str | None:
    """Return the best installed font family that holds Korean letters, if there is one."""
    present = set(installed)
    return next((name for name in _KOREAN_FONTS if name in present), None)


def legible(label: str, *, font: str | None) -> str:
    """Return a label as a figure shows it: shortened where long, and in Latin letters where no font is Korean."""
    written = label if font else "".join(map(_romanized, label))
    return written if len(written) <= _LONGEST else written[: _LONGEST - 1] + "…"


def _romanized(letter: str) -> str:
    if not _FIRST_SYLLABLE <= ord(letter) <= _LAST_SYLLABLE:
        return letter
    rest, final = divmod(ord(letter) - _FIRST_SYLLABLE, len(_FINAL))
    first, middle = divmod(rest, len(_MIDDLE))
    return _FIRST[first] + _MIDDLE[middle] + _FINAL[final]
