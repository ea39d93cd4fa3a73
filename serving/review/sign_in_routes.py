"""Signing in and out: by password, or at the organisation's identity provider."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from features.errors import AuthenticationError
from serving.event_log import Event, log_event
from serving.review.failures import SIGN_IN, SIGN_IN_COOKIE, PageRoute, sign_in_page
from serving.review.forms import Form, read_form
from serving.review.oidc import OidcProvider
from serving.review.pages import KeptPage, SignInPage
from serving.review.rendering import go, page
from serving.review.roles import Permission
from serving.review.sessions import Sessions, SignedIn
from serving.review.sign_in import Refusal, SignIn
from serving.review.visits import Sent, is_secure, sending, session_cookie, set_session_cookie, signed_in
from serving.storage.people import User

_OIDC_COOKIE = "triage_oidc"
_OIDC_PATH = "/review/oidc"
_CALLBACK = f"{_OIDC_PATH}/callback"
_OIDC_SECONDS = 600
# A larger cookie is refused by browsers; what was typed is let go before the sign-in is.
_MOST_COOKIE_CHARACTERS = 3500
_KEPT = "kept:"

router = APIRouter(prefix="/review", route_class=PageRoute, include_in_schema=False)


@router.get("/sign-in")
def show_sign_in(request: Request) -> Response:
    """Show the sign-in; who is signed in already goes on."""
    next_path = safe_path(request.query_params.get("next", ""))
    if signed_in(request) is not None:
        return go(next_path)
    return sign_in_page(
        request, _told(request, next_path=next_path, problem=_known(request.query_params.get("problem")))
    )


@router.post("/sign-in")
def sign_in(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
    """Let in who knows a password; what was typed before comes back."""
    next_path = safe_path(form.one("next"))
    kept = [(name.removeprefix(_KEPT), value) for name, value in form.pairs if name.startswith(_KEPT)]
    told = {"next_path": next_path, "email": form.one("email"), "kept": kept, "kept_path": form.one("kept_path")}
    token = request.cookies.get(SIGN_IN_COOKIE, "")
    is_own = bool(token) and hmac.compare_digest(token.encode(), form.one("token").encode())
    if not is_own or request.headers.get("sec-fetch-site") == "cross-site":
        return sign_in_page(request, _told(request, problem="too_old", **told), status=HTTPStatus.FORBIDDEN)
    doors: SignIn = request.app.state.sign_in
    address = request.client.host if request.client else ""
    user = doors.with_password(form.one("email"), form.one("password"), address=address)
    if isinstance(user, Refusal):
        status = HTTPStatus.TOO_MANY_REQUESTS if user is Refusal.TOO_OFTEN else HTTPStatus.UNAUTHORIZED
        return sign_in_page(request, _told(request, problem=user.value, **told), status=status)
    return _let_in(request, user, next_path=next_path, kept=kept, kept_path=form.one("kept_path"))


@router.post("/sign-out")
def sign_out(request: Request, sent: Annotated[Sent, Depends(sending(Permission.LOOK))]) -> Response:
    """End the session."""
    sessions: Sessions = request.app.state.sessions
    sessions.end(session_cookie(request))
    log_event(Event.SIGNED_OUT, user=sent.user.id)
    response = go(SIGN_IN)
    set_session_cookie(request, response, "")
    return response


@router.get("/sign-out")
def sign_out_by_link() -> Response:
    """Send who follows an old link to the queue: a link signs nobody out."""
    return go("/review")


@router.post("/oidc/start")
def start_oidc(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
    """Send a browser to the identity provider, with what must come back from there in a cookie."""
    provider = _provider(request)
    try:
        begun = provider.begin(redirect_uri=_redirect_uri(request))
    except AuthenticationError as error:
        return _failed(request, error)
    kept = [[name.removeprefix(_KEPT), value] for name, value in form.pairs if name.startswith(_KEPT)]
    held: dict[str, Any] = {"state": begun.state, "nonce": begun.nonce, "verifier": begun.verifier}
    held |= {"next": safe_path(form.one("next")), "kept": kept, "kept_path": form.one("kept_path")}
    if len(_packed(held)) > _MOST_COOKIE_CHARACTERS:
        held |= {"kept": [], "kept_path": ""}
    # A form may lead to this service alone, so the way out is a link that is followed by itself.
    response = page(request, "oidc.html", begun.url, at=SIGN_IN)
    response.headers["Refresh"] = f"0; url={begun.url}"
    response.set_cookie(
        _OIDC_COOKIE,
        _packed(held),
        max_age=_OIDC_SECONDS,
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
        path=_OIDC_PATH,
    )
    return response


@router.get("/oidc/callback")
def finish_oidc(request: Request) -> Response:
    """Let in whom the identity provider vouches for."""
    provider = _provider(request)
    held = _unpacked(request.cookies.get(_OIDC_COOKIE, ""))
    query = request.query_params
    is_ours = bool(held.get("state")) and hmac.compare_digest(
        str(held["state"]).encode(), query.get("state", "").encode()
    )
    if not is_ours or not query.get("code"):
        return _refused(request, "failed")
    try:
        identity = provider.finish(
            code=query["code"],
            nonce=str(held["nonce"]),
            verifier=str(held["verifier"]),
            redirect_uri=_redirect_uri(request),
        )
    except AuthenticationError as error:
        return _failed(request, error)
    doors: SignIn = request.app.state.sign_in
    user = doors.with_identity(identity)
    if isinstance(user, Refusal):
        return _refused(request, user.value)
    kept = [(str(name), str(value)) for name, value in held.get("kept") or ()]
    response = _let_in(
        request,
        user,
        next_path=safe_path(str(held.get("next") or "")),
        kept=kept,
        kept_path=str(held.get("kept_path") or ""),
    )
    response.delete_cookie(_OIDC_COOKIE, path=_OIDC_PATH)
    return response


def safe_path(path: str) -> str:
    """Return a path of these pages, the queue for anything else: nobody is sent to another site."""
    is_ours = path == "/review" or path.startswith(("/review/", "/review?"))
    is_plain = not any(sign in path for sign in ("\\", "//", "\n", "\r", "\t"))
    leads_back = path.startswith((SIGN_IN, "/review/sign-out", _OIDC_PATH))
    return path if is_ours and is_plain and not leads_back else "/review"


def _let_in(request: Request, user: User, *, next_path: str, kept: list[tuple[str, str]], kept_path: str) -> Response:
    sessions: Sessions = request.app.state.sessions
    old = session_cookie(request)
    if old:
        sessions.end(old)
    cookie = sessions.start(user)
    if cookie is None:
        return _refused(request, Refusal.WRONG.value)
    log_event(Event.SIGNED_IN, user=user.id, role=user.role.value)
    started = sessions.find(cookie)
    if kept and kept_path and started is not None:
        response = _go_on(request, started, kept=kept, kept_path=safe_path(kept_path))
    else:
        response = go(next_path)
    set_session_cookie(request, response, cookie)
    response.delete_cookie(SIGN_IN_COOKIE, path=SIGN_IN)
    return response


def _go_on(request: Request, started: SignedIn, *, kept: list[tuple[str, str]], kept_path: str) -> Response:
    """Show that what was typed is there yet, with the token of the new session."""
    request.state.signed_in = started
    return page(request, "kept.html", KeptPage(kept_path, kept, has_signed_in=True), at="/review")


def _told(request: Request, **told: Any) -> SignInPage:
    return SignInPage(token=secrets.token_urlsafe(24), has_oidc=request.app.state.oidc is not None, **told)


def _known(problem: str | None) -> str:
    return problem if problem in ("failed", "unknown", "wrong", "expired") else ""


def _provider(request: Request) -> OidcProvider:
    provider: OidcProvider | None = request.app.state.oidc
    if provider is None:
        raise AuthenticationError("No identity provider is configured. Set TRIAGE_OIDC_ISSUER, or use a password.")
    return provider


def _failed(request: Request, error: AuthenticationError) -> Response:
    log_event(Event.SIGN_IN_FAILED, because=str(error))
    return _refused(request, "failed")


def _refused(request: Request, problem: str) -> Response:
    request.state.signed_in = None
    told = _told(request, next_path="/review", problem=problem)
    return sign_in_page(request, told, status=HTTPStatus.UNAUTHORIZED)


def _redirect_uri(request: Request) -> str:
    public = str(request.app.state.public_url).rstrip("/")
    return f"{public or str(request.base_url).rstrip('/')}{_CALLBACK}"


def _packed(held: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(held, ensure_ascii=False).encode()).decode()


def _unpacked(packed: str) -> Mapping[str, Any]:
    try:
        held = json.loads(base64.urlsafe_b64decode(packed.encode()))
    except (ValueError, TypeError):
        return {}
    return held if isinstance(held, dict) else {}
