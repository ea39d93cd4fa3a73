"""Characters that exports break come back as they were meant."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.characters import mend_characters

KOREAN = "안녕하세요, 결재가 안 올라갑니다"
ENGLISH = "I can’t sign in — “access denied”…"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ENGLISH, "latin-1"),
        (KOREAN, "latin-1"),
        ("can’t — it’s €5…", "cp1252"),
        ("프린터 — 오류", "cp1252"),
        ("한글 😀", "latin-1"),
    ],
)
def test_mends_utf8_read_as_western(text: str, encoding: str) -> None:
    """UTF-8 read as cp1252 or latin-1 turns back into what was written."""
    garbled = text.encode().decode(encoding)
    assert garbled != text
    assert mend_characters(garbled) == text


def test_mends_korean_mojibake() -> None:
    """Korean read byte by byte is Korean again, garbled once or twice."""
    once = KOREAN.encode().decode("latin-1")
    assert mend_characters(once) == KOREAN
    assert mend_characters(once.encode().decode("latin-1")) == KOREAN
    assert mend_characters("ì•ˆë…•") == "안녕"


@pytest.mark.parametrize("text", ["un café…”", "«É»", "SÃO PAULO", "Ä Ö Ü", "HÂTE", "ÀÉ"])
def test_leaves_accented_letters(text: str) -> None:
    """Accented letters beside punctuation are no mojibake."""
    assert mend_characters(text) == text


@pytest.mark.parametrize(
    ("raw", "mended"),
    [
        ("a_x000D_\nb", "a\nb"),
        ("\ufeffVPN\u200b down", "VPN down"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("soft\xadhyphen \x1b[31mred\x1b[0m\x00", "softhyphen red"),
        ("no\xa0break", "no break"),
        ("ＶＰＮ　１２３！", "VPN 123!"),
        ("ﾌﾟﾘﾝﾀ", "プリンタ"),
        ("ㅠㅠ 안돼요 ㅋㅋ", "ㅠㅠ 안돼요 ㅋㅋ"),
        ("ok\ud83d", "ok"),
        ("HelloÂ there", "Hello there"),
        ("A_x0041_B", "A_x0041_B"),
    ],
)
def test_mends_what_exports_leave(raw: str, mended: str) -> None:
    """Escapes, invisible characters, widths and line breaks are put right; a lone jamo stays itself."""
    assert mend_characters(raw) == mended


def test_composes_jamo() -> None:
    """A file name from macOS, spelled in jamo, is composed."""
    assert mend_characters(unicodedata.normalize("NFD", "한글 파일.hwp")) == "한글 파일.hwp"


@pytest.mark.parametrize(
    ("raw", "mended"),
    [
        ("ﾽￚﾩￜﾤﾼￆﾡￂ ﾷￂﾤﾧￎﾷￒ", "프린터가 안돼요"),
        ("ㅍㅡㄹㅣㄴㅌㅓㄱㅏ ㅇㅏㄴㄷㅙㅇㅛ", "프린터가 안돼요"),
        (unicodedata.normalize("NFKC", "안돼요 ㅠㅠ ㅋㅋ"), "안돼요 ㅠㅠ ㅋㅋ"),
        (unicodedata.normalize("NFKD", "읽었습니다 ㅜㅜ"), "읽었습니다 ㅜㅜ"),
    ],
)
def test_letters_make_the_words_they_were_typed_for(raw: str, mended: str) -> None:
    """Half-width letters and those of an input method that failed are composed; tears taken apart are tears again."""
    assert mend_characters(raw) == mended


@pytest.mark.parametrize("text", ["ㅠㅠ", "ㅋㅠㅋㅠ", "ㅇㅋㅠㅠ", "ㅗ디ㅔ", "ㅔ개ㅠㅣ드", "ㄱㅅㄱㅅ", "ㅜㅡㅜ"])
def test_tears_slang_and_slips_stay(text: str) -> None:
    """Letters that stand for themselves, or for another keyboard layout, make no syllables."""
    assert mend_characters(text) == text


@settings(max_examples=150)
@given(st.text() | st.text("ㅍㅡㄹㅣㄴㅌㅓㅠㅋ프ﾽￚ한 ", max_size=9))
def test_mending_twice_changes_nothing(text: str) -> None:
    """Mended text needs no mending."""
    mended = mend_characters(text)
    assert mend_characters(mended) == mended


def test_bounds_piled_marks() -> None:
    """A letter with fifty thousand marks keeps a few of them, so that composing stays linear."""
    assert len(mend_characters("a" + "\u0301\u0323" * 50_000)) < 20
