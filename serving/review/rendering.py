"""Turns a page's data into HTML in the visitor's language, with the headers that every page has.

Nothing inline and nothing from elsewhere: the content security policy allows this service's own files alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from serving.review.alerts import open_alerts
from serving.review.preferences import Theme, keep_preferences, language_of, theme_of
from serving.review.roles import Permission, may
from serving.review.sessions import SignedIn
from serving.review.words import Words

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(
    request: Request,
    template: str,
    data: object,
    *,
    status: int = 200,
    at: str = "",
    active: str = "",
    **more: object,
) -> HTMLResponse:
    """Return a page made of a template and its data.

    `at` is where a browser can get the page again, where that is not the request's own address; `active` names the
    part of the product that it belongs to: queue, trust, policy or rules.
    """
    found: SignedIn | None = getattr(request.state, "signed_in", None)
    language = language_of(request, found.user if found else None)
    here = at or (request.url.path if request.method == "GET" else "/review")
    html = (
        environment()
        .get_template(template)
        .render(
            page=data,
            t=Words(language),
            language=language,
            theme=theme_of(request),
            themes=Theme,
            user=found.user if found else None,
            csrf=found.session.csrf if found else "",
            may=lambda permission: found is not None and may(found.user.role, Permission(permission)),
            active=active,
            alerts=open_alerts(request) if found and may(found.user.role, Permission.SEE_POLICY) else (),
            address=lambda **changed: _address(request, here, changed, keeps_query=not at and request.method == "GET"),
            **more,
        )
    )
    response = HTMLResponse(html, status_code=status, headers=dict(HEADERS))
    response.headers["Content-Language"] = language
    keep_preferences(request, response)
    return response


def go(path: str, **query: str) -> RedirectResponse:
    """Return the answer that sends a browser to a page of ours."""
    asked = urlencode({name: value for name, value in query.items() if value})
    return RedirectResponse(
        f"{path}?{asked}" if asked else path, status_code=303, headers={"Cache-Control": "no-store"}
    )


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates, read when they are first asked for."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["path"] = lambda text: quote(str(text), safe="")
    made.filters["moment"] = _moment
    return made


def _moment(at: datetime | None) -> str:
    """Return a moment as the machine-readable part of a page."""
    return "" if at is None else at.isoformat(timespec="seconds")


def _address(request: Request, here: str, changed: Mapping[str, str], *, keeps_query: bool) -> str:
    """Return a page's own address with some of its query changed."""
    kept = {name: value for name, value in request.query_params.items() if name != "did"} if keeps_query else {}
    return f"{here}?{urlencode({**kept, **changed})}"
