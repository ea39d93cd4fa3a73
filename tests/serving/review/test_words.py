"""The words of the pages: the same keys and the same gaps in both languages."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from serving.review import rendering
from serving.review.words import TEXTS, Words
from tests.review_desk import START

_GAP = re.compile(r"{(\w+)}")


def test_both_languages_have_the_same_keys_and_gaps() -> None:
    """No text is there in one language only, or is filled in with something else."""
    english, korean = TEXTS["en"], TEXTS["ko"]
    assert english.keys() == korean.keys()
    differing = [key for key in english if set(_GAP.findall(english[key])) != set(_GAP.findall(korean[key]))]
    assert differing == []


def test_korean_is_korean() -> None:
    """But for the name of the other language and questions in their own, every text of words has Hangul in it."""
    foreign = {key for key, text in TEXTS["ko"].items() if re.search("[a-z]{3}", _GAP.sub("", text))}
    without = {key for key in foreign if not re.search("[가-힣]", TEXTS["ko"][key])}
    assert without <= {"nav.language", "question.en"}


def test_every_word_that_a_template_names_is_there() -> None:
    """A key written out in a template is one of the texts."""
    named = set()
    for template in sorted((rendering.FOLDER / "templates").glob("*.html")):
        text = Path(template).read_text(encoding="utf-8")
        named |= {(template.name, key) for key in re.findall(r'\bt\("([\w.]+)"[,)]', text)}
    assert {(name, key) for name, key in named if key not in TEXTS["en"]} == set()


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "0 %"), (0.004, "< 1 %"), (0.5, "50 %"), (0.996, "> 99 %"), (1.0, "100 %")]
)
def test_a_share_is_never_rounded_to_certainty(share: float, said: str) -> None:
    """What is not certain does not look so."""
    assert Words("en").percent(share) == said


def test_time_is_told_in_its_largest_unit() -> None:
    """What is left, what has passed and how long ago."""
    english, korean = Words("en"), Words("ko")
    assert english.due(START + timedelta(minutes=150), START) == "2 h left"
    assert korean.due(START - timedelta(days=2), START) == "2일 지남"
    assert english.ago(START, START + timedelta(seconds=30)) == "just now"
