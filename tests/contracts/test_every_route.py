"""Every route of the service, tried by every role, key and nobody; and what is a restricted group's, from outside.

The routes are read from the application itself, so that a new one is tried or the table fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount

from serving.auth import create_key
from serving.note_content import NoteContent, NoteEffect, TargetEffect
from serving.notes import note
from serving.storage.identifiers import time_ordered_id
from serving.storage.interface import Scope
from serving.visibility import audiences_of, visible_articles, visible_similar
from tests.review_desk import item_id, make_audit, make_item, scored, targets
from tests.review_server import ReviewServer, review_server

RESTRICTED = "people-ops"
VISITORS = ("nobody", "minji", "dana", "adam")
KEYS = ("no key", Scope.SCORE, Scope.FEEDBACK, Scope.REVIEW, Scope.ADMIN)
# What nobody, a lead, a data scientist and an administrator get.
LOOK, LED_ON = (303, 200, 200, 200), (303, 303, 303, 303)
CHANGE, CHANGE_AND_GO = (401, 200, 403, 200), (401, 303, 403, 303)
# What no key, and one with each of the scopes alone, get.
EVERYONE = (200, 200, 200, 200, 200)
TICKET = {"id": "T-1", "subject": "VPN drops", "body": "every few minutes"}
SAMPLE = Path(__file__).parents[2] / "data"


@dataclass(frozen=True, slots=True)
class Tried:
    """An address of a route, and the status that each visitor or key gets; `{n}` is a number of the visitor's own."""

    address: str
    statuses: Sequence[int]
    sent: Mapping[str, Any] | None = None


PAGES: dict[tuple[str, str], Tried] = {
    ("GET", "/review"): Tried("/review", LOOK),
    ("GET", "/review/items/{item_id}"): Tried("/review/items/{item}", LOOK),
    ("GET", "/review/items/{item_id}/{action}"): Tried("/review/items/{item}/accept", LED_ON),
    ("GET", "/review/tickets/{connection}/{ticket_id:path}"): Tried("/review/tickets/helpdesk/HD-{n}", LED_ON),
    ("GET", "/review/bursts/{cluster:path}"): Tried("/review/bursts/b{n}", LOOK),
    ("GET", "/review/undo"): Tried("/review/undo", LED_ON),
    ("POST", "/review/items/{item_id}/text"): Tried("/review/items/{item}/text", CHANGE),
    ("POST", "/review/items/{item_id}/draft"): Tried("/review/items/{item}/draft", CHANGE),
    ("POST", "/review/items/{item_id}/release"): Tried("/review/items/{item}/release", CHANGE_AND_GO),
    ("POST", "/review/items/{item_id}/{action}"): Tried("/review/items/{item}/accept", CHANGE_AND_GO),
    ("POST", "/review/bursts/{cluster:path}"): Tried("/review/bursts/b{n}", CHANGE_AND_GO),
    ("POST", "/review/undo"): Tried("/review/undo", (401, 404, 403, 404)),
    ("GET", "/review/trust"): Tried("/review/trust", LOOK),
    ("GET", "/review/trust.csv"): Tried("/review/trust.csv", LOOK),
    ("GET", "/review/trust/tickets"): Tried("/review/trust/tickets?kind=audits&target=category", LOOK),
    ("GET", "/review/policy"): Tried("/review/policy", LOOK),
    ("GET", "/review/policy/{connection}/{target}"): Tried("/review/policy/helpdesk/category", LOOK),
    ("POST", "/review/policy/{connection}/{target}"): Tried("/review/policy/helpdesk/category", CHANGE),
    ("GET", "/review/policy/{connection}/glossary"): Tried("/review/policy/helpdesk/glossary", LOOK),
    ("POST", "/review/policy/{connection}/glossary"): Tried("/review/policy/helpdesk/glossary", CHANGE),
    ("GET", "/review/rules"): Tried("/review/rules", LOOK),
    ("POST", "/review/rules"): Tried("/review/rules", CHANGE),
    ("GET", "/review/alerts"): Tried("/review/alerts", LED_ON),
    ("POST", "/review/alerts"): Tried("/review/alerts", CHANGE_AND_GO),
    ("GET", "/review/sign-in"): Tried("/review/sign-in", (200, 303, 303, 303)),
    ("POST", "/review/sign-in"): Tried("/review/sign-in", (403, 403, 403, 403)),
    ("GET", "/review/sign-out"): Tried("/review/sign-out", LED_ON),
    # No identity provider is set up: whoever comes is asked to sign in as usual.
    ("POST", "/review/oidc/start"): Tried("/review/oidc/start", (401, 401, 401, 401)),
    ("GET", "/review/oidc/callback"): Tried("/review/oidc/callback", LED_ON),
    ("GET", "/review/static/{file}"): Tried("/review/static/review.css", (200, 200, 200, 200)),
    # The last of them: whoever was signed in is not any more.
    ("POST", "/review/sign-out"): Tried("/review/sign-out", (401, 303, 303, 303)),
}
API: dict[tuple[str, str], Tried] = {
    ("POST", "/v1/score"): Tried("/v1/score", (401, 200, 403, 403, 200), TICKET),
    ("POST", "/v1/score/batch"): Tried("/v1/score/batch", (401, 200, 403, 403, 200), {"tickets": [TICKET]}),
    ("GET", "/v1/model"): Tried("/v1/model", (401, 200, 403, 403, 200)),
    ("POST", "/v1/feedback"): Tried("/v1/feedback", (401, 403, 422, 403, 422), {"kind": "none"}),
    ("GET", "/livez"): Tried("/livez", EVERYONE),
    ("GET", "/readyz"): Tried("/readyz", EVERYONE),
    ("GET", "/metrics"): Tried("/metrics", EVERYONE),
    ("GET", "/openapi.json"): Tried("/openapi.json", EVERYONE),
    ("GET", "/docs"): Tried("/docs", EVERYONE),
    ("GET", "/docs/oauth2-redirect"): Tried("/docs/oauth2-redirect", EVERYONE),
    ("GET", "/static-offline-docs/{file}"): Tried("/static-offline-docs/none.js", (404, 404, 404, 404, 404)),
    # A helpdesk signs what it sends; a key opens nothing here.
    ("POST", "/webhooks/{connection}"): Tried("/webhooks/helpdesk", (404, 404, 404, 404, 404), {}),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sample_bundle: Path) -> Iterator[ReviewServer]:
    """A server that asks callers for a key, with tickets of each visitor's own and some of a restricted group."""
    folder = tmp_path_factory.mktemp("routes")
    with review_server(folder, bundle=sample_bundle, TRIAGE_AUTH="keys") as running:
        for number in range(len(VISITORS)):
            running.add(make_item(number), *(make_item(10 * number + 100 + i, cluster=f"b{number}") for i in (0, 1)))
        running.add(*restricted_items())
        running.promise(make_audit(900), *restricted_items())
        yield running


def restricted_items() -> list[Any]:
    """Return tickets of a restricted group: two of a burst and an audit; what they say is in nobody else's page."""
    hidden = targets("payroll", 0.96, group=RESTRICTED)
    hidden["category"]["reasons"] = [{"text": "SECRET-REASON", "weight": 1.0}]
    told = {"group": RESTRICTED, "targets": hidden, "preview": "SECRET-PREVIEW"}
    return [make_item(500, cluster="hidden", **told), make_item(501, cluster="hidden", **told), make_audit(502, **told)]


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Return every method and path that the application answers, those of its parts too."""

    def declared(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str]]:
        for route in routes:
            if isinstance(route, Mount):
                yield "GET", f"{route.path}/{{file}}"
            elif (part := getattr(route, "original_router", None)) is not None:
                yield from declared(part.routes)
            else:
                told: Any = route
                yield from ((method, told.path) for method in told.methods - {"HEAD"})

    return set(declared(app.routes))


def test_every_route_is_in_the_table(server: ReviewServer) -> None:
    """What the application answers is what is tried below, no more and no less."""
    assert routes_of(server.app) == PAGES.keys() | API.keys()


@pytest.mark.parametrize("who", VISITORS)
def test_every_page_by_every_role_and_by_nobody(server: ReviewServer, who: str) -> None:
    """Each gets what the table says; nobody is led to the sign-in, with a key of the API too."""
    number = VISITORS.index(who)
    key = create_key(server.storage, name="all", scopes=list(Scope)).plaintext
    with server.client("" if who == "nobody" else who) as client:
        csrf = "none" if who == "nobody" else client.page("/review").field("csrf")
        for (method, path), tried in PAGES.items():
            address = tried.address.format(n=number, item=item_id(number))
            fields = {"csrf": csrf, "item": item_id(10 * number + 100), "action": "accept", "review": made_up(server)}
            headers = {"authorization": f"Bearer {key}"} if who == "nobody" else {}
            answer = client.http.request(method, address, data=fields if method == "POST" else None, headers=headers)
            assert answer.status_code == tried.statuses[number], (who, method, path, answer.status_code)
            if answer.status_code == 303 and who == "nobody" and path != "/review/sign-out":
                assert answer.headers["location"].startswith("/review/sign-in"), path
    by = {"nobody": 0, "minji": 1, "dana": 0, "adam": 1}[who]
    assert len(server.storage.reviews.list(item_id=item_id(number))) == by


@pytest.mark.parametrize("scope", KEYS)
def test_every_route_of_the_api_by_every_key_and_without(server: ReviewServer, scope: str) -> None:
    """Each key opens what its scope says; a session of the pages opens nothing of the API."""
    headers = {"accept": "application/json"}
    if scope != "no key":
        key = create_key(server.storage, name=scope, scopes=[Scope(scope)])
        headers["authorization"] = f"Bearer {key.plaintext}"
    with server.client("minji" if scope == "no key" else "") as client:
        for (method, path), tried in API.items():
            answer = client.http.request(method, tried.address, json=tried.sent, headers=headers)
            assert answer.status_code == tried.statuses[KEYS.index(scope)], (scope, path, answer.text[:200])


@pytest.mark.parametrize("who", ["minji", "dana"])
def test_a_restricted_group_s_tickets_are_on_no_page_of_others(server: ReviewServer, who: str) -> None:
    """Neither a page nor a file, a filter or an action tells of them, and what is asked for by name is not there."""
    addresses = [
        tried.address.format(n=VISITORS.index(who), item=item_id(VISITORS.index(who)))
        for (method, path), tried in PAGES.items()
        if method == "GET" and "oidc" not in path
    ]
    found = [
        "/review?q=secret-p",
        "/review?group=people-ops",
        "/review?target=category&label=payroll",
        "/review?kind=audits",
    ]
    cells = [
        f"/review/trust/tickets?kind={kind}&connection=helpdesk&target=category&suggested=payroll"
        for kind in ("audits", "reviews", "unattended")
    ]
    hidden = [
        *(f"/review/items/{item_id(number)}" for number in (500, 501, 502)),
        "/review/bursts/hidden",
        "/review/tickets/helpdesk/HD-500",
    ]
    with server.client(who) as client:
        for address in [*addresses, *found, *cells]:
            said = client.http.get(address, follow_redirects=True).text
            assert not any(secret in said for secret in ("SECRET", "HD-500", "HD-501", "HD-502")), address
        for address in hidden:
            assert client.http.get(address, follow_redirects=True).status_code == 404, address
        csrf = client.page("/review").field("csrf")
        for action in ("text", "draft", "accept", "audit", "reject"):
            answer = client.send(f"/review/items/{item_id(500)}/{action}", {"csrf": csrf, "answer-category": "x"})
            assert answer.status_code == (403 if who == "dana" else 404), action
            assert "SECRET" not in answer.text
        burst = {"csrf": csrf, "item": item_id(500), "action": "accept"}
        assert client.send("/review/bursts/hidden", burst).status_code == (403 if who == "dana" else 409)
    assert server.storage.reviews.list(item_id=item_id(500)) == []
    with server.client("hana") as own:
        assert "SECRET-PREVIEW" in own.page(hidden[0]).html
        assert "SECRET-REASON" in own.page(hidden[0]).html


def test_a_restricted_group_s_articles_and_tickets_are_in_no_answer(server: ReviewServer) -> None:
    """A caller who sends the very words of a restricted ticket gets others' tickets, and no article of that group."""
    secret = [row for row in sample("sample_tickets") if row.get("group") in ("people-ops", "security")]
    closed = {row["id"] for row in sample("sample_articles") if row.get("audience", "everyone") != "everyone"}
    assert len(secret) > 10
    assert closed
    key = create_key(server.storage, name="helpdesk", scopes=[Scope.SCORE])
    headers = {"authorization": f"Bearer {key.plaintext}"}
    asked = [{"id": f"X-{row['id']}", "subject": row["subject"], "body": row["body"]} for row in secret[:20]]
    with server.client() as client:
        many = client.http.post("/v1/score/batch", json={"tickets": asked}, headers=headers).json()["answers"]
        one = client.http.post("/v1/score", json=asked[0], headers=headers).json()
    similar = {told["id"] for answer in [*many, one] for told in answer["similar_tickets"]}
    articles = {told["id"] for answer in [*many, one] for told in answer["articles"]}
    assert similar
    assert not similar & {row["id"] for row in secret}
    assert not articles & closed


def test_a_restricted_group_s_articles_and_tickets_are_in_no_note_to_others() -> None:
    """The note that a group reads names what that group may see: the restricted group its own as well."""
    entry = scored(make_item(1))

    def written(group: str) -> str:
        content = NoteContent.from_answer(
            {"targets": entry.predictions},
            effects={"category": TargetEffect(NoteEffect.SUGGESTED)},
            articles=visible_articles(entry.articles, audiences_of(group)),
            similar=visible_similar(entry.similar_tickets, group, [RESTRICTED]),
        )
        return note(content, language="en", marker="3f2a9c81")

    for group in ("network-ops", ""):
        assert "OLD-1" in written(group)
        assert "OLD-9" not in written(group)
        assert "Salary" not in written(group)
    assert "OLD-9" in written(RESTRICTED)
    assert "Salary" in written(RESTRICTED)


def made_up(server: ReviewServer) -> str:
    """Return an id of a review that there is not."""
    return time_ordered_id(server.clock())


def sample(name: str) -> list[dict[str, Any]]:
    lines = (SAMPLE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
