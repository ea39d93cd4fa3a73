"""The pages of promises, modes and states, the glossary, and the acknowledgement of alerts. Decides nothing.

A change is tried by looking at a page with the change in its address, and saved by a form that names the versions
which were shown.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from features.decisions import PolicyState
from features.errors import SettingsError
from features.promises import Division
from serving.connections import Mode
from serving.review.failures import PageRoute
from serving.review.forms import Form
from serving.review.opening_oversight import OversightPages
from serving.review.preferences import language_of
from serving.review.promise_views import ChangeKind, Chosen, PromiseViews
from serving.review.rendering import go, page
from serving.review.roles import Permission
from serving.review.rule_forms import glossary_of, glossary_text
from serving.review.rule_views import RuleViews
from serving.review.trust_drawings import TrustDrawings
from serving.review.visits import Sent, Visit, sending, visiting
from serving.review.words import Words

router = APIRouter(prefix="/review", route_class=PageRoute, include_in_schema=False)
_Looking = Annotated[Visit, Depends(visiting(Permission.SEE_POLICY))]
_Editing = Annotated[Sent, Depends(sending(Permission.EDIT_POLICY))]
# What stands in an address for callers of the API, who have no connection.
NO_CONNECTION = "-"
_LONGEST_REASON = 500


@router.get("/policy")
def show_policies(request: Request, visit: _Looking) -> Response:  # noqa: ARG001
    """Show what is in force everywhere."""
    return page(request, "policy.html", _views(request).all(), active="policy", drawn=_drawn(request))


@router.get("/policy/{connection}/glossary")
def show_glossary(request: Request, connection: str, visit: _Looking) -> Response:  # noqa: ARG001
    """Show a connection's own words."""
    return _glossary_page(request, _known(request, connection))


@router.post("/policy/{connection}/glossary")
def change_glossary(request: Request, connection: str, sent: _Editing) -> Response:
    """Try, save or undo a connection's own words."""
    name, views, form = _known(request, connection), _rules(request), sent.form
    here = f"/review/policy/{quote(connection, safe='')}/glossary"
    version, text = _number(form.one("version")), form.one("entries")
    did = form.one("do")
    if did == "undo":
        is_set = views.undo_glossary(name, version=version, by=sent.user.id, note=_undo_note(request, version))
        return go(here) if is_set else _glossary_page(request, name, problem="stale", text=None)
    try:
        entries = glossary_of(text)
        if did == "save":
            is_set = views.save_glossary(name, entries, by=sent.user.id, note=form.one("note"), version=version)
            return go(here) if is_set else _glossary_page(request, name, problem="stale", text=text)
    except SettingsError as error:
        return _glossary_page(request, name, problem=str(error), text=text)
    return _glossary_page(request, name, text=text, note=form.one("note"), is_tried=True)


@router.get("/policy/{connection}/{target}")
def show_policy(request: Request, connection: str, target: str, visit: _Looking) -> Response:  # noqa: ARG001
    """Show one target; with a change in the address, what that would do."""
    query = request.query_params
    if "mode" not in query and "error" not in query:
        return _policy_page(request, connection, target)
    try:
        chosen = _chosen(Form(tuple(query.multi_items())))
    except SettingsError as error:
        return _policy_page(request, connection, target, problem=str(error))
    return _policy_page(request, connection, target, chosen=chosen)


@router.post("/policy/{connection}/{target}")
def change_policy(request: Request, connection: str, target: str, sent: _Editing) -> Response:
    """Save what was tried, set a state, or undo."""
    name, form = _checked(request, connection, target), sent.form
    try:
        is_set = _set(_views(request), name, target, form=form, by=sent.user.id)
    except SettingsError as error:
        return _policy_page(request, connection, target, problem=str(error))
    if is_set is None:
        return _policy_page(request, connection, target)
    if not is_set:
        return _policy_page(request, connection, target, problem="stale")
    return go(_address(connection, target))


@router.post("/alerts")
def acknowledge(request: Request, sent: _Editing) -> Response:
    """Note that somebody has seen an alert."""
    pages = _pages(request)
    pages.alerts.acknowledge(sent.form.one("alert"), by=sent.user.id, at=pages.clock())
    return go("/review/policy")


@router.get("/alerts")
def return_to_policy(request: Request, visit: _Looking) -> Response:  # noqa: ARG001
    """Send who loads the address of an acknowledgement again to the policies."""
    return go("/review/policy")


def _set(views: PromiseViews, connection: str, target: str, *, form: Form, by: str) -> bool | None:
    """Do what a form asks for; return whether it could be done, or None where it asks for nothing."""
    match form.one("do"):
        case "save":
            versions = {kind: _number(form.one(f"version-{kind}")) for kind in ChangeKind}
            return views.save(connection, target, chosen=_chosen(form), by=by, versions=versions)
        case "resume" | "off" as did:
            because = " ".join(form.one("because").split())[:_LONGEST_REASON]
            if not because:
                raise SettingsError("A reason is missing. Write why, for those who come after you.")
            state = PolicyState.RUNNING if did == "resume" else PolicyState.OFF
            version = _number(form.one("version-state"))
            return views.set_state(connection, target, state=state, because=because, by=by, version=version)
        case "undo":
            kind = form.one("kind")
            if kind not in set(ChangeKind):
                return None
            return views.undo(connection, target, kind=ChangeKind(kind), version=_number(form.one("version")), by=by)
    return None


def _chosen(form: Form) -> Chosen:
    """Return what a form chooses; raise SettingsError for a share that is none."""
    mode = form.one("mode")
    urgent = tuple(dict.fromkeys(form.all("urgent")))
    return Chosen(
        Mode(mode) if mode in set(Mode) else Mode.SUGGEST,
        _share(form.one("error")),
        Division.EACH_LABEL if form.one("division") == Division.EACH_LABEL else Division.TOGETHER,
        urgent,
        _share(form.one("understated")) if urgent else None,
    )


def _share(text: str) -> float | None:
    """Return a share that is written in percent, None for none."""
    said = text.strip().removesuffix("%").strip().replace(",", ".")
    if not said:
        return None
    try:
        return float(said) / 100
    except ValueError:
        raise SettingsError(f"'{text[:20]}' is no share in percent. Write it as in: 5.") from None


def _policy_page(
    request: Request, connection: str, target: str, *, chosen: Chosen | None = None, problem: str = ""
) -> Response:
    name = _checked(request, connection, target)
    shown = _views(request).page(name, target, chosen=chosen, problem=problem)
    status = HTTPStatus.OK
    if shown.problem:
        status = HTTPStatus.CONFLICT if shown.problem == "stale" else HTTPStatus.UNPROCESSABLE_ENTITY
    return page(
        request,
        "policy_target.html",
        shown,
        status=int(status),
        at="" if request.method == "GET" else _address(connection, target),
        active="policy",
        here=_address(connection, target),
        modes=Mode,
        drawn=_drawn(request),
    )


def _glossary_page(
    request: Request,
    connection: str,
    *,
    text: str | None = None,
    note: str = "",
    problem: str = "",
    is_tried: bool = False,
) -> Response:
    draft = glossary_of(text) if is_tried and text is not None else None
    shown = _rules(request).glossary(connection, draft=draft, problem=problem)
    status = HTTPStatus.OK
    if shown.problem:
        status = HTTPStatus.CONFLICT if shown.problem == "stale" else HTTPStatus.UNPROCESSABLE_ENTITY
    here = f"/review/policy/{quote(connection or NO_CONNECTION, safe='')}/glossary"
    written = glossary_text(shown.entries) if text is None else text
    return page(
        request,
        "glossary.html",
        shown,
        status=int(status),
        at=here,
        active="policy",
        here=here,
        text=written,
        note=note,
    )


def _drawn(request: Request) -> TrustDrawings:
    found = getattr(request.state, "signed_in", None)
    return TrustDrawings(Words(language_of(request, found.user if found else None)))


def _address(connection: str, target: str) -> str:
    return f"/review/policy/{quote(connection, safe='')}/{quote(target, safe='')}"


def _checked(request: Request, connection: str, target: str) -> str:
    name = _known(request, connection)
    if not _views(request).knows(name, target):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return name


def _known(request: Request, connection: str) -> str:
    """Return the connection that an address names; raise HTTPException for one that there is not."""
    name = "" if connection == NO_CONNECTION else connection
    if name not in _rules(request).connections:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return name


def _undo_note(request: Request, version: int) -> str:
    found = getattr(request.state, "signed_in", None)
    return Words(language_of(request, found.user if found else None))("history.undone", version=version)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _views(request: Request) -> PromiseViews:
    return _pages(request).promises


def _rules(request: Request) -> RuleViews:
    return _pages(request).rules


def _pages(request: Request) -> OversightPages:
    pages: OversightPages = request.app.state.oversight_pages
    return pages
