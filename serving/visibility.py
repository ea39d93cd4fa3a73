"""Which articles and past tickets of an answer a group may be shown. Knows no helpdesk and no database.

An entry says where it comes from by `audience` (articles) and `group` (past tickets).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from features.articles import EVERYONE

Entries: TypeAlias = Sequence[Mapping[str, Any]]


def audiences_of(group: str) -> frozenset[str]:
    """Return the audiences that the people of a group belong to."""
    return frozenset({EVERYONE, group} if group else {EVERYONE})


def visible_articles(articles: Entries, audiences: Collection[str]) -> tuple[Mapping[str, Any], ...]:
    """Return the articles of an answer that one of the audiences may read.

    An article without an audience is everyone's: a model ranks no others unless it is asked in the name of a group.
    """
    return tuple(article for article in articles if (article.get("audience") or EVERYONE) in audiences)


def visible_similar(similar: Entries, group: str, restricted_groups: Collection[str]) -> tuple[Mapping[str, Any], ...]:
    """Return the past tickets of an answer that a group may be shown.

    Tickets of a restricted group are for that group alone. Where groups are restricted, a ticket whose group is not
    known is for nobody: it may be one of theirs.
    """
    hidden = {name.casefold() for name in restricted_groups} - {group.casefold()}
    if not hidden:
        return tuple(similar)
    return tuple(one for one in similar if (owner := _group_of(one)) and owner.casefold() not in hidden)


def _group_of(similar: Mapping[str, Any]) -> str:
    """Return the group that a past ticket belonged to, "" where the answer does not tell."""
    return str(similar.get("group") or (similar.get("labels") or {}).get("group") or "")
