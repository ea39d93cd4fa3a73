"""A simulated Freshdesk: API v2 as far as the product calls it, and the webhooks of its automations.

Stricter than Freshdesk in one thing, so that tests see what would pass in silence: `updated_at` tells two changes
within a second apart.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from serving.helpdesks.interface import EventKind
from tests.simulated_helpdesks.interface import Asked, Replied, SimulatedHelpdesk, Webhook
from tests.simulated_helpdesks.tickets import Author, Message, SimulatedTicket

USER, API_KEY = "triage@helpdesk.example", "freshdesk-api-key"
WEBHOOK_USER, WEBHOOK_PASSWORD = "freshdesk", "freshdesk-webhook-password"
OWN_ID, AGENT_ID = 900, 800
#: The site's own fields for targets that Freshdesk has none for.
CUSTOM_FIELDS: Mapping[str, str] = {
    "category": "cf_category",
    "tier": "cf_tier",
    "impact": "cf_impact",
    "urgency": "cf_urgency",
}
PRIORITIES = {"low": 1, "medium": 2, "high": 3, "urgent": 4}
TYPES = ("Incident", "Request", "Question", "Complaint")
GROUPS = (
    *("service-desk", "identity", "network-ops", "workplace", "messaging", "business-apps", "security", "people-ops"),
    *("Billing", "결제팀"),
)
SOURCES = {"email": 1, "portal": 2, "phone": 3, "messenger": 13, "chat": 7, "in-app": 8}
_SOURCE_NAMES = {1: "Email", 2: "Portal", 3: "Phone", 13: "Whatsapp", 7: "Chat", 8: "MobiHelp"}
_STATUSES = {"open": 2, "pending": 3, "resolved": 4, "closed": 5}
_UPDATABLE = {"priority", "type", "group_id", "tags", "custom_fields"}
_FIRST = {"users": 10_000, "companies": 20_000, "groups": 500, "folders": 600}


class SimulatedFreshdesk(SimulatedHelpdesk):
    """Answers as Freshdesk does. `ratings` are what surveys say of tickets, by id, in Freshdesk's numbers."""

    vendor = "freshdesk"
    default_fields: Mapping[str, str] = {"priority": "low"}

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self.groups: list[str] = list(GROUPS)
        self.ratings: dict[str, int] = {}
        self._numbers: dict[str, list[str]] = {name: [] for name in _FIRST} | {"groups": self.groups}
        self._sent: dict[str, Webhook] = {}

    # --- the API ----------------------------------------------------------------------------------------------

    def is_authorized(self, asked: Asked) -> bool:
        """Tell whether a request carries the agent's key."""
        expected = b64encode(f"{API_KEY}:X".encode()).decode()
        return asked.headers.get("authorization") == f"Basic {expected}"

    def reply(self, asked: Asked) -> Replied:
        """Answer by path and method."""
        parts = asked.path.removeprefix("/api/v2/").split("/")
        ticket = self.tickets.get(parts[1]) if parts[0] == "tickets" and len(parts) > 1 else None
        replied = Replied(404)
        if asked.method == "GET":
            replied = self._read(parts, ticket, asked.query) or replied
        elif ticket is not None and asked.method == "PUT" and len(parts) == 2:
            replied = self._update(ticket, asked.body)
        elif ticket is not None and asked.method == "POST" and parts[2:] == ["notes"]:
            replied = self._note(ticket, asked.body)
        limits = {"X-RateLimit-Total": "700", "X-RateLimit-Remaining": "650", "X-RateLimit-Used-CurrentRequest": "1"}
        return Replied(replied.status, replied.body, {**limits, **replied.headers})

    def _read(self, parts: Sequence[str], ticket: SimulatedTicket | None, query: Mapping[str, str]) -> Replied | None:
        match parts:
            case ["agents", "me"]:
                return Replied(
                    body={"id": OWN_ID, "contact": {"email": USER, "name": "Triage"}, "type": "support_agent"}
                )
            case ["tickets"]:
                return self._list(query)
            case ["tickets", _] if ticket is not None:
                return Replied(body={**self._row(ticket, query), "description": _as_html(ticket.body)})
            case ["tickets", _, "conversations"] if ticket is not None:
                return self._page(self._conversation(ticket), query)
            case ["groups"]:
                return self._page([{"id": self._number("groups", one), "name": one} for one in self.groups], query)
            case ["companies", number] if number.isdigit():
                companies = self._numbers["companies"]
                place = int(number) - _FIRST["companies"]
                return Replied(body={"name": companies[place]}) if 0 <= place < len(companies) else None
            case ["surveys", "satisfaction_ratings"]:
                rated = self.ratings.items()
                rows = [{"ticket_id": int(key), "ratings": {"default_question": value}} for key, value in rated]
                return self._page(rows, query)
            case ["solutions", *rest]:
                return self._solutions(rest, query)
        return None

    def _page(self, rows: Sequence[Any], query: Mapping[str, str]) -> Replied:
        size = min(100, int(query.get("per_page", "30")))
        start = (int(query.get("page", "1")) - 1) * size
        return Replied(body=rows[start : start + size])

    def _list(self, query: Mapping[str, str]) -> Replied:
        since = datetime.fromisoformat(query.get("updated_since", "1970-01-01T00:00:00Z"))
        found = [one for one in self.tickets.values() if one.updated_at.replace(microsecond=0) >= since]
        found.sort(key=lambda one: one.updated_at, reverse=query.get("order_type") != "asc")
        has_text = "description" in query.get("include", "")
        return self._page(
            [{**self._row(one, query), **({"description": _as_html(one.body)} if has_text else {})} for one in found],
            query,
        )

    def _solutions(self, parts: Sequence[str], query: Mapping[str, str]) -> Replied | None:
        audiences = sorted({article.audience for article in self.articles})
        match parts:
            case ["categories"]:
                return self._page([{"id": 1, "name": "General"}] if audiences else [], query)
            case ["categories", "1", "folders"]:
                # 1 is for all, 3 for agents only.
                rows = [
                    {"id": self._number("folders", one), "name": one, "visibility": 1 if one == "everyone" else 3}
                    for one in audiences
                ]
                return self._page(rows, query)
            case ["folders", number, "articles"]:
                rows = [
                    {"id": one.id, "title": one.title, "description": one.body, "status": 2, "tags": []}
                    for one in self.articles
                    if str(self._number("folders", one.audience)) == number
                ]
                return self._page(rows, query)
        return None

    def _update(self, ticket: SimulatedTicket, body: Any) -> Replied:
        problem = self._problem(body)
        if problem:
            return Replied(400, {"description": "Validation failed", "errors": [{"field": problem}]})
        names = {number: name for name, number in PRIORITIES.items()}
        if "priority" in body:
            self._set(ticket, "priority", names[body["priority"]])
        if "type" in body:
            self._set(ticket, "kind", body["type"])
        if "group_id" in body:
            group_id = body["group_id"]
            self._set(ticket, "group", self.groups[group_id - _FIRST["groups"]] if group_id else "")
        for target, name in CUSTOM_FIELDS.items():
            if name in body.get("custom_fields", {}):
                self._set(ticket, target, body["custom_fields"][name])
        ticket.tags = list(body.get("tags", ticket.tags))
        ticket.touch(self.clock())
        return Replied(body=self._row(ticket, {}))

    def _problem(self, body: Any) -> str:
        if not isinstance(body, dict) or not body or not set(body) <= _UPDATABLE:
            return "a field that may not be sent"
        groups = [self._number("groups", name) for name in self.groups]
        is_right = {
            "priority": body.get("priority", 1) in PRIORITIES.values(),
            "type": body.get("type") in (*TYPES, None),
            "group_id": body.get("group_id") in (*groups, None),
            "tags": all(isinstance(tag, str) and 0 < len(tag) <= 32 for tag in body.get("tags", [])),
            "custom_fields": set(body.get("custom_fields", {})) <= set(CUSTOM_FIELDS.values()),
        }
        return ", ".join(name for name, right in is_right.items() if not right)

    def _note(self, ticket: SimulatedTicket, body: Any) -> Replied:
        if not isinstance(body, dict) or not set(body) <= {"body", "private"} or not isinstance(body.get("body"), str):
            return Replied(400, {"description": "Validation failed", "errors": [{"field": "body"}]})
        is_public = body.get("private", True) is not True
        ticket.messages.append(Message(_as_text(body["body"]), Author.US, is_public, self.clock()))
        ticket.touch(self.clock())
        return Replied(201, {"id": len(ticket.messages), "body": body["body"], "private": not is_public})

    def _set(self, ticket: SimulatedTicket, target: str, value: str | None) -> None:
        ticket.fields[target] = value or ""
        ticket.set_by[target] = Author.US

    # --- rows -------------------------------------------------------------------------------------------------

    def _number(self, of: str, name: str) -> int:
        """Return the id of a person, group, company or folder, the same each time."""
        known = self._numbers[of]
        if name not in known:
            known.append(name)
        return _FIRST[of] + known.index(name)

    def _row(self, ticket: SimulatedTicket, query: Mapping[str, str]) -> dict[str, Any]:
        group, company = ticket.fields.get("group", ""), ticket.organization
        custom = {name: ticket.fields.get(target) or None for target, name in CUSTOM_FIELDS.items()}
        row = {
            "id": int(ticket.id),
            "subject": ticket.subject,
            "priority": PRIORITIES[ticket.fields["priority"]],
            "status": _STATUSES[ticket.status],
            "type": ticket.fields.get("kind") or None,
            "source": SOURCES.get(ticket.channel, 2),
            "tags": list(ticket.tags),
            "requester_id": self._number("users", ticket.requester_email),
            "company_id": self._number("companies", company) if company else None,
            "group_id": self._number("groups", group) if group else None,
            "custom_fields": {**custom, **{f"cf_{name}": value for name, value in ticket.custom.items()}},
            "spam": False,
            "created_at": _written(ticket.created_at),
            "updated_at": _written(ticket.updated_at.replace(microsecond=ticket.changes % 1_000_000)),
        }
        asked = query.get("include", "").split(",")
        return {**row, **{name: told for name, told in self._beside(ticket).items() if name in asked}}

    def _beside(self, ticket: SimulatedTicket) -> dict[str, Any]:
        """Return what may be included."""
        email, company = ticket.requester_email, ticket.organization
        answers = [one.at for one in ticket.messages if one.is_public and one.author is Author.AGENT]
        is_reopened = ticket.closed_at is not None and ticket.status not in ("closed", "resolved")
        return {
            "requester": {"id": self._number("users", email), "email": email, "name": email.partition("@")[0]},
            "company": {"id": self._number("companies", company), "name": company} if company else {},
            "stats": {
                "first_responded_at": _written(min(answers)) if answers else None,
                "resolved_at": _written(ticket.closed_at) if ticket.closed_at else None,
                "closed_at": _written(ticket.closed_at) if ticket.closed_at else None,
                "reopened_at": _written(ticket.updated_at) if is_reopened else None,
            },
        }

    def _conversation(self, ticket: SimulatedTicket) -> list[dict[str, Any]]:
        staff = {Author.AGENT: AGENT_ID, Author.US: OWN_ID}
        links = " ".join(f"{self.url}/support/solutions/articles/{one}" for one in ticket.article_ids)
        sent = [Message(links, Author.AGENT, True, ticket.closed_at)] if links and ticket.closed_at else []
        return [
            {
                "id": int(ticket.id) * 100 + number,
                "body": _as_html(one.text),
                "body_text": one.text,
                "incoming": one.author is Author.REQUESTER,
                "private": not one.is_public,
                "user_id": staff.get(one.author) or self._number("users", ticket.requester_email),
                "created_at": _written(one.at),
            }
            for number, one in enumerate([*ticket.messages, *sent])
        ]

    # --- webhooks ---------------------------------------------------------------------------------------------

    def webhook(self, kind: EventKind | str, ticket: SimulatedTicket, *, delivery: str = "") -> Webhook:
        """Return an automation's webhook. Freshdesk numbers no deliveries: sent again, the body is the same."""
        if delivery in self._sent:
            return self._sent[delivery]
        webhook = self._replied(ticket) if kind == EventKind.REQUESTER_REPLIED else self._simple(kind, ticket)
        self._sent[delivery or self.next_delivery()] = webhook
        return webhook

    def _simple(self, kind: EventKind | str, ticket: SimulatedTicket) -> Webhook:
        """Return simple content, in which values stand as people read them."""
        triggered = {
            EventKind.CREATED: "{ticket_action:created}",
            EventKind.REOPENED: "{status:{from:4,to:2}}",
            EventKind.CLOSED: "{status:{from:2,to:5}}",
            "agent comment": "{reply_sent:sent}",
            "internal note": "{note_type:private}",
            "field change": "{priority:{from:1,to:3}}",
            "own change": "{priority:{from:1,to:4}}",
        }
        body = {
            "triggered_event": triggered[kind],
            "ticket_id": int(ticket.id),
            "ticket_subject": ticket.subject,
            "ticket_description": _as_html(ticket.body),
            "ticket_status": ticket.status.capitalize(),
            "ticket_priority": ticket.fields["priority"].capitalize(),
            "ticket_source": _SOURCE_NAMES[SOURCES.get(ticket.channel, 2)],
            "ticket_type": ticket.fields.get("kind") or None,
            "ticket_tags": ", ".join(ticket.tags),
            "ticket_created_at": ticket.created_at.strftime("%B %d %Y at %I:%M %p"),
            "requester_email": ticket.requester_email,
            **({"performer_email": USER} if kind == "own change" else {}),
        }
        return _authorised({"freshdesk_webhook": body})

    def _replied(self, ticket: SimulatedTicket) -> Webhook:
        """Return the template of an automation that runs when a requester replies."""
        said = [one.text for one in ticket.messages if one.author is Author.REQUESTER]
        body = {
            "event": "comment",
            "ticket_id": ticket.id,
            "ticket_subject": ticket.subject,
            "ticket_description": _as_html(ticket.body),
            "ticket_source": _SOURCE_NAMES[SOURCES.get(ticket.channel, 2)],
            "requester_email": ticket.requester_email,
            "performer_email": ticket.requester_email,
            "latest_public_comment": _as_html(said[-1]) if said else None,
            "comment_number": len(said),
        }
        return _authorised(body)

    def connection(self) -> dict[str, Any]:
        """Return the table of a connection by an API key."""
        targets = ("category", "kind", "group", "priority", "tier", "impact", "urgency")
        names = sorted({name for ticket in self.tickets.values() for name in ticket.custom})
        return {
            "name": "freshdesk-main",
            "vendor": self.vendor,
            "base_url": self.url,
            "user": USER,
            "token": API_KEY,
            "own_user_id": str(OWN_ID),
            "webhook_user": WEBHOOK_USER,
            "webhook_passwords": [WEBHOOK_PASSWORD],
            "modes": dict.fromkeys(targets, "autofill"),
            "fields": dict(CUSTOM_FIELDS),
            "values": {"kind": {name.lower(): name for name in TYPES}, "priority": {"normal": "medium"}},
            "defaults": {"priority": ["low"]},
            "attributes": {name: f"cf_{name}" for name in names},
        }


def _authorised(body: Mapping[str, Any]) -> Webhook:
    credentials = b64encode(f"{WEBHOOK_USER}:{WEBHOOK_PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    return Webhook(headers, json.dumps(body, ensure_ascii=False).encode())


def _as_html(text: str) -> str:
    return f"<div>{html.escape(text, quote=False)}</div>".replace("\n", "<br>")


def _as_text(body: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", body.replace("<br>", "\n")))


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
