"""The page of rules and off-switches: a change is tried on the last 30 days, then saved by a form of its own.

Decides nothing. What is tried travels with the form that saves it, and is checked again when it is saved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from features.errors import SettingsError
from features.taxonomy import TARGET_NAMES
from serving.model_store import ModelStore
from serving.review.failures import PageRoute
from serving.review.forms import Form
from serving.review.opening_oversight import OversightPages
from serving.review.preferences import language_of
from serving.review.rendering import go, page
from serving.review.roles import Permission
from serving.review.rule_forms import form_of, with_rule, written_rule
from serving.review.rule_views import RuleViews, Tried
from serving.review.visits import Sent, Visit, sending, visiting
from serving.review.words import Words
from serving.storage.policies import OffSwitchKind

router = APIRouter(prefix="/review", route_class=PageRoute, include_in_schema=False)
_Looking = Annotated[Visit, Depends(visiting(Permission.SEE_POLICY))]
_Editing = Annotated[Sent, Depends(sending(Permission.EDIT_POLICY))]
_LONGEST_VALUE = 200
_NO_CONNECTION = "-"


@router.get("/rules")
def show_rules(request: Request, visit: _Looking) -> Response:  # noqa: ARG001
    """Show the rules of a connection, one of them in a form where the address names it."""
    connection = _connection(request, request.query_params.get("connection"))
    return _rules_page(request, connection, editing=request.query_params.get("rule"))


@router.post("/rules")
def change_rules(request: Request, sent: _Editing) -> Response:
    """Try, save or undo a change of rules, or of an off-switch."""
    form = sent.form
    connection = _connection(request, form.one("connection"))
    try:
        done = _change(request, connection, sent)
    except SettingsError as error:
        return _rules_page(request, connection, problem=str(error), typed=form)
    if isinstance(done, Response):
        return done
    if not done:
        return _rules_page(request, connection, problem="stale", typed=form if form.one("rules") else None)
    return go(_address(connection))


def _change(request: Request, connection: str, sent: Sent) -> bool | Response:
    views, form, by = _views(request), sent.form, sent.user.id
    version = _number(form.one("version"))
    match form.one("do"):
        case "try":
            current = views.page(connection, labels={}).rules
            rules = with_rule(current, written_rule(form), in_place_of=form.one("rule"))
            return _tried_page(request, connection, rules, tried=views.try_rules(connection, rules), form=form)
        case "try_without":
            current = views.page(connection, labels={}).rules
            rules = [one for one in current if one.get("name") != form.one("rule")]
            return _tried_page(request, connection, rules, tried=views.try_rules(connection, rules), form=form)
        case "save":
            rules = _sent_rules(form.one("rules"))
            return views.save_rules(connection, rules, by=by, note=form.one("note"), version=version)
        case "undo":
            return views.undo_rules(connection, version=version, by=by, note=_undone(request, version))
        case "try_switch" | "switch_off" | "switch_on" as did:
            return _switch(request, connection, sent, did=did)
    return _rules_page(request, connection, typed=form if form.one("name") else None)


def _switch(request: Request, connection: str, sent: Sent, *, did: str) -> bool | Response:
    views, form, by = _views(request), sent.form, sent.user.id
    kind, value = form.one("kind"), " ".join(form.one("value").split())[:_LONGEST_VALUE]
    if kind not in set(OffSwitchKind) or not value:
        raise SettingsError("It is not said what is to be switched off. Name a category, a requester or a group.")
    chosen = OffSwitchKind(kind)
    if did == "try_switch":
        tried = views.try_switch(connection, kind=chosen, value=value, by=by)
        version = views.switch_version(connection, kind=chosen, value=value)
        return _tried_page(request, connection, None, tried=tried, form=form, switch=(kind, value, version))
    version = _number(form.one("version"))
    return views.switch(connection, kind=chosen, value=value, is_off=did == "switch_off", by=by, version=version)


def _sent_rules(text: str) -> list[Mapping[str, Any]]:
    """Return the rules that a form carries; raise SettingsError for what is no list of rules."""
    try:
        rules = json.loads(text)
    except ValueError:
        rules = None
    if not isinstance(rules, list) or not all(isinstance(one, dict) for one in rules):
        raise SettingsError("The rules that were tried did not arrive. Try the change again.")
    return rules


def _rules_page(
    request: Request, connection: str, *, editing: str | None = None, problem: str = "", typed: Form | None = None
) -> Response:
    shown = _views(request).page(connection, labels=_labels(request, connection), problem=problem)
    edited = next((one for one in shown.rules if one.get("name") == editing), None) if editing else None
    if editing and edited is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    status = HTTPStatus.OK
    if problem:
        status = HTTPStatus.CONFLICT if problem == "stale" else HTTPStatus.UNPROCESSABLE_ENTITY
    fields = _typed_fields(typed) if typed is not None else form_of(edited or {})
    return page(
        request,
        "rules.html",
        shown,
        status=int(status),
        at="" if request.method == "GET" else _address(connection),
        active="rules",
        fields=fields,
        editing=(edited or {}).get("name", "") if typed is None else typed.one("rule"),
        is_open=edited is not None or bool(typed is not None and typed.all("name")) or editing == "",
        targets=TARGET_NAMES,
        kinds=OffSwitchKind,
        name=_NO_CONNECTION,
    )


def _typed_fields(form: Form) -> Mapping[str, Any]:
    """Return what was typed, as it was: it may be no rule yet."""
    names = ("name", "words", "requesters", "channels", "attributes", "begins_at", "ends_at")
    force = {target: form.one(f"force-{target}") for target in TARGET_NAMES}
    return {**{name: form.one(name) for name in names}, "force": force, "never": form.all("never")}


def _tried_page(
    request: Request,
    connection: str,
    rules: Sequence[Mapping[str, Any]] | None,
    *,
    tried: Tried,
    form: Form,
    switch: tuple[str, str, int] | None = None,
) -> Response:
    return page(
        request,
        "rules_tried.html",
        tried,
        at=_address(connection),
        active="rules",
        connection=connection,
        name=_NO_CONNECTION,
        back=_address(connection),
        rules="" if rules is None else json.dumps(rules, ensure_ascii=False),
        version=_number(form.one("version")) if switch is None else switch[2],
        note=form.one("note"),
        about=form.one("name") or form.one("rule"),
        is_removal=form.one("do") == "try_without",
        switch=switch,
    )


def _labels(request: Request, connection: str) -> Mapping[str, Sequence[str]]:
    models: ModelStore = request.app.state.services.models
    served = models.current(_pages(request).promises.model_of(connection))
    return {name: one.labels for name, one in served.bundle.evidence.items()} if served else {}


def _undone(request: Request, version: int) -> str:
    found = getattr(request.state, "signed_in", None)
    return Words(language_of(request, found.user if found else None))("history.undone", version=version)


def _connection(request: Request, asked: str | None) -> str:
    known = _views(request).connections
    if not asked:
        return known[0]
    name = "" if asked == _NO_CONNECTION else asked
    if name not in known:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return name


def _address(connection: str) -> str:
    return f"/review/rules?{urlencode({'connection': connection or _NO_CONNECTION})}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _views(request: Request) -> RuleViews:
    return _pages(request).rules


def _pages(request: Request) -> OversightPages:
    pages: OversightPages = request.app.state.oversight_pages
    return pages
