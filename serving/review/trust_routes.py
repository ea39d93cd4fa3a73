"""The page of trust, its figures as a file, and the tickets behind a figure. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from serving.review.failures import PageRoute
from serving.review.opening_oversight import OversightPages
from serving.review.preferences import language_of
from serving.review.rendering import HEADERS, page
from serving.review.roles import Permission
from serving.review.service import ReviewService
from serving.review.trust import WEEKS
from serving.review.trust_drawings import TrustDrawings
from serving.review.trust_figures import TrustPage
from serving.review.trust_table import trust_csv
from serving.review.trust_tickets import Cell, CellKind, read_cell
from serving.review.visits import Visit, visiting
from serving.review.words import Words

router = APIRouter(prefix="/review", route_class=PageRoute, include_in_schema=False)
_Trusting = Annotated[Visit, Depends(visiting(Permission.SEE_TRUST))]


@router.get("/trust")
def show_trust(request: Request, visit: _Trusting) -> Response:
    """Show what became of what ran unattended."""
    shown = _trust(request, visit)
    words = Words(language_of(request, visit.user))
    return page(
        request,
        "trust.html",
        shown,
        active="trust",
        drawn=TrustDrawings(words),
        cell=_cell_address(shown.connection),
        weeks=WEEKS,
        kinds=CellKind,
    )


@router.get("/trust.csv")
def download_trust(request: Request, visit: _Trusting) -> Response:
    """Give the figures as a file."""
    shown = _trust(request, visit)
    name = f"trust-{shown.connection or 'none'}.csv"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    # With the mark by which spreadsheets know UTF-8.
    return Response("\ufeff" + trust_csv(shown), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/trust/tickets")
def show_tickets(request: Request, visit: _Trusting) -> Response:
    """Show the tickets behind a figure."""
    pages = _pages(request)
    cell = read_cell(request.query_params, connection=_connection(request))
    if cell is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    service: ReviewService = request.app.state.review
    sight, now = service.sight_of(visit.user), pages.clock()
    shown = pages.tickets.page(cell, user=visit.user, sight=sight, since=pages.trust.since(now), now=now)
    return page(request, "trust_tickets.html", shown, active="trust")


def _trust(request: Request, visit: Visit) -> TrustPage:
    service: ReviewService = request.app.state.review
    sight = service.sight_of(visit.user)
    return _pages(request).trust.page(_connection(request), sight=sight, user_id=visit.user.id)


def _connection(request: Request) -> str:
    """Return the connection that is asked for, the first without one; only one that there is."""
    known = _pages(request).trust.connections
    asked = request.query_params.get("connection", "")
    if asked and asked not in known:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return asked or next(iter(known), "")


def _pages(request: Request) -> OversightPages:
    pages: OversightPages = request.app.state.oversight_pages
    return pages


def _cell_address(connection: str) -> Callable[..., str]:
    """Return what writes the address of the tickets behind a figure of a connection."""

    def address(kind: CellKind, **more: Any) -> str:
        return f"/review/trust/tickets?{urlencode(Cell(kind, connection, **more).query)}"

    return address
