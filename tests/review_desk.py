"""A service with a queue, users of every role and browsers to visit it with; its clock is set by the test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx

from features.answers import ModelIdentity
from serving.storage.interface import ScoredEntry, Source
from serving.storage.people import Role, User
from serving.storage.reviewing import ReviewItem
from serving.storage.sql import SqlStorage
from tests.running_service import Service

START = datetime(2026, 5, 14, 1, 0, tzinfo=UTC)
PASSWORD = "correct-horse-battery"
MODEL = ModelIdentity("ticket-triage", "3", "champion")
CONNECTIONS = """
[helpdesk]
vendor = "generic"
base_url = "https://helpdesk.example"
restricted_groups = ["people-ops"]
"""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        """Return the moment; each look is a little later, as looks are."""
        self.at += timedelta(microseconds=1)
        return self.at

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.at += timedelta(**by)


def targets(
    category: str = "network", probability: float = 0.62, *, group: str = "network-ops", priority: str = "high"
) -> dict[str, Any]:
    """Return what was suggested for a ticket."""
    other = "account" if category == "network" else "network"
    rest = [{"label": other, "probability": 0.2}, {"label": "hardware", "probability": 0.1}]
    told = {"decision": "suggest", "because": "below the threshold", "alternatives": rest}
    low = [{"label": label, "probability": 0.1} for label in ("urgent", "normal", "low") if label != priority]
    return {
        "category": {
            **told,
            "label": category,
            "probability": probability,
            "reasons": [{"text": "vpn", "weight": 1.0}],
        },
        "group": {
            **told,
            "label": group,
            "probability": 0.7,
            "alternatives": [{"label": "service-desk", "probability": 0.2}],
            "reasons": [],
        },
        "priority": {**told, "label": priority, "probability": 0.5, "alternatives": low, "reasons": []},
    }


def item_id(number: int) -> str:
    """Return the id of an item."""
    return f"01970000-0000-7000-8000-{number:012d}"


def make_item(number: int, **changes: Any) -> ReviewItem:
    """Return an open item that is due later the higher its number."""
    made = ReviewItem(
        id=item_id(number),
        connection="helpdesk",
        ticket_id=f"HD-{number}",
        model=MODEL,
        language="en",
        group="network-ops",
        created_at=START,
        due_at=START + timedelta(hours=number),
        priority_rank=1,
        worth=0.5,
        preview=f"vpn drops every few minutes ({number})",
        targets=targets(),
    )
    return replace(made, **changes)


def make_audit(number: int, **changes: Any) -> ReviewItem:
    """Return an audit of the category and the priority."""
    return make_item(number, is_audit=True, audit_targets=("category", "priority"), **changes)


class Page(HTMLParser):
    """What a test reads of a page: its fields, the elements with an id, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.ids: dict[str, dict[str, str]] = {}
        self.fields: list[tuple[str, str]] = []
        self.forms: dict[str, list[tuple[str, str]]] = {}
        self._form = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = told.get("id", told.get("action", ""))
        if "id" in told:
            self.ids[told["id"]] = told
        is_sent = told.get("type") not in ("radio", "checkbox") or "checked" in told
        if tag == "input" and "name" in told and is_sent:
            self.forms.setdefault(self._form, []).append((told["name"], told.get("value", "")))

    def field(self, name: str) -> str:
        """Return the value of a field in any form."""
        return next((value for form in self.forms.values() for key, value in form if key == name), "")

    @property
    def text(self) -> str:
        """The text of the page, without tags."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.html).split())


@dataclass
class Browser:
    """A browser with cookies of its own, in front of a service."""

    service: Service
    headers: Mapping[str, str] = field(default_factory=lambda: {"accept": "text/html", "accept-language": "en"})

    def __post_init__(self) -> None:
        transport = httpx.ASGITransport(self.service.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=dict(self.headers))

    def get(self, path: str, **request: Any) -> httpx.Response:
        """Open a page."""
        return self.service.run(self.client.get(path, **request))

    def post(self, path: str, data: Mapping[str, Any] | None = None, **request: Any) -> httpx.Response:
        """Send a form as it stands."""
        return self.service.run(self.client.post(path, data=data or {"nothing": ""}, **request))

    def page(self, path: str) -> Page:
        """Open a page that is there."""
        answer = self.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        return Page(answer.text)

    def send(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form with the token of the session."""
        return self.post(path, {"csrf": self.csrf(), **fields})

    def csrf(self) -> str:
        """Return the token that guards the forms of the session."""
        return self.page("/review").field("csrf")

    def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        """Sign in as a person would."""
        token = Page(self.get("/review/sign-in").text).field("token")
        return self.post("/review/sign-in", {"email": email, "password": password, "token": token, "next": "/review"})

    def close(self) -> None:
        """Close the browser."""
        self.service.run(self.client.aclose())


@dataclass
class Desk:
    """The service, its storage and its clock."""

    service: Service
    storage: SqlStorage
    clock: Clock
    browsers: list[Browser] = field(default_factory=list)

    def add(self, *items: ReviewItem) -> None:
        """Put items into the queue, with the records of their scored tickets."""
        self.storage.queue.add(items)
        self.storage.record([scored(item) for item in items])

    def browser(self, who: str = "") -> Browser:
        """Return a browser in which somebody is signed in, or nobody."""
        made = Browser(self.service)
        self.browsers.append(made)
        if who:
            assert made.sign_in(f"{who}@example.com").status_code == 303
        return made


def scored(item: ReviewItem) -> ScoredEntry:
    """Return the record of the scored ticket that an item is about."""
    return ScoredEntry(
        id=item.id,
        ticket_id=item.ticket_id,
        scored_at=item.created_at,
        model=item.model,
        language=item.language,
        predictions=item.targets,
        articles=[
            {"id": "KB-1", "title": "VPN drops", "url": "https://kb.example/1", "score": 0.9},
            {"id": "KB-9", "title": "Salary rules", "url": "", "score": 0.8, "audience": "people-ops"},
        ],
        similar_tickets=[
            {"id": "OLD-1", "score": 0.9, "duplicate_probability": 0.8, "labels": {"group": "network-ops"}},
            {"id": "OLD-9", "score": 0.9, "duplicate_probability": 0.8, "labels": {"group": "people-ops"}},
        ],
        warnings=[],
        caller="",
        source=Source.WEBHOOK,
        duration_seconds=0.01,
        connection=item.connection,
    )


def add_users(storage: SqlStorage, password_hash: str) -> None:
    """Add users of every role, who share a password."""
    for number, (name, role, groups) in enumerate(
        (
            ("minji", Role.LEAD, ()),
            ("sora", Role.LEAD, ()),
            ("hana", Role.LEAD, ("people-ops",)),
            ("dana", Role.DATA_SCIENTIST, ()),
            ("adam", Role.ADMIN, ()),
        )
    ):
        added = User(
            id=item_id(9000 + number),
            name=name.title(),
            email=f"{name}@example.com",
            role=role,
            created_at=START,
            groups=groups,
            password_hash=password_hash,
        )
        assert storage.people.users.add(added)
