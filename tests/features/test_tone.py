"""Tone goes, what is said stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.tone import is_polite, without_tone


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Please help. My mail is down!", "My mail is down"),
        ("Could you please reset it? Thanks", "reset it?"),
        ("권한 부탁드립니다. 행사 일정만 보면 됩니다.", "권한. 행사 일정만 보면 됩니다."),
        ("VPN이 안 됩니다!!! 감사합니다", "VPN이 안 됩니다"),
        ("바쁘신데 죄송하지만 서버가 죽었어요", "서버가 죽었어요"),
    ],
)
def test_politeness_is_taken_out(text: str, plain: str) -> None:
    """Asking, thanking and excusing go, with the stops that have lost their sentence."""
    assert without_tone(text) == plain


@pytest.mark.parametrize(
    "text", ["a != b; x!important", "대리님께 부탁하고 나왔는데 안 돼요", "mastermind", "please", "부탁드립니다!!!"]
)
def test_what_is_no_tone_stays(text: str) -> None:
    """Signs of code and other words stay, and so does a text that is nothing but tone."""
    assert without_tone(text) == text


@given(st.text(st.sampled_from("ab .,!?\n부탁드립니다감사please "), max_size=60))
def test_a_text_with_words_keeps_words(text: str) -> None:
    """No text with a word in it loses all of them."""
    assert any(sign.isalnum() for sign in without_tone(text)) == any(sign.isalnum() for sign in text)


def test_politeness_is_told() -> None:
    """A text that asks politely is known for it, one that only shouts is not."""
    assert is_polite("확인 부탁드립니다")
    assert not is_polite("It is down!!!")
