"""Greetings, closings, signatures and footers go; in doubt a line stays."""

from __future__ import annotations

import pytest

from features.courtesies import strip_courtesies

BODY = "3번 프린터에서 줄이 생겨요"
ENGLISH_BODY = "The label printer skips every third label"


@pytest.mark.parametrize(
    "greeting",
    [
        "안녕하세요. ",
        "안녕하세요 ",
        "안녕하십니까?\n",
        "수고하십니다. ",
        "담당자님, 안녕하세요!\n",
        "안녕하세요 담당자님\n",
        "안녕하세요! 수고 많으십니다 ^^\n",
    ],
)
def test_korean_greetings_go(greeting: str) -> None:
    """A greeting at the start is no part of the message."""
    assert strip_courtesies(greeting + BODY) == BODY


@pytest.mark.parametrize(
    "greeting",
    ["Hi team,\n", "Hello, ", "Dear all,\n\n", "Hi John,\n", "Good morning - ", "Dear Mr. Smith,\n", "Hey!\n"],
)
def test_english_greetings_go(greeting: str) -> None:
    """So in English, with or without a name."""
    assert strip_courtesies(greeting + ENGLISH_BODY) == ENGLISH_BODY


@pytest.mark.parametrize(
    "closing",
    [
        ".\n감사합니다.",
        "! 감사합니다 :)",
        "\n\n항상 감사합니다!\n홍길동 드림",
        "\n\n영업2팀 홍길동\n010-0000-1234",
        "\n홍길동 올림",
        "\n감사합니다.\n홍길동 과장\n하늘푸드 정보전략팀\nTel. 02-000-1234",
        "\n-- \n홍길동\nhong@haneul.example",
        "\n나의 iPhone에서 보냄",
        "\n\nSent from my iPhone",
        "\n수고하세요~",
    ],
)
def test_korean_closings_go(closing: str) -> None:
    """Thanks, names offered and signatures at the end go."""
    assert strip_courtesies(BODY + closing).rstrip(".!") == BODY


@pytest.mark.parametrize(
    "closing",
    [
        "\n\nThanks,\nMarieke",
        "\n\nBest regards,\nJohn Smith\nIT Manager\nHaneul Foods Pte. Ltd.\nT +65 0000 1234\n12 Marina Way, #10-01",
        "\n\nKind regards, Jin",
        "\n\nMany thanks in advance!",
        "\n\nSanjay Nair | Sales SEA",
        "\n\nCheers\nStefan Vos\nOperations Engineering",
        "\n\nGet Outlook for iOS",
    ],
)
def test_english_closings_go(closing: str) -> None:
    """So in English."""
    assert strip_courtesies(ENGLISH_BODY + closing) == ENGLISH_BODY


@pytest.mark.parametrize(
    "footer",
    [
        "This e-mail and any attachments are confidential and intended solely for the addressee. "
        "If you have received it in error, please delete it.",
        "CONFIDENTIALITY NOTICE: this message may contain privileged information.",
        "Please consider the environment before printing this e-mail.",
        "본 메일은 지정된 수신인만을 위한 것이며 기밀 정보를 포함할 수 있습니다. 무단 배포를 금합니다.",
        "이 메시지는 수신자만 볼 수 있으며, 잘못 수신된 경우 삭제해 주시기 바랍니다.",
    ],
)
def test_legal_footers_go(footer: str) -> None:
    """Confidentiality notices go in both languages."""
    assert strip_courtesies(f"{ENGLISH_BODY}\n\n{footer}") == ENGLISH_BODY


def test_banner_goes() -> None:
    """The gateway's banner above a mail goes, the mail stays."""
    banner = "CAUTION: This email originated from outside the organization. Do not click links."
    assert strip_courtesies(f"{banner}\n{ENGLISH_BODY}") == ENGLISH_BODY


@pytest.mark.parametrize(
    "text",
    [
        "hello world program does not compile",
        "Hi-res images are blurred on the projector",
        "이 메일은 기밀문서라고 뜨면서 안 열려요",
        "this message appears: disk full. who is the intended user?",
        "내일까지 답변 주시면 감사합니다",
        "소수점 반올림",
        "사진 파일 올림",
        "고객이 요구한 피해 배상",
        "Thanks,\nPS: the scanner is broken as well?",
        "steps:\n1. open it\n--\n2. then the screen turns white and nothing else happens for minutes, on each laptop",
        "two things\n--\nthe second is that my screen flickers all day long",
        "설정이 안 열려요\n\nAccess Denied",
        "it says\n\nBest\nERROR 0x80070005",
    ],
)
def test_what_only_looks_like_courtesy_stays(text: str) -> None:
    """A message that resembles a greeting, a signature or a footer is left alone."""
    assert strip_courtesies(text) == text
