"""Whose tickets somebody may see in the pages. Pure: users, connections and records come in, verdicts go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from serving.connections import Connections
from serving.storage.people import User
from serving.storage.reviewing import Sight


def sight_of(user: User, connections: Connections) -> Sight:
    """Return whose tickets a user may see: their groups', or all but those of restricted groups."""
    if user.groups:
        return Sight(groups=user.groups)
    return Sight(restricted=tuple(_restricted(connections)))


def hidden_groups(user: User, connections: Connections, *, connection: str) -> tuple[str, ...]:
    """Return the restricted groups of a connection whose past tickets and reasons are not for a user."""
    own = {group.casefold() for group in user.groups}
    known = connections.by_name.get(connection)
    return tuple(group for group in (known.restricted_groups if known else ()) if group.casefold() not in own)


def may_see_unqueued(user: User, connections: Connections, *, connection: str, groups: Iterable[str]) -> bool:
    """Tell whether a user may see a ticket that never was in the queue, from the groups that it is known to have had.

    Where groups are restricted, one of which no group is known may be theirs.
    """
    had = {group.casefold() for group in groups if group}
    if user.groups:
        own = {group.casefold() for group in user.groups}
        return bool(had & own)
    hidden = {group.casefold() for group in hidden_groups(user, connections, connection=connection)}
    return not hidden or (bool(had) and not had & hidden)


def label_of(targets: Mapping[str, object], target: str) -> str:
    """Return the label that was suggested for a target, "" where there is none."""
    told = targets.get(target)
    label = told.get("label") if isinstance(told, Mapping) else None
    return "" if label is None else str(label)


def _restricted(connections: Connections) -> Iterable[tuple[str, str]]:
    for name, connection in connections.by_name.items():
        for group in connection.restricted_groups:
            yield name, group
