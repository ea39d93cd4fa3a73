"""Transcripts of chats and calls."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.helpdesks.transcripts import customer_turns

_ENGLISH = """(10:12:01 AM) Jonas Weber: Hello, how can I help?
(10:12:40 AM) Mina Kim: My VPN drops every hour.
Error: tunnel closed
(10:13:02 AM) Jonas Weber: Please reinstall the client.
(10:13:30 AM) Mina Kim: It did not help."""

_KOREAN = """[상담원] [오후 2:30] 무엇을 도와드릴까요?
[김민아] [오후 2:31] 급여 명세서가 열리지 않습니다.
오류 코드: 0x80
[상담원] [오후 2:32] 다시 로그인해 보세요."""


def test_keeps_the_customers_turns_with_their_continuations() -> None:
    """An error message within the customer's turn is theirs, although a word and a colon begin it."""
    said = customer_turns(_ENGLISH, customer_names=["mina kim"])
    assert said == "My VPN drops every hour.\nError: tunnel closed\nIt did not help."


def test_reads_a_korean_messenger() -> None:
    """Names and times in brackets, as Korean messengers export them, are understood."""
    assert customer_turns(_KOREAN, customer_names=["김민아"]) == "급여 명세서가 열리지 않습니다.\n오류 코드: 0x80"


@pytest.mark.parametrize(
    "text",
    [
        "Agent: Hi\nCustomer: The printer is dead\nAgent: Which one?",
        "상담원: 안녕하세요\n고객: The printer is dead\n상담원: 어떤 프린터인가요?",
        "Jonas: Hi\nVisitor: The printer is dead",
        "<p>Jonas: Hi</p><p>Visitor: The printer is dead</p><p>Jonas: I see</p>",
        "10:01 Visitor: The printer is dead<br/>10:02 Jonas: I see",
        "Visitor (10:01): The printer is dead\nJonas (10:02): I see",
    ],
)
def test_words_for_a_customer_need_no_name(text: str) -> None:
    """Where the transcript says customer or visitor, no name has to be known."""
    assert customer_turns(text, customer_names=[]) == "The printer is dead"


@pytest.mark.parametrize(
    "text",
    ["", "My printer is dead.\nError: 42", "Jonas: Hi\nJonas: Anyone there?", "See https://desk.example/user: x"],
)
def test_a_text_without_the_customers_turns_is_left_alone(text: str) -> None:
    """Rather too much is scored than the request lost."""
    assert customer_turns(text, customer_names=["Mina"]) == text


@given(st.text(alphabet="ab:：[]()<>/ \n10고객 ", max_size=200), st.lists(st.text(max_size=5), max_size=3))
def test_takes_any_text(text: str, names: list[str]) -> None:
    """Whatever is sent, what comes back was in it."""
    said = customer_turns(text, customer_names=names)
    assert all(line.strip() in text for line in said.split("\n"))


def test_a_line_of_spaces_costs_no_time() -> None:
    """A hundred thousand spaces after a time are read within a second."""
    began = time.monotonic()
    customer_turns("10:10" + " " * 100_000 + "x" + "[" * 100_000, customer_names=[])
    assert time.monotonic() - began < 1
