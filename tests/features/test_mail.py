"""History is cut under a real covering text and kept under one that says little."""

from __future__ import annotations

import pytest

from features.mail import strip_mail

ORIGINAL = "창고 2동 핸드 스캐너가 모두 꺼졌습니다. 출고가 멈춰 있습니다."
ENGLISH_ORIGINAL = "All hand scanners in shed 2 are dead and nothing can be shipped."
KOREAN_HEADERS = (
    "보낸 사람: 홍길동 <hong@haneul.example>\n보낸 날짜: 2026년 5월 3일 일요일 오후 3:14\n"
    "받는 사람: 서비스데스크 <desk@haneul.example>\n참조: 물류팀\n제목: RE: 스캐너 전원 문의"
)
ENGLISH_HEADERS = (
    "From: Kim <kim@haneul.example>\nSent: Monday, 4 May 2026 09:12\nTo: Desk\nCc: Vos\nSubject: FW: scanners dead"
)


@pytest.mark.parametrize(
    "cover",
    [
        "전달드립니다, 처리 요청드려요.",
        "아래 메일 확인 부탁드립니다.",
        "FYI",
        "pls handle",
        "Hi team, please see below. Thanks",
        "",
    ],
)
@pytest.mark.parametrize("separator", ["", "-----원본 메시지-----\n", "---------- Forwarded message ---------\n"])
def test_original_stays_under_a_cover_that_says_little(cover: str, separator: str) -> None:
    """The forwarded original is the ticket, its subject first, its headers gone."""
    said = strip_mail(f"{cover}\n\n{separator}{KOREAN_HEADERS}\n\n{ORIGINAL}")
    assert said.endswith(f"스캐너 전원 문의\n{ORIGINAL}")
    assert "보낸 사람" not in said
    assert "RE:" not in said
    assert "hong@" not in said


@pytest.mark.parametrize(
    "history",
    [
        f"-----Original Message-----\n{ENGLISH_HEADERS}\n\n{ENGLISH_ORIGINAL}",
        f"{ENGLISH_HEADERS}\n\n{ENGLISH_ORIGINAL}",
        f"On Mon, 4 May 2026 at 09:12, Kim <kim@haneul.example> wrote:\n\n> {ENGLISH_ORIGINAL}",
        f"On Mon, 4 May 2026 at 09:12, Kim\n<kim@haneul.example> wrote:\n> {ENGLISH_ORIGINAL}",
        f"2026년 5월 3일 (일) 오후 3:14, 홍길동 <hong@haneul.example>님이 작성:\n\n> {ORIGINAL}",
        f"2026년 5월 3일 (일) 오후 3:14 홍길동 작성:\n{ORIGINAL}",
        f"{KOREAN_HEADERS}\n\n{ORIGINAL}",
        f"> {ENGLISH_ORIGINAL}\n> Please help.\n>> and even older words",
    ],
)
def test_history_is_cut_under_a_real_cover(history: str) -> None:
    """What the sender writes now stands for itself."""
    cover = "스캐너 세 대는 충전 후 살아났고 두 대는 여전히 안 켜집니다. 교체해 주세요."
    assert strip_mail(f"{cover}\n\n{history}") == cover


def test_answer_below_the_quotation_stays() -> None:
    """An answer written under the quotation is the message."""
    quotation = "On Mon, 4 May 2026, Desk <desk@haneul.example> wrote:\n> did you reboot?\n> and then?"
    assert strip_mail(f"{quotation}\n\nYes, twice, still a blue screen.") == "Yes, twice, still a blue screen."


def test_quotation_alone_stays_without_its_marks() -> None:
    """Where nothing else is said, the quoted lines are the ticket."""
    assert strip_mail("FYI\n\n> the plotter is out of ink\n> and nobody has the key") == (
        "FYI\nthe plotter is out of ink\nand nobody has the key"
    )


def test_chain_goes_on_until_something_is_said() -> None:
    """A mail handed on twice gives the message that started it, and nothing older."""
    said = strip_mail(
        f"FYI\n\n{ENGLISH_HEADERS}\n\npls check\n\n-----Original Message-----\nFrom: Vos <v@haneul.example>\n"
        f"Subject: dead\n\n{ENGLISH_ORIGINAL}\n\n-----Original Message-----\nFrom: X <x@haneul.example>\n"
        "Date: May\n\nolder words"
    )
    assert ENGLISH_ORIGINAL in said
    assert "older words" not in said


def test_headers_on_one_line_are_headers() -> None:
    """Headers that lost their line breaks are found, and the subject stays."""
    assert strip_mail(f"From: a@haneul.example Sent: Monday To: Desk Subject: scanners dead {ENGLISH_ORIGINAL}") == (
        f"scanners dead {ENGLISH_ORIGINAL}"
    )


def test_headers_with_folded_recipients_are_headers() -> None:
    """Recipients that run over a line belong to the headers."""
    headers = "From: Kim <k@haneul.example>\nTo: a@haneul.example;\n  b@haneul.example\nSubject: scanners"
    assert strip_mail(f"{headers}\n\n{ENGLISH_ORIGINAL}") == f"scanners\n{ENGLISH_ORIGINAL}"


@pytest.mark.parametrize(
    "subject", ["RE: FW: VPN down", "Fwd: VPN down", "[External] Re[2]: VPN down", "회신: VPN down"]
)
def test_reply_prefixes_go(subject: str) -> None:
    """A subject loses what replying and forwarding put before it."""
    assert strip_mail(subject) == "VPN down"


@pytest.mark.parametrize(
    "text",
    [
        "제목: 노트북 교체\n날짜: 2026-05-03\n내용: 화면이 깜빡입니다",
        "From: Seoul\nTo: Busan\nthe booking page is empty",
        ">>> import plant\n>>> plant.start()\nRuntimeError: closed",
        "> my-app@1.0.0 start\n> react-scripts start\nsh: command not found",
        "설정\n> 네트워크\n> VPN 이 안 열려요",
        "지난주에 보고서를 작성:\n표가 밀립니다",
        "note: the form says\nSubject: unknown\nand closes",
    ],
)
def test_what_only_looks_like_mail_stays(text: str) -> None:
    """Forms, routes, prompts and menu paths are no mail."""
    assert strip_mail(text) == text
