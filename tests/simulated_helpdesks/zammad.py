"""A simulated Zammad: API v1 with token, triggers' webhooks signed by SHA-1, articles that are public unless said."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from features.taxonomy import TARGET_NAMES
from serving.helpdesks.interface import EventKind
from tests.simulated_helpdesks.interface import Asked, Replied, SimulatedHelpdesk, Webhook
from tests.simulated_helpdesks.tickets import Author, Message, SimulatedTicket

TOKEN, SIGNING_SECRET = "zammad-token", "zammad-signing-secret"
_US, _AGENT, _SYSTEM, _FIRST_CUSTOMER = 99, 5, 1, 1_000
_AUTHOR_IDS = {Author.AGENT: _AGENT, Author.US: _US}
_OWN_FIELDS = {"priority": "priority", "group": "group"}
_ARTICLE_KEYS = {"body", "content_type", "type", "internal", "subject"}
_ARTICLE_TYPES = {"portal": "web", "messenger": "sms", "in-app": "note", "api": "note", "": "note"}
_STATES = {"new": "new", "open": "open", "closed": "closed", "merged": "merged", "종료": "closed"}
_NOT_FOUND = Replied(404, {"error": "Couldn't find Ticket"})


class SimulatedZammad(SimulatedHelpdesk):
    """Zammad as its documentation describes it; fields other than group and priority are the site's own."""

    vendor = "zammad"
    default_fields: Mapping[str, str] = {"priority": "2 normal", "group": "Users"}

    def is_authorized(self, asked: Asked) -> bool:
        """Zammad's own scheme: `Token token=...`."""
        return asked.headers.get("authorization") == f"Token token={TOKEN}"

    def connection(self) -> dict[str, Any]:
        """Return the table of a connection, its other targets kept in fields of the site's own."""
        return {
            "name": "zammad-main",
            "vendor": "zammad",
            "base_url": self.url,
            "token": TOKEN,
            "own_user_id": _US,
            "signing_secrets": [SIGNING_SECRET],
            "modes": dict.fromkeys(TARGET_NAMES, "autofill"),
            "fields": {target: _place(target) for target in TARGET_NAMES},
            "defaults": {target: [value] for target, value in self.default_fields.items()},
        }

    def reply(self, asked: Asked) -> Replied:
        """Answer by Zammad's paths."""
        parts = asked.path.removeprefix("/api/v1/").split("/")
        answers: Mapping[tuple[str, str], Callable[[], Replied]] = {
            ("GET", "users"): lambda: self._user(parts[1]),
            ("GET", "tickets"): lambda: self._ticket(asked, parts),
            ("PUT", "tickets"): lambda: self._update(asked, parts[1]),
            ("GET", "ticket_articles"): lambda: self._articles(parts[2]),
            ("GET", "ticket_states"): _states,
            ("GET", "ticket_history"): _history,
            ("GET", "tags"): lambda: self._tags(asked),
            ("POST", "tags"): lambda: self._tag(asked, parts[1]),
            ("DELETE", "tags"): lambda: self._tag(asked, parts[1]),
            ("POST", "knowledge_bases"): lambda: self._knowledge(asked),
        }
        answer = answers.get((asked.method, parts[0]))
        if not asked.path.startswith("/api/v1/") or answer is None:
            return Replied(404, {"error": "No route matches"})
        return answer()

    def webhook(self, kind: EventKind | str, ticket: SimulatedTicket, *, delivery: str = "") -> Webhook:
        """Return what a trigger sends of a ticket."""
        article, changed_by = self._article_of(kind, ticket), _US if kind == "own change" else _AGENT
        record = {
            **self._record(ticket),
            "priority": {"id": 2, "name": ticket.fields.get("priority", "")},
            "group": {"id": 3, "name": ticket.fields.get("group", "")},
            "customer": self._customer_record(ticket),
            "organization": {"id": 3, "name": ticket.organization} if ticket.organization else None,
            "updated_by_id": changed_by,
        }
        if kind in (EventKind.CLOSED, EventKind.REOPENED):
            closed_at = _written(ticket.closed_at or ticket.updated_at)
            state = "closed" if kind is EventKind.CLOSED else "open"
            record |= {"state": state, "close_at": closed_at, "last_close_at": closed_at}
        body = json.dumps({"ticket": record, "article": article}, ensure_ascii=False).encode()
        signature = hmac.new(SIGNING_SECRET.encode(), body, "sha1").hexdigest()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Zammad User Agent",
            "X-Zammad-Trigger": "Triage",
            "X-Zammad-Delivery": delivery or self.next_delivery(),
            "X-Hub-Signature": f"sha1={signature}",
        }
        return Webhook(headers, body)

    def _article_of(self, kind: EventKind | str, ticket: SimulatedTicket) -> dict[str, Any] | None:
        articles = self._conversation(ticket)
        if kind is EventKind.CREATED:
            return articles[0]
        if kind in (EventKind.CLOSED, "field change", "own change"):
            return None
        sender = "Customer" if kind in (EventKind.REQUESTER_REPLIED, EventKind.REOPENED) else "Agent"
        is_internal = kind == "internal note"
        told = [
            one
            for one in articles[1:]
            if (one["sender"], one["internal"]) == (sender, is_internal) and one["created_by_id"] != _US
        ]
        author = Author.REQUESTER if sender == "Customer" else Author.AGENT
        message = Message("Hello again", author, not is_internal, ticket.updated_at)
        return told[-1] if told else self._said(ticket, message, number=999)

    # --- records ----------------------------------------------------------------------------------------------

    def _record(self, ticket: SimulatedTicket) -> dict[str, Any]:
        """Return a ticket with `expand=true`: names beside the ids."""
        own = {_place(target): value for target, value in ticket.fields.items() if value}
        closed_at = _written(ticket.closed_at) if ticket.closed_at else None
        return {
            **ticket.custom,
            **own,
            "id": int(ticket.id),
            "number": f"20{ticket.id}",
            "title": ticket.subject,
            "state": ticket.status,
            "group": ticket.fields.get("group", ""),
            "customer": ticket.requester_email,
            "customer_id": self._customer_id(ticket),
            "organization": ticket.organization or None,
            "owner": "-",
            "article_ids": [one["id"] for one in self._conversation(ticket)],
            "article_count": len(self._conversation(ticket)),
            "create_article_type": _ARTICLE_TYPES.get(ticket.channel, ticket.channel),
            "create_article_sender": "Customer",
            "created_at": _written(ticket.created_at),
            "updated_at": _written(ticket.updated_at),
            "close_at": closed_at,
            "last_close_at": closed_at,
            "first_response_at": None,
            "updated_by_id": _AGENT,
        }

    def _conversation(self, ticket: SimulatedTicket) -> list[dict[str, Any]]:
        opening = Message(ticket.body, Author.REQUESTER, True, ticket.created_at)
        return [
            self._said(ticket, message, number=number) for number, message in enumerate([opening, *ticket.messages])
        ]

    def _said(self, ticket: SimulatedTicket, message: Message, *, number: int) -> dict[str, Any]:
        is_requesters = message.author is Author.REQUESTER
        return {
            "id": int(ticket.id) * 1_000 + number,
            "ticket_id": int(ticket.id),
            "body": message.text,
            "content_type": "text/html" if is_requesters else "text/plain",
            "internal": not message.is_public,
            "sender": "Customer" if is_requesters else "Agent",
            "type": _ARTICLE_TYPES.get(ticket.channel, ticket.channel) if is_requesters else "note",
            "created_by_id": self._customer_id(ticket) if is_requesters else _AUTHOR_IDS[message.author],
            "created_at": _written(message.at),
        }

    def _customer_id(self, ticket: SimulatedTicket) -> int:
        emails = sorted({one.requester_email for one in self.tickets.values()})
        return _FIRST_CUSTOMER + emails.index(ticket.requester_email)

    def _customer_record(self, ticket: SimulatedTicket) -> dict[str, Any]:
        return {
            "id": self._customer_id(ticket),
            "login": ticket.requester_email,
            "email": ticket.requester_email,
            "firstname": "Mina",
            "lastname": "Kim",
            "organization": ticket.organization or None,
            "vip": False,
        }

    # --- answers ----------------------------------------------------------------------------------------------

    def _user(self, number: str) -> Replied:
        if number == "me":
            return Replied(body={"id": _US, "email": "triage@desk.example", "group_ids": {"1": ["full"]}})
        for ticket in self.tickets.values():
            if number == str(self._customer_id(ticket)):
                return Replied(body=self._customer_record(ticket))
        return Replied(404, {"error": "Couldn't find User"})

    def _ticket(self, asked: Asked, parts: list[str]) -> Replied:
        if parts[1:] == ["search"]:
            return self._search(asked)
        if len(parts) == 1:
            return Replied(body=[self._record(one) for one in self.tickets.values()][: int(asked.query["per_page"])])
        ticket = self.tickets.get(parts[1])
        return Replied(body=self._record(ticket)) if ticket else _NOT_FOUND

    def _search(self, asked: Asked) -> Replied:
        moment, limit = asked.query["sort_by"], int(asked.query["per_page"])
        if asked.query.get(f"condition[ticket.{moment}][operator]") != "after (absolute)":
            return Replied(422, {"error": "Invalid condition"})
        begin = datetime.fromisoformat(asked.query[f"condition[ticket.{moment}][value]"])
        found = [one for one in self.tickets.values() if getattr(one, moment) >= begin]
        found.sort(key=lambda one: getattr(one, moment))
        start = limit * (int(asked.query["page"]) - 1)
        return Replied(body=[self._record(one) for one in found[start : start + limit]])

    def _update(self, asked: Asked, number: str) -> Replied:
        ticket = self.tickets.get(number)
        if ticket is None:
            return _NOT_FOUND
        places = {_place(target): target for target in TARGET_NAMES}
        for name, value in asked.body.items():
            if name not in {*places, "article"} or (name in _OWN_FIELDS and not value):
                return Replied(422, {"error": f"unknown attribute or empty value '{name}' for Ticket."})
        article = asked.body.get("article")
        if article is not None and (not article.get("body") or set(article) - _ARTICLE_KEYS):
            return Replied(422, {"error": "Need at least an 'article body' field."})
        for name, value in asked.body.items():
            if name in places:
                self.set_field(ticket, places[name], value or "", author=Author.US)
        if article is not None:
            self.say(ticket, article["body"], author=Author.US, is_public=article.get("internal") is not True)
        return Replied(body=self._record(ticket))

    def _articles(self, number: str) -> Replied:
        ticket = self.tickets.get(number)
        return Replied(body=self._conversation(ticket)) if ticket else _NOT_FOUND

    def _tags(self, asked: Asked) -> Replied:
        ticket = self.tickets.get(asked.query["o_id"])
        return Replied(body={"tags": ticket.tags}) if ticket and asked.query["object"] == "Ticket" else _NOT_FOUND

    def _tag(self, asked: Asked, what: str) -> Replied:
        ticket = self.tickets.get(str(asked.body["o_id"]))
        if ticket is None or asked.body["object"] != "Ticket":
            return _NOT_FOUND
        tag = asked.body["item"]
        if what == "add" and tag not in ticket.tags:
            ticket.tags.append(tag)
        if what == "remove" and tag in ticket.tags:
            ticket.tags.remove(tag)
        ticket.touch(self.clock())
        return Replied(201 if what == "add" else 200, True)

    def _knowledge(self, asked: Asked) -> Replied:
        wanted = asked.body.get("answer_translation_content_ids", [])
        numbers = list(enumerate(self.articles, start=1))
        answers = {str(number): _answer(number, is_public=one.audience == "everyone") for number, one in numbers}
        translations = {
            str(number): {"id": one.id, "title": one.title, "answer_id": number, "content_id": number}
            for number, one in numbers
        }
        contents = {str(number): {"id": number, "body": one.body} for number, one in numbers if number in wanted}
        return Replied(
            body={
                "KnowledgeBaseAnswer": answers,
                "KnowledgeBaseAnswerTranslation": translations,
                "KnowledgeBaseAnswerTranslationContent": contents,
            }
        )


def _answer(number: int, *, is_public: bool) -> Mapping[str, Any]:
    moment = _written(datetime(2026, 1, 5, tzinfo=UTC))
    return {"id": number, "published_at": moment if is_public else None, "internal_at": moment, "archived_at": None}


def _place(target: str) -> str:
    return _OWN_FIELDS.get(target, f"triage_{target}")


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _states() -> Replied:
    return Replied(body=[{"name": name, "state_type": ends} for name, ends in _STATES.items()])


def _history() -> Replied:
    change = {"type": "updated", "object": "Ticket"}
    return Replied(
        body={
            "history": [
                {"type": "created", "object": "Ticket"},
                {**change, "attribute": "group", "value_from": "Users", "value_to": "Sales"},
                {**change, "attribute": "state", "value_from": "closed", "value_to": "open"},
                {**change, "attribute": "state", "value_from": "open", "value_to": "closed"},
            ],
            "assets": {},
        }
    )
