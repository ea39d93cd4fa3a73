"""Syllables come apart into the letters that are typed and come together again."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.hangul import composed, letters_of

FINALS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
SINGLE = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎㅏㅐㅑㅒㅓㅔㅕㅖㅗㅛㅜㅠㅡㅣ"
SYLLABLES = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), max_size=12)


@given(SYLLABLES)
def test_letters_compose_to_the_syllables_they_came_from(text: str) -> None:
    """Typing the letters of any Korean text writes that text: no syllable takes a letter of its neighbour."""
    assert composed(letters_of(text)) == text


@given(SYLLABLES)
def test_letters_are_those_of_unicode(text: str) -> None:
    """A syllable's letters are those of its decomposition, double ones as the two that are typed."""
    letters = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0x3131, 0x3164)}
    finals = dict(zip(map(chr, range(0x11A8, 0x11C3)), FINALS, strict=True))
    decomposed = "".join({**letters, **finals}[sign] for sign in unicodedata.normalize("NFD", text))
    assert letters_of(text) == letters_of(decomposed)
    assert set(letters_of(text)) <= set(SINGLE)


@pytest.mark.parametrize(
    ("letters", "text"),
    [
        ("ㅍㅡㄹㅣㄴㅌㅓ", "프린터"),
        ("ㅇㅏㄴㄷㅗㅐㅇㅛ", "안돼요"),
        ("ㅇㅏㄴㄷㅙㅇㅛ", "안돼요"),
        ("ㅇㅓㅂㅅㅇㅓ", "없어"),
        ("ㅇㅓㅂㅅㅓ", "업서"),
        ("ㅇㅣㄹㄱㅇㅓ", "읽어"),
        ("ㄱㅏㄲㅏ", "가까"),
        ("ㅇㅏㄸㅏ", "아따"),
        ("ㅠㅠ", "ㅠㅠ"),
        ("ㄱㅅ", "ㄱㅅ"),
        ("ㅗㅏ", "ㅗㅏ"),
        ("VPN ㅇㅣ", "VPN 이"),
    ],
)
def test_composes_as_an_input_method_does(letters: str, text: str) -> None:
    """A consonant opens the next syllable where a vowel follows; letters that make no syllable stay."""
    assert composed(letters) == text
