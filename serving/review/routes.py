"""The pages of the queue: each reads a request, calls the service or the views and shows a page. Decides nothing."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from serving.event_log import Event, log_event
from serving.review.failures import PageRoute
from serving.review.filters import read_filters
from serving.review.pages import Stance
from serving.review.rendering import go, page
from serving.review.roles import Permission
from serving.review.service import Result, ReviewService
from serving.review.suggestions import NOTHING_TYPED, Typed
from serving.review.views import ReviewViews
from serving.review.visits import Sent, Visit, sending, visiting
from serving.storage.people import User
from serving.storage.reviewing import ReviewAction, ReviewItem

router = APIRouter(prefix="/review", route_class=PageRoute, include_in_schema=False)

_Looking = Annotated[Visit, Depends(visiting(Permission.LOOK))]
_Reviewing = Annotated[Sent, Depends(sending(Permission.REVIEW))]
_Showing = Annotated[Sent, Depends(sending(Permission.SHOW_TEXT))]
_ACTIONS = {action.value.replace("_", "-"): action for action in ReviewAction}
# What stands in an address for tickets that no connection brought.
_NO_CONNECTION = "-"
_MOST_MINUTES = 24 * 60
# After these a lead wants to see what came of it before she goes on.
_STAYS = (ReviewAction.AUDIT, ReviewAction.WANTS_INFORMATION)


@router.get("")
def show_queue(request: Request, visit: _Looking) -> Response:
    """Show the queue, as far as it fits the time that there is."""
    filters = read_filters(request.query_params)
    query = request.query_params
    shown = _views(request).queue(
        visit.user,
        filters.chosen,
        minutes=_minutes(query.get("minutes", "")),
        after=query.get("after", ""),
        did=query.get("did", ""),
    )
    left = query.get("left", "")
    return page(request, "queue.html", shown, active="queue", filters=filters, left=left if left.isdigit() else "")


@router.get("/tickets/{connection}/{ticket_id:path}")
def show_ticket(request: Request, connection: str, ticket_id: str, visit: _Looking) -> Response:
    """Show a ticket under the item by which it is met, or what was said of it where it never was in the queue."""
    views = _views(request)
    connection = "" if connection == _NO_CONNECTION else connection
    item = views.item_of_ticket(visit.user, connection, ticket_id=ticket_id)
    if item is not None:
        return go(f"/review/items/{item.id}")
    shown = views.ticket(visit.user, connection, ticket_id=ticket_id)
    if shown is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return page(request, "ticket.html", shown, active="queue")


@router.get("/items/{item_id}")
def show_item(request: Request, item_id: str, visit: _Looking) -> Response:
    """Show one item and keep it for who looks at it."""
    return _item_page(request, visit.user, _item(request, visit.user, item_id), did=request.query_params.get("did", ""))


@router.post("/items/{item_id}/text")
def show_text(request: Request, item_id: str, sent: _Showing) -> Response:
    """Show what the ticket says, on the record, with all that was typed."""
    item = _item(request, sent.user, item_id)
    log_event(Event.TEXT_SHOWN, user=sent.user.id, connection=item.connection, ticket_id=item.ticket_id)
    return _item_page(request, sent.user, item, typed=sent.form.typed(), is_text_wanted=True)


@router.post("/items/{item_id}/draft")
def show_draft(request: Request, item_id: str, sent: _Reviewing) -> Response:
    """Show an item with what was typed before, and save nothing."""
    return _item_page(request, sent.user, _item(request, sent.user, item_id), typed=sent.form.typed())


@router.post("/items/{item_id}/release")
def release(request: Request, item_id: str, sent: _Reviewing) -> Response:
    """Let go of an item without answering it."""
    _service(request).let_go(sent.user, item_id)
    return go("/review", **read_filters(request.query_params).query)


@router.post("/items/{item_id}/{action}")
def act(request: Request, item_id: str, action: str, sent: _Reviewing) -> Response:
    """Record what a lead does with an item, then show the next one."""
    did = _ACTIONS.get(action)
    if did is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    views, user, filters = _views(request), sent.user, read_filters(request.query_params)
    typed = sent.form.typed()
    next_path = views.next_path(user, filters.chosen, after=item_id)
    outcome = _service(request).act(
        user,
        item_id=item_id,
        action=did,
        given=typed.given(),
        review_id=sent.form.one("review"),
        question=typed.question or "",
    )
    if outcome.result is Result.MISSING:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    item = _item(request, user, item_id)
    if outcome.result is Result.INCOMPLETE:
        unprocessable = HTTPStatus.UNPROCESSABLE_ENTITY
        return _item_page(request, user, item, typed=typed, problem="incomplete", status=unprocessable)
    if outcome.review is None or outcome.result in (Result.STALE, Result.HELD):
        stale = views.stale(user, item, outcome, typed=sent.form.by_name())
        return page(
            request,
            "stale.html",
            stale,
            status=HTTPStatus.CONFLICT,
            at=f"/review/items/{item_id}",
            active="queue",
            kept=sent.form.kept(),
            filters=filters,
        )
    if did in _STAYS or not next_path:
        where = f"/review/items/{item_id}" if did in _STAYS else "/review"
        return go(where, **filters.query, did=outcome.review.id)
    return go(next_path, **filters.query, did=outcome.review.id, previous=item_id)


@router.get("/items/{item_id}/{action}")
def return_to_item(request: Request, item_id: str, action: str, visit: _Looking) -> Response:  # noqa: ARG001
    """Send who loads the address of an action again to the item."""
    return go(f"/review/items/{quote(item_id, safe='')}")


@router.get("/bursts/{cluster:path}")
def show_burst(request: Request, cluster: str, visit: _Looking) -> Response:
    """Show a burst."""
    return _burst_page(request, visit.user, cluster)


@router.post("/bursts/{cluster:path}")
def act_on_burst(request: Request, cluster: str, sent: _Reviewing) -> Response:
    """Do the same with the ticked items of a burst."""
    typed, action = sent.form.typed(), _ACTIONS.get(sent.form.one("action"))
    if action is None or action in _STAYS:
        # A form that was typed into before a sign-in comes back without its button.
        return _burst_page(request, sent.user, cluster, typed=typed)
    if not typed.item_ids:
        return _burst_page(
            request, sent.user, cluster, typed=typed, problem="none", status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    outcome = _service(request).act_on_burst(
        sent.user,
        cluster=cluster,
        item_ids=sorted(typed.item_ids),
        action=action,
        given=typed.given(),
        batch_id=sent.form.one("batch"),
    )
    if outcome.review is None:
        return _burst_page(request, sent.user, cluster, typed=typed, problem="stale", status=HTTPStatus.CONFLICT)
    left = len(outcome.left) if outcome.result is Result.DONE else 0
    return go("/review", **read_filters(request.query_params).query, did=outcome.review.id, left=str(left or ""))


@router.post("/undo")
def undo(request: Request, sent: _Reviewing) -> Response:
    """Undo what was done, and show what is open again."""
    undone = _service(request).undo(sent.user, review_id=sent.form.one("review"))
    if undone is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    review, opened = undone
    if len(opened) == 1:
        return go(f"/review/items/{opened[0]}", did=review.id)
    return go("/review", did=review.id)


@router.get("/undo")
def return_to_queue(request: Request, visit: _Looking) -> Response:  # noqa: ARG001
    """Send who loads the address of the undo again to the queue."""
    return go("/review")


def _item_page(
    request: Request,
    user: User,
    item: ReviewItem,
    *,
    typed: Typed = NOTHING_TYPED,
    is_text_wanted: bool = False,
    did: str = "",
    problem: str = "",
    status: int = HTTPStatus.OK,
) -> Response:
    filters = read_filters(request.query_params)
    shown = _views(request).item(
        user, item, chosen=filters.chosen, typed=typed, is_text_wanted=is_text_wanted, did=did, problem=problem
    )
    is_busy = shown.stance in (Stance.OPEN, Stance.BLIND)
    return page(
        request,
        "item.html",
        shown,
        status=int(status),
        at="" if request.method == "GET" else f"/review/items/{item.id}",
        active="queue",
        filters=filters,
        is_busy=is_busy,
        previous=request.query_params.get("previous", ""),
    )


def _burst_page(
    request: Request,
    user: User,
    cluster: str,
    *,
    typed: Typed = NOTHING_TYPED,
    problem: str = "",
    status: int = HTTPStatus.OK,
) -> Response:
    filters = read_filters(request.query_params)
    shown = _views(request).burst(user, cluster, chosen=filters.chosen, typed=typed, problem=problem)
    if shown is None and problem == "stale":
        return page(request, "gone.html", None, status=int(status), at="/review", active="queue")
    if shown is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    here = f"/review/bursts/{quote(cluster, safe='')}"
    told = _views(request).told(user, request.query_params.get("did", ""))
    return page(request, "burst.html", shown, status=int(status), at=here, active="queue", filters=filters, told=told)


def _item(request: Request, user: User, item_id: str) -> ReviewItem:
    item = _service(request).find(user, item_id)
    if item is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return item


def _service(request: Request) -> ReviewService:
    service: ReviewService = request.app.state.review
    return service


def _views(request: Request) -> ReviewViews:
    views: ReviewViews = request.app.state.review_views
    return views


def _minutes(text: str) -> int | None:
    return min(int(text), _MOST_MINUTES) if text.isascii() and text.isdigit() and int(text[:6]) else None
