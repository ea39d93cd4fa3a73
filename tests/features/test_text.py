"""Cleaning keeps what the writer says, never empties a text, and is done when it is done."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text import MOST_CHARACTERS, clean_text

FORWARDED = """전달드립니다, 처리 요청드려요.

-----원본 메시지-----
보낸 사람: 홍길동 <hong@haneul.example>
보낸 날짜: 2026년 5월 3일 일요일 오후 3:14
받는 사람: 김하늘 <kim@haneul.example>
제목: FW: 라벨 프린터

안녕하세요, 3번 라인 라벨이 두 장씩 나옵니다.

감사합니다.
홍길동 드림
"""
HTML_MAIL = """<html><head><style>p {margin: 0}</style></head><body><p>Hi team,</p><p>the <b>dock</b> of my laptop
shows no picture &amp; does not charge.</p><div>Kind regards,<br>Marieke<br>T +31 10 000 0077</div>
<p>This message is intended only for the addressee. If you have received it in error, delete it.</p></body></html>"""


def test_forwarded_mail_becomes_what_it_asks() -> None:
    """Of a forwarded mail the covering line, the subject and the original's message stay."""
    assert clean_text(FORWARDED) == "전달드립니다, 처리 요청드려요.\n라벨 프린터\n3번 라인 라벨이 두 장씩 나옵니다."


def test_html_mail_becomes_its_message() -> None:
    """Of an HTML mail the sentence remains that the writer typed."""
    assert " ".join(clean_text(HTML_MAIL).split()) == "the dock of my laptop shows no picture & does not charge."


def test_escaped_html_is_html() -> None:
    """An export that escaped a body twice is read like the body."""
    assert clean_text("&amp;lt;p&amp;gt;monitor is black&amp;lt;/p&amp;gt;") == "monitor is black"


@pytest.mark.parametrize(
    "text",
    [
        "if a < b and b > c:\n    print(a)\n왜 안 나오나요?",
        "List<String> names = new ArrayList<>();",
        "----> 1 total = sum(rows)\n\nTypeError: 'int' object is not callable",
        "select * from plant where id <> 3 -- all but one",
        "0x80070005 나와요",
        "[오류] 저장 실패",
        "ERP에서 프린터로 출력이 안 됩니다 ㅠㅠ",
    ],
)
def test_plain_text_and_code_stay(text: str) -> None:
    """Code, comparisons and short error lines come through unchanged."""
    assert clean_text(text) == text


@pytest.mark.parametrize(
    "raw",
    [
        "안녕하세요",
        "감사합니다!",
        "Hi team,",
        "Best regards",
        "-- \nJohn",
        "<title>printer</title>",
        "RE:",
        "> ok",
        "FYI",
    ],
)
def test_a_text_of_nothing_else_stays(raw: str) -> None:
    """Where cleaning would leave nothing, less is taken out."""
    assert any(sign.isalnum() for sign in clean_text(raw))


def test_empty_stays_empty() -> None:
    """Nothing to say stays nothing."""
    assert clean_text("") == ""
    assert clean_text(" \r\n\u200b_x000D_") == ""


def test_inline_images_go() -> None:
    """The marks that mail programs leave for pictures go."""
    assert (
        clean_text("see [cid:image001.png@01D] the red lamp <image002.png>\n[image: logo.png]") == "see  the red lamp"
    )


def test_long_texts_are_capped() -> None:
    """A text of a million characters gives the first few thousand."""
    cleaned = clean_text("프린터 " * 400_000)
    assert MOST_CHARACTERS - 10 <= len(cleaned) <= MOST_CHARACTERS
    assert clean_text(cleaned) == cleaned


def test_a_long_log_is_shortened_before_it_is_capped() -> None:
    """The error at the end of a log longer than the cap survives."""
    log = "\n".join(f"2026-05-03 09:{second // 60:02}:{second % 60:02} INFO [main] step ok" for second in range(1000))
    assert "disk is full" in clean_text(f"{log}\n2026-05-03 10:00:00 ERROR [main] disk is full")


PIECES = [
    *(
        "안녕하세요. ",
        "감사합니다.",
        "홍길동 드림",
        "VPN이 안돼요",
        "전달드립니다",
        "FYI",
        "Hi team,",
        "Best regards,",
        "John Smith",
    ),
    *(
        "\n",
        "\n\n",
        "> ",
        ">>> ",
        "-- ",
        "<b>",
        "</b>",
        "<br>",
        "<div>",
        "&lt;",
        "&amp;",
        "&nbsp;",
        "if a < b",
        "_x000D_",
        "\r\n",
    ),
    *(
        "From: a@haneul.example",
        "Subject: RE: down",
        "To: desk",
        "Sent: Monday",
        "보낸 사람: 홍길동",
        "제목: 문의",
        "날짜: 5월 3일",
    ),
    *(
        "-----Original Message-----",
        "On 4 May 2026, Kim wrote:",
        "2026년 5월 3일 홍길동 작성:",
        "Sent from my iPhone",
        "RE: ",
    ),
    *(
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in x',
        "\tat a.b.C(D.java:1)",
        "ValueError: x",
        "Ã¬Â•Âˆ",
    ),
    *(
        "09:12:01 ERROR [x] down",
        "09:12:02 INFO [x] up",
        "This message is intended only for",
        "010-0000-1234",
        "\u200b",
        "\u1112",
    ),
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=30))
def test_cleaning_twice_changes_nothing(pieces: list[str]) -> None:
    """A clean text is clean, and one with words never becomes empty."""
    raw = "".join(pieces)
    cleaned = clean_text(raw)
    assert clean_text(cleaned) == cleaned
    visible = raw.replace("_x000D_", "").replace("\u1112", "")
    if any(sign.isascii() and sign.isalnum() for sign in visible):
        assert any(sign.isalnum() for sign in cleaned)


HOSTILE_CHARACTERS = 50_000
HOSTILE = [
    *("<", ">", "a@", "1-", " ", "\n>", "\n> a", "\t", "\n", "a", "ㅠ", "\r"),
    *("<div ", "<script>", "<!--", "&amp;", "&lt;", "<b>", "<<b>b>"),
    *(
        "From: ",
        "From: a@b Date: c Subject: d ",
        "On 2 wrote:\n",
        "-- \n",
        "감사합니다 ",
        "Best regards\n",
        "홍길동 드림\n",
        "hi all ",
        "re: ",
    ),
    *(
        "12:00:00 a\n",
        "  at a.b(\n",
        '  File "\n',
        "this email is ",
        "if you are not the ",
        "sent from my ",
        "Ã",
        "a\u0301\u0323",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_length_alone(piece: str) -> None:
    """A text built to make expressions backtrack takes about twice as long when it is twice as long."""
    half, whole = (_fastest(piece, length) for length in (HOSTILE_CHARACTERS // 2, HOSTILE_CHARACTERS))
    # Below the floor the clock says nothing; a quadratic step at this length takes seconds.
    assert whole < max(4 * half, 0.25)


def _fastest(piece: str, length: int) -> float:
    text = (piece * length)[:length]
    spent: list[float] = []
    for _ in range(2):
        start = time.process_time()
        clean_text(text)
        spent.append(time.process_time() - start)
    return min(spent)
