"""Who opens a page and whether they may: the cookie of a session, the role, and the token that guards every form."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response

from features.errors import AuthenticationError, PermissionDeniedError
from serving.review.forms import CSRF_FIELD, Form, read_form
from serving.review.roles import Permission, may
from serving.review.sessions import Sessions, SignedIn
from serving.settings import is_loopback
from serving.storage.people import Session, User

_COOKIE = "triage_session"
# A browser gives a cookie of this name back to this host alone, and takes it from nobody else.
_SECURE_COOKIE = f"__Host-{_COOKIE}"


class FormTooOldError(PermissionDeniedError):
    """A form whose token is not that of the session: it was opened before a sign-in, or is a stranger's."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody signed in, on one page."""

    user: User
    session: Session

    def may(self, permission: Permission) -> bool:
        """Tell whether the visitor has a permission."""
        return may(self.user.role, permission)


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that somebody signed in has sent from a page of theirs."""

    visit: Visit
    form: Form

    @property
    def user(self) -> User:
        """Who sent it."""
        return self.visit.user


def visiting(permission: Permission) -> Callable[[Request], Visit]:
    """Return the dependency of a page that asks for a permission."""

    def visit(request: Request) -> Visit:
        return _visit(request, permission)

    return visit


def sending(permission: Permission) -> Callable[[Request, Form], Sent]:
    """Return the dependency of an action that asks for a permission; raise FormTooOldError for another's token."""

    def sent(request: Request, form: Annotated[Form, Depends(read_form)]) -> Sent:
        visit = _visit(request, permission)
        token_matches = hmac.compare_digest(form.one(CSRF_FIELD).encode(), visit.session.csrf.encode())
        if not token_matches or request.headers.get("sec-fetch-site") == "cross-site":
            raise FormTooOldError("The form was opened before you signed in, or on another site. Send it again.")
        return Sent(visit, form)

    return sent


def signed_in(request: Request) -> SignedIn | None:
    """Return who is signed in on the browser that sent a request."""
    sessions: Sessions = request.app.state.sessions
    found = sessions.find(session_cookie(request))
    request.state.signed_in = found
    return found


def session_cookie(request: Request) -> str:
    """Return the value of a request's session cookie, "" for none."""
    return request.cookies.get(_SECURE_COOKIE if is_secure(request) else _COOKIE, "")


def set_session_cookie(request: Request, response: Response, value: str) -> None:
    """Give a browser the cookie of its session, or take it away where `value` is empty."""
    secure = is_secure(request)
    response.set_cookie(
        _SECURE_COOKIE if secure else _COOKIE,
        value,
        max_age=None if value else 0,
        httponly=True,
        secure=secure,
        samesite="lax",
        path="/",
    )


def is_secure(request: Request) -> bool:
    """Tell whether cookies must travel encrypted: everywhere but on this machine itself."""
    return request.url.scheme == "https" or not is_loopback(request.url.hostname or "")


def _visit(request: Request, permission: Permission) -> Visit:
    found = signed_in(request)
    if found is None:
        raise AuthenticationError("Nobody is signed in, or the session has ended. Sign in at /review/sign-in.")
    if not may(found.user.role, permission):
        raise PermissionDeniedError(
            f"The role '{found.user.role}' does not allow this. Ask an administrator for another role."
        )
    return Visit(found.user, found.session)
