"""Who may see a row, as a condition of SQL. Knows no table, only that one has a connection and a `group_key`."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, and_, or_, true

from serving.storage.reviewing import Sight


def group_key(group: str) -> str:
    """Return what a group is compared by: without regard to case."""
    return group.casefold()


def is_visible(sight: Sight, *, connection: Column[str], key: Column[str]) -> ColumnElement[bool]:
    """Return the condition under which somebody may see a row of a connection and a group."""
    if sight.groups:
        return key.in_([group_key(group) for group in sight.groups])
    if not sight.restricted:
        return true()
    hidden = (and_(connection == name, key == group_key(group)) for name, group in sight.restricted)
    return ~or_(*hidden)
