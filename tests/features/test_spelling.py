"""What Koreans write in several ways is spelled in one, and nothing else is touched."""

from __future__ import annotations

import pytest

from features.spelling import spelled


@pytest.mark.parametrize(
    "ways",
    [
        ("안돼요", "안되요", "않되요", "안대요", "안돼여", "안되용", "안돼요ㅠㅠ", "안돼요!!!", "안되요..."),
        ("됐습니다", "됬습니다", "됫습니다", "됬읍니다"),
        ("있습니다", "있읍니다", "잇습니다"),
        ("모르겠습니다", "모르겟습니다"),
        ("했는데", "햇는데", "햇는대"),
        ("하는데", "하는대"),
        ("할게요", "할께요"),
        ("해주세요", "해주세여", "해주세용", "해주새요", "해주셰요"),
        ("감사합니다", "감사합니당", "감사합니다~~", "ㅈㅅ감사합니다ㅎㅎ"),
        ("되나요?", "돼나요?", "되나여??", "되나요???"),
    ],
)
def test_ways_to_write_one_thing_are_one(ways: tuple[str, ...]) -> None:
    """Endings typed by ear, tears and repeated signs make no other word."""
    assert len({spelled(way) for way in ways}) == 1


@pytest.mark.parametrize(
    "word",
    [
        *("내용", "사용", "비용이", "이용은", "병원에", "대기", "안내", "새로", "요청"),
        *("결제", "결재", "인터넷", "옷을", "것은"),
        *("printer", "0x80070005", "c:\\temp", "vpn-gw", "user@site", "3.5", "c++", "?"),
    ],
)
def test_other_words_stay(word: str) -> None:
    """Words that only look like a variant, and what is no Korean, are left alone."""
    assert spelled(word) == word


def test_words_that_differ_in_meaning_stay_apart() -> None:
    """Payment and approval sound alike and are two things."""
    assert spelled("결제가") != spelled("결재가")


@pytest.mark.parametrize("token", ["ㅠㅠ", "ㅋㅋㅋ", "ㄱㅅ", "ㅇㅇ", "!!!", "...", "ㅠ.ㅠ", ""])
def test_moods_alone_are_nothing(token: str) -> None:
    """A token of tears, laughs, initial consonants or signs says nothing of what is broken."""
    assert spelled(token) == ""
