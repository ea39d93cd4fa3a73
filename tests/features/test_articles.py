"""The article: for everyone unless its audience says otherwise."""

from __future__ import annotations

from dataclasses import fields

from features.articles import EVERYONE, KbArticle
from features.history import ARTICLE_FIELDS, ArticleRow


def test_an_article_is_for_everyone_by_default() -> None:
    """Only an audience that is stated restricts who may read an article."""
    assert KbArticle(id="KB-1", title="VPN").audience == EVERYONE
    assert KbArticle(id="KB-1", title="VPN", audience="security").audience == "security"


def test_an_article_has_the_fields_and_defaults_of_its_row() -> None:
    """What a knowledge base is exported as is what an article is: no field is lost, none is guessed otherwise."""
    assert tuple(each.name for each in fields(KbArticle)) == ARTICLE_FIELDS
    article, row = KbArticle(id="KB-1", title="VPN"), ArticleRow(id="KB-1", title="VPN")
    assert [getattr(article, name) for name in ARTICLE_FIELDS] == [getattr(row, name) for name in ARTICLE_FIELDS]
