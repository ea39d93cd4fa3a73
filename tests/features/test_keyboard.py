"""What the same keys write on the other layout."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.keyboard import typed_otherwise


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("vmflsxj", "프린터"),
        ("dlTtmqslek", "있습니다"),
        ("dksehody", "안돼요"),
        ("qhrjqslek", "보겁니다"),
        ("Vmflsxj", "프린터"),
        ("(vmflsxj)!!", "(프린터)!!"),
        ("dksehodybb", "안돼요ㅠㅠ"),
        ("ㅔ개ㅠㅣ드", "problem"),
        ("ㅗ디ㅔ!", "help!"),
        ("쟈소", "with"),
        ("ㅅㄷㄴㅅ", "test"),
    ],
)
def test_keys_write_a_word_on_the_other_layout(typed: str, meant: str) -> None:
    """Latin keys make Korean syllables, Hangul gives the Latin keys that it was typed with; signs stay."""
    assert typed_otherwise(typed) == meant


@pytest.mark.parametrize(
    "token",
    [
        *("printer", "server", "hello", "mysql", "vpn"),  # no syllables throughout
        *("so", "it", "for", "and", "the", "dks", "tks", "dns", "sms"),  # one syllable
        *("SMS", "AUD", "ORA"),
        *("vmflsxj3", "prod_rk", "rk.rk", "C:\\rk\\rk", "rk-rk", "10.0.0.1", "rk=rk"),
        *("ㅠㅠ", "ㅋㅋㅋ", "ㄱㅅ", "ㅇㅋ", "ㅎㅎ!", "ㅡㅡ", "ㅠㅠㅋㅋ"),
        *("해", "", "...", "프린터3", "VPN이"),
    ],
)
def test_names_codes_and_slang_are_no_slips(token: str) -> None:
    """What is no word of letters, in capitals, of one syllable or slang says nothing else."""
    assert typed_otherwise(token) == ""


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12))
def test_a_slip_and_back_is_the_word(word: str) -> None:
    """Where Latin keys make Korean, that Korean was typed with these keys."""
    korean = typed_otherwise(word)
    if len(korean) > 1 and typed_otherwise(korean):
        assert typed_otherwise(korean) == word
