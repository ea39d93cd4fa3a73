"""Every failure of a page as a page in the visitor's language; who asks for JSON gets a problem instead.

What was typed is never lost: a form sent after its session had ended comes back with the sign-in, one from a page
that was too old with a button to go on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from features.errors import AuthenticationError, TriageError
from serving.problems import INTERNAL, answer_http_exception, log_failure, problem_of
from serving.review.forms import Form
from serving.review.pages import KeptPage, ProblemPage, SignInPage
from serving.review.preferences import keep_preferences
from serving.review.rendering import go, page
from serving.review.visits import FormTooOldError, signed_in

SIGN_IN = "/review/sign-in"
SIGN_IN_COOKIE = "triage_sign_in"


class PageRoute(APIRoute):
    """A route whose failures are pages; use it as the `route_class` of a router of pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, wrapped."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except ClientDisconnect:
                raise
            except Exception as error:
                if not wants_page(request):
                    raise
                return failure_page(request, error)

        return handled


async def answer_unknown_address(request: Request, error: Exception) -> Response:
    """Return a page where a browser asks for an address under /review that there is not, and else a problem."""
    is_ours = f"{request.url.path}/".startswith("/review/")
    if is_ours and wants_page(request):
        return await run_in_threadpool(failure_page, request, error)
    return await answer_http_exception(request, error)


def wants_page(request: Request) -> bool:
    """Tell whether a browser asks, and not a program."""
    accepted = request.headers.get("accept", "*/*")
    return "text/html" in accepted or ("json" not in accepted and "*/*" in accepted)


def failure_page(request: Request, error: Exception) -> Response:
    """Return the page of a failure."""
    if isinstance(error, AuthenticationError):
        return _sign_in_first(request)
    if isinstance(error, FormTooOldError):
        kept = KeptPage(resume_path(request), _form(request).kept(), has_signed_in=False)
        return page(request, "kept.html", kept, status=HTTPStatus.FORBIDDEN, at=resume_path(request))
    if isinstance(error, HTTPException):
        return problem_page(request, error.status_code, detail=_detail(error))
    if isinstance(error, RequestValidationError):
        return problem_page(request, HTTPStatus.UNPROCESSABLE_ENTITY)
    if isinstance(error, TriageError) and problem_of(error) is not INTERNAL:
        return problem_page(request, problem_of(error).status, detail=str(error))
    error_id = secrets.token_hex(8)
    log_failure(error_id, request.scope, error)
    return problem_page(request, HTTPStatus.INTERNAL_SERVER_ERROR, error_id=error_id)


def problem_page(request: Request, status: int, *, detail: str = "", error_id: str = "") -> Response:
    """Return the page of a failure with a status; who is signed in still sees their menu."""
    if not hasattr(request.state, "signed_in"):
        try:
            signed_in(request)
        except TriageError:
            request.state.signed_in = None
    return page(request, "problem.html", ProblemPage(int(status), detail, error_id), status=int(status), at="/review")


def sign_in_page(request: Request, told: SignInPage, *, status: int = 200) -> Response:
    """Return the sign-in with the cookie that its form must match."""
    response = page(request, "sign_in.html", told, status=status, at=SIGN_IN)
    response.set_cookie(SIGN_IN_COOKIE, told.token, httponly=True, samesite="lax", path=SIGN_IN, max_age=3600)
    return response


def resume_path(request: Request) -> str:
    """Return the address to which a form goes that is to be gone on with: it shows it again and saves nothing."""
    path = quote(request.url.path)
    parts = path.split("/")
    if path.startswith("/review/items/") and len(parts) > 3:
        return "/".join([*parts[:4], "draft"])
    return path


def return_path(request: Request) -> str:
    """Return the page that a request was about, as a browser can get it."""
    path = quote(request.url.path)
    if request.method == "GET":
        return f"{path}?{request.url.query}" if request.url.query else path
    parts = path.split("/")
    if path.startswith("/review/items/"):
        return "/".join(parts[:4])
    return path if path.startswith(("/review/bursts/", "/review/policy", "/review/rules")) else "/review"


def _sign_in_first(request: Request) -> Response:
    if request.method == "GET":
        response = go(SIGN_IN, next=return_path(request))
        keep_preferences(request, response)
        return response
    kept = _form(request).kept()
    told = SignInPage(
        next_path=return_path(request),
        token=secrets.token_urlsafe(24),
        has_oidc=request.app.state.oidc is not None,
        problem="expired",
        kept=kept,
        kept_path=resume_path(request) if kept else "",
    )
    return sign_in_page(request, told, status=HTTPStatus.UNAUTHORIZED)


def _form(request: Request) -> Form:
    return getattr(request.state, "form", None) or Form()


def _detail(error: HTTPException) -> str:
    is_usual = error.detail in ("", HTTPStatus(error.status_code).phrase)
    return "" if is_usual else str(error.detail)
