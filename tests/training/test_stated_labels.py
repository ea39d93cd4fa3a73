"""Texts that state their own label are found, texts that only mention one are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from training.stated_labels import TAG, StatedLabel, stated_labels

LABELS = ("Network", "Billing", "계정")


def _found(text: Callable[[int, str], str], *, count: int = 300) -> list[StatedLabel]:
    labels = {place: LABELS[place % 3] for place in range(count)}
    return stated_labels([text(place, label) for place, label in labels.items()], labels)


@pytest.mark.parametrize(
    ("form", "key"),
    [
        ("the vpn drops again\nAssigned to: {}", "assigned to"),
        ("접속이 안 됩니다\n담당팀 : {}\n감사합니다", "담당팀"),
        ("[Category: {}] invoice is wrong", "category"),
        ("Site: Seoul; Topic= {}, floor 3", "topic"),
        ("queue：{}\nhello", "queue"),
        ("[{}] cannot log in", TAG),
    ],
)
def test_a_label_behind_a_key_is_found(form: str, key: str) -> None:
    """The key may be of either language, at a line's start, in brackets or after a comma, whatever the letters."""
    assert _found(lambda _, label: form.format(label.upper())) == [StatedLabel(key, 300, 300)]


def test_a_footer_of_a_long_text_is_found() -> None:
    """What a helpdesk appends stands at the end."""
    assert _found(lambda _, label: "log line\n" * 2000 + f"Queue: {label}") == [StatedLabel("queue", 300, 300)]


@pytest.mark.parametrize(
    "text",
    [
        lambda _, label: f"my {label} problem: please help",
        lambda place, _: f"Topic: {LABELS[place % 7 % 3]}",
        lambda _, label: f"Topic: {label}s and more",
        lambda _, label: f"Site: Seoul\nI think it is {label}",
        lambda _, label: "Topic: Network" if label == "Network" else "hello",
        lambda place, label: f"Topic: {label}" if place < 18 else "hello",
        lambda place, label: f"[{'urgent' if place % 5 else label}] help",
    ],
    ids=["no key", "often wrong", "a longer word", "another key", "one label", "few tickets", "another tag"],
)
def test_a_label_that_is_only_mentioned_is_let_through(text: Callable[[int, str], str]) -> None:
    """Words of the requester, a topic that people correct, and what may be chance are no statement of the label."""
    assert _found(text) == []


def test_a_key_that_is_nearly_always_right_is_found() -> None:
    """One in fifty that is wrong does not hide it; where it stands in few texts its own count is what matters."""
    found = _found(lambda place, label: "no footer" if place % 2 else f"Queue: {'?' if place % 100 == 0 else label}")
    assert found == [StatedLabel("queue", 150, 147)]
