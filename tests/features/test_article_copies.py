"""Copies of articles: which are collapsed, and which only look alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from features.article_copies import without_copies
from features.articles import KbArticle

BODY = "Open the portal, choose the account, confirm the code that the phone shows and set a new password."
ARTICLE = KbArticle("KB-1", "Reset a password", BODY)


def test_of_copies_one_is_shown_and_the_other_leads_to_it() -> None:
    """The same title and nearly the same body are one article to a reader."""
    shown, copies = without_copies(
        [ARTICLE, replace(ARTICLE, id="KB-2", title="Reset a password!"), KbArticle("KB-3", "VPN")]
    )
    assert [article.id for article in shown] == ["KB-1", "KB-3"]
    assert copies == {"KB-2": "KB-1"}


def test_the_latest_copy_is_shown() -> None:
    """An article that was updated takes the place of its old copy."""
    updated = replace(ARTICLE, id="KB-2", updated_at=datetime(2026, 5, 1, tzinfo=UTC))
    assert without_copies([ARTICLE, updated])[1] == {"KB-1": "KB-2"}


def test_one_text_for_two_systems_stays_two_articles() -> None:
    """A text under two titles answers two questions."""
    shown, copies = without_copies(
        [replace(ARTICLE, title="On Windows"), replace(ARTICLE, id="KB-2", title="On a Mac")]
    )
    assert (len(shown), copies) == (2, {})


def test_copies_for_different_audiences_are_kept_apart() -> None:
    """Collapsing them would hide the article from one of the groups."""
    assert without_copies([ARTICLE, replace(ARTICLE, id="KB-2", audience="hr")])[1] == {}


def test_another_body_under_the_same_title_is_kept() -> None:
    """The same title is not enough."""
    other = KbArticle("KB-2", "Reset a password", "Ask the service desk for a temporary code at extension 1004.")
    assert without_copies([ARTICLE, other])[1] == {}


def test_nothing_and_empty_articles_are_no_trouble() -> None:
    """Articles without a word are not copies of each other."""
    assert without_copies([]) == ([], {})
    assert without_copies([KbArticle("1", ""), KbArticle("2", "")])[1] == {}
