"""Slips to the other keyboard layout are told by what is known, mended, and quoted as they were typed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.glossary import Glossary
from features.languages import Language
from features.preparation import PreparedTicket, Preparer
from features.slips import SlipMender
from features.tickets import Ticket
from features.vectorizer import TicketVectorizer

TEXTS = [
    "3층 프린터가 안돼요 종이가 걸렸습니다",
    "프린터가 계속 꺼집니다 확인 부탁드려요",
    "메일이 안 와요 확인 부탁드려요",
    "메일 서버에 접속이 안돼요",
    "비밀번호를 잊었습니다 초기화 부탁드려요",
    "비밀번호 초기화 메일이 안 와요",
    "the printer does not work, please help",
    "please help, the mail server does not answer",
    "my password does not work and the answer is missing",
    "server problem: mail is down again",
    "problem with the printer driver, server rejects the login",
    "the driver needs an update, login works",
]
VECTORIZER = TicketVectorizer().fit([PreparedTicket(text, "", text, Language.OTHER) for text in TEXTS])
MENDER = VECTORIZER.slips


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("vmflsxjrk dksehody", "프린터가 안돼요"),
        ("vmflsxjrk 또 안돼요.", "프린터가 또 안돼요."),
        ("qlalfqjsgh ghkrdls!!", "비밀번호 확인!!"),
        ("ㅔ갸ㅜㅅㄷㄱ ㅔ개ㅠㅣ드, ㅔㅣㄷㅁㄴㄷ ㅗ디ㅔ", "printer problem, please help"),
        ("server가 vmflsxj에서\ndksehody", "server가 vmflsxj에서\n안돼요"),
    ],
)
def test_words_that_the_vocabulary_knows_are_mended(typed: str, meant: str) -> None:
    """A token that is known only as it would be on the other layout is read so, signs and lines as they were."""
    assert MENDER.mend(typed).text == meant


@pytest.mark.parametrize(
    "text",
    [
        *TEXTS,
        "answer the server please",
        "tjqj-01 rk_rk C:\\dks\\dks dks3 DKSEHO",
        "안돼요ㅠㅠ ㅋㅋㅋ ㄱㅅ ㅇㅇ",
        "qwer asdf zxcv gksfksk",
        "해 소두 미내 애주",
    ],
)
def test_other_words_stay(text: str) -> None:
    """Words of either language, names, codes, tears and letters that make nothing known stay as they are."""
    assert MENDER.mend(text).text == text
    assert MENDER.mend(text).typed == {}


def test_logs_stay() -> None:
    """Nothing of a log is mended: what a program writes was not typed."""
    log = "09:12:01 ERROR [vmflsxjrk] dksehody\n09:12:04 ERROR [vmflsxjrk] dksehody"
    assert MENDER.mend(f"vmflsxjrk dksehody\n\n{log}").text == f"프린터가 안돼요\n\n{log}"


def test_what_was_typed_is_told() -> None:
    """Of each mended word it is known what stands in the ticket, unless it stands there by itself as well."""
    mended = MENDER.mend("(vmflsxjrk) 안돼요 dksehody!")
    assert mended.text == "(프린터가) 안돼요 안돼요!"
    assert mended.typed == {"프린터가": "vmflsxjrk"}


def test_a_slip_of_one_past_ticket_is_no_word() -> None:
    """That one past ticket had the same slip teaches nobody that it is a word."""
    texts = [*TEXTS, "qlalfqjsgh"]
    learned = TicketVectorizer().fit([PreparedTicket(text, "", text, Language.OTHER) for text in texts])
    assert learned.slips.mend("qlalfqjsgh").text == "비밀번호"


@given(st.lists(st.sampled_from(["vmflsxj", "프린터", "ㅔ개ㅠㅣ드", "ㅠㅠ", "dks", "help"]) | st.text(max_size=9)))
@settings(max_examples=200, deadline=None)
def test_mending_twice_changes_nothing(words: list[str]) -> None:
    """A mended text has no slip."""
    mended = MENDER.mend(" ".join(words)).text
    assert MENDER.mend(mended).text == mended


def test_nothing_known_mends_nothing() -> None:
    """Without a vocabulary nothing is a slip."""
    assert SlipMender({}, np.zeros(0, bool)).mend("vmflsxj ㅗ디ㅔ").text == "vmflsxj ㅗ디ㅔ"


def test_a_ticket_is_prepared_from_what_was_meant() -> None:
    """Language, redaction and glossary see the mended text."""
    preparer = Preparer(Glossary({"복합기": ("프린터",)}), (), MENDER)
    prepared = preparer.prepare(Ticket(subject="vmflsxjrk dksehody", body="qlalfqjsgh: 1q2w3e4r"))
    assert prepared.language is Language.KO
    assert prepared.subject == "복합기가 안돼요"
    assert "1q2w3e4r" not in prepared.body


def test_a_password_is_redacted_before_it_is_read() -> None:
    """A password that would be Korean on the other layout is no word to be mended, and never quoted."""
    prepared = Preparer(Glossary(), (), MENDER).prepare(Ticket(body="vmflsxjrk dksehody 비밀번호: vmflsxjrk"))
    assert prepared.body.startswith("프린터가 안돼요 비밀번호: [password]")
    assert "vmflsxjrk" not in prepared.body


def test_time_grows_with_length_alone() -> None:
    """A text of tens of thousands of different slips is mended in well under a second a thousand tokens."""
    text = " ".join(f"vmflsxj{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(10_000))
    began = time.process_time()
    SlipMender(VECTORIZER.vocabulary_, VECTORIZER.idf_ > 0).mend(text)
    assert time.process_time() - began < 5
