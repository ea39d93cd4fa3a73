"""Passages: where long articles are cut, and that nothing is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from features.article_passages import passages_of
from features.articles import KbArticle

SAID = ["가나다라", "word", "1) x", "끝."]
LONG = " ".join(f"Step {number}: open the panel and press the button with the number {number}." for number in range(60))


def test_a_short_article_is_one_passage_below_its_title() -> None:
    """What an encoder can read at once is not cut."""
    assert passages_of(KbArticle("1", "Reset a password", "Open the portal.\nChoose a new one.")) == [
        "Reset a password Open the portal. Choose a new one."
    ]


def test_an_article_without_a_body_is_its_title() -> None:
    """There is always a passage, so that every article has a vector."""
    assert passages_of(KbArticle("1", "Reset a password")) == ["Reset a password"]
    assert passages_of(KbArticle("1", "")) == [""]


def test_each_passage_of_a_long_article_bears_the_title_and_whole_sentences() -> None:
    """A long article is cut between sentences."""
    passages = passages_of(KbArticle("1", "Panel", LONG))
    assert len(passages) > 3
    assert all(passage.startswith("Panel Step") and passage.endswith(".") for passage in passages)


def test_the_last_sentence_is_said_again() -> None:
    """What ends one passage begins the next, so that nothing is torn from what it refers to."""
    first, second = passages_of(KbArticle("1", "", LONG))[:2]
    assert second.startswith(first[first.rindex("Step") :])


def test_korean_sentences_without_a_space_between_are_told_apart() -> None:
    """Exports lose line breaks: a full stop that touches the next sentence ends one all the same."""
    sentence = "설정 메뉴에서 알림을 끈 다음 앱을 다시 시작해 주세요."
    passages = passages_of(KbArticle("1", "", sentence * 30))
    assert len(passages) > 2
    assert all(passage.endswith("주세요.") for passage in passages)


@settings(max_examples=50, deadline=None)
@given(
    body=st.text(max_size=400)
    | st.lists(st.sampled_from(["가나다라", "word", "1) x", "끝."]), max_size=400).map(" ".join)
)
def test_no_word_is_lost(body: str) -> None:
    """Every word of the body stands in some passage."""
    joined = " ".join(passages_of(KbArticle("1", "", body)))
    assert all(word in joined for word in body.split() if word.isalnum())
