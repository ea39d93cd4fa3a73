"""What each role may do in the pages. Knows no web and no storage but the names of the roles."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from serving.storage.people import Role


class Permission(StrEnum):
    """What a page or an action asks for."""

    LOOK = "look"
    REVIEW = "review"
    SHOW_TEXT = "show_text"
    UNDO_OTHERS = "undo_others"
    SEE_TRUST = "see_trust"
    SEE_POLICY = "see_policy"
    EDIT_POLICY = "edit_policy"


_LEAD = frozenset(Permission) - {Permission.UNDO_OTHERS}
# Who works on the model sees what became of it, and neither answers for a lead nor reads what people wrote.
_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.LEAD: _LEAD,
    Role.DATA_SCIENTIST: frozenset({Permission.LOOK, Permission.SEE_TRUST, Permission.SEE_POLICY}),
    Role.ADMIN: frozenset(Permission),
}


def may(role: Role, permission: Permission) -> bool:
    """Tell whether a role has a permission."""
    return permission in _PERMISSIONS[role]
