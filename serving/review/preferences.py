"""The language and the theme of a page, from what a browser sends. Keeps nothing but two cookies."""

from __future__ import annotations

from enum import StrEnum

from fastapi import Request, Response

from serving.storage.people import User

LANGUAGES = ("ko", "en")
LANGUAGE_COOKIE = "triage_language"
THEME_COOKIE = "triage_theme"
_YEAR_SECONDS = 365 * 24 * 3600


class Theme(StrEnum):
    """Light or dark, or as the system is."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


def language_of(request: Request, user: User | None = None) -> str:
    """Return the language of a page: asked for now or before, the user's, or the first that the browser accepts."""
    asked = (request.query_params.get("language"), request.cookies.get(LANGUAGE_COOKIE), user.language if user else "")
    for language in asked:
        if language in LANGUAGES:
            return str(language)
    for part in request.headers.get("accept-language", "").split(","):
        language = part.partition(";")[0].strip().casefold()[:2]
        if language in LANGUAGES:
            return language
    return "en"


def theme_of(request: Request) -> Theme:
    """Return the theme of a page."""
    for theme in (request.query_params.get("theme"), request.cookies.get(THEME_COOKIE)):
        if theme in set(Theme):
            return Theme(str(theme))
    return Theme.AUTO


def keep_preferences(request: Request, response: Response) -> None:
    """Keep the language and the theme that a browser just asked for."""
    chosen = ((LANGUAGE_COOKIE, "language", LANGUAGES), (THEME_COOKIE, "theme", tuple(Theme)))
    for cookie, name, allowed in chosen:
        value = request.query_params.get(name)
        if value in allowed:
            response.set_cookie(
                cookie, str(value), max_age=_YEAR_SECONDS, samesite="lax", httponly=True, path="/review"
            )
