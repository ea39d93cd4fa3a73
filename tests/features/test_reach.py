"""For how many something is broken, told from the words of either language."""

from __future__ import annotations

import pytest

from features.reach import Reach, reach_of


@pytest.mark.parametrize(
    "text",
    ["The whole office is offline.", "Nobody can log in.", "All our scanners froze.", "모든 직원이 접속을 못 합니다",
     "창고 단말기 전체가 멈췄어요", "전 직원 메일이 안 옵니다", "14명이 로그인을 못 하고 있습니다"],
)  # fmt: skip
def test_many_are_told(text: str) -> None:
    """People or a place named as a whole are many."""
    assert reach_of(text) is Reach.MANY


@pytest.mark.parametrize("text", ["It happens only on my laptop.", "Works for everyone else.", "저만 안 됩니다"])
def test_the_writer_alone_is_told(text: str) -> None:
    """Who says that it concerns nobody else is one, others named beside or not."""
    assert reach_of(text) is Reach.ONE


@pytest.mark.parametrize("text", ["", "All pages are blank.", "전체 화면이 안 됩니다", "The VPN is slow."])
def test_all_of_a_thing_is_not_many_people(text: str) -> None:
    """Pages and screens are no people; a text that says nothing of anybody has no reach."""
    assert reach_of(text) is None
