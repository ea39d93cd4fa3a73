"""What belongs to a restricted group is shown to that group alone."""

from __future__ import annotations

from typing import Any

from serving.visibility import audiences_of, visible_articles, visible_similar

ARTICLES: list[dict[str, Any]] = [
    {"id": "open", "audience": "everyone"},
    {"id": "unstated"},
    {"id": "payroll", "audience": "people-ops"},
]
SIMILAR: list[dict[str, Any]] = [
    {"id": "1", "labels": {"group": "service-desk"}},
    {"id": "2", "labels": {"group": "People-Ops"}},
    {"id": "3", "labels": {"group": "service-desk"}, "group": "security"},
    {"id": "4", "labels": {"category": "hr"}},
]
RESTRICTED = ("people-ops", "security")


def ids(entries: tuple[Any, ...]) -> list[str]:
    return [entry["id"] for entry in entries]


def test_an_article_is_shown_to_its_audience() -> None:
    """Everyone sees everyone's articles; a group sees its own as well."""
    assert ids(visible_articles(ARTICLES, audiences_of(""))) == ["open", "unstated"]
    assert ids(visible_articles(ARTICLES, audiences_of("network"))) == ["open", "unstated"]
    assert ids(visible_articles(ARTICLES, audiences_of("people-ops"))) == ["open", "unstated", "payroll"]


def test_a_restricted_group_s_tickets_are_its_own() -> None:
    """Another group sees none of them, nor tickets that may be theirs; the group sees its own and no other's."""
    assert ids(visible_similar(SIMILAR, "network", RESTRICTED)) == ["1"]
    assert ids(visible_similar(SIMILAR, "people-ops", RESTRICTED)) == ["1", "2"]
    assert ids(visible_similar(SIMILAR, "", RESTRICTED)) == ["1"]


def test_without_restricted_groups_all_tickets_are_shown() -> None:
    """Where nothing is restricted, nothing is hidden."""
    assert ids(visible_similar(SIMILAR, "network", ())) == ["1", "2", "3", "4"]
