"""A simulated Zendesk: the Support API and Help Center as far as the product calls them, and its signed webhooks.

Stricter than Zendesk in two things, so that tests see what would pass in silence: a field that an update does not
know is refused, and `updated_at` tells two changes within a second apart.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from serving.helpdesks.interface import EventKind
from serving.helpdesks.signatures import hmac_digest
from tests.simulated_helpdesks.interface import Asked, Replied, SimulatedHelpdesk, Webhook
from tests.simulated_helpdesks.tickets import Author, Message, SimulatedTicket

USER, TOKEN = "triage@helpdesk.example", "zendesk-api-token"
SIGNING_SECRET = "zendesk-signing-secret"
OWN_ID, AGENT_ID = 900, 800
#: The site's own fields for targets that Zendesk has none for; those of drop-downs keep their value as a tag too.
FIELD_IDS: Mapping[str, int] = {"category": 360001, "tier": 360002, "impact": 360003, "urgency": 360004}
DROP_DOWNS = frozenset({"category"})
PRIORITIES = ("urgent", "high", "normal", "low")
TYPES = ("problem", "incident", "question", "task")
GROUPS = (
    *("service-desk", "identity", "network-ops", "workplace", "messaging", "business-apps", "security", "people-ops"),
    *("Billing", "결제팀"),
)
_VIA = {
    "portal": "web",
    "phone": "voice",
    "messenger": "native_messaging",
    "in-app": "mobile_sdk",
    "api": "web_service",
}
_UPDATABLE = {"priority", "type", "group_id", "tags", "custom_fields", "comment", "safe_update", "updated_stamp"}
_FIRST = {"users": 10_000, "organizations": 20_000, "groups": 500, "segments": 600, "custom": 370_000}


class SimulatedZendesk(SimulatedHelpdesk):
    """Answers as Zendesk does; `page_size` is how many rows a page holds."""

    vendor = "zendesk"
    default_fields: Mapping[str, str] = {"priority": "normal"}

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self.page_size = 100
        self.groups: list[str] = list(GROUPS)
        self._numbers: dict[str, list[str]] = {name: [] for name in _FIRST} | {"groups": self.groups}

    # --- the API ----------------------------------------------------------------------------------------------

    def is_authorized(self, asked: Asked) -> bool:
        """Tell whether a request carries the agent's API token."""
        expected = b64encode(f"{USER}/token:{TOKEN}".encode()).decode()
        return asked.headers.get("authorization") == f"Basic {expected}"

    def reply(self, asked: Asked) -> Replied:
        """Answer by path and method."""
        parts = asked.path.removeprefix("/api/v2/").removesuffix(".json").split("/")
        replied = self._update(parts[1], asked.body) if asked.method == "PUT" and len(parts) == 2 else None
        if asked.method == "GET":
            replied = self._read(parts, asked.query)
        replied = replied or Replied(404, {"error": "InvalidEndpoint", "description": "Not found"})
        limits = {"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "650"}
        return Replied(replied.status, replied.body, {**limits, **replied.headers})

    def _read(self, parts: Sequence[str], query: Mapping[str, str]) -> Replied | None:
        match parts:
            case ["users", "me"]:
                return Replied(body={"user": self._user(OWN_ID, USER, role="admin")})
            case ["tickets", ticket_id] if ticket_id in self.tickets:
                ticket = self.tickets[ticket_id]
                return Replied(body={"ticket": self._row(ticket), **self._beside([ticket], query)})
            case ["tickets", ticket_id, "comments"] if ticket_id in self.tickets:
                ticket = self.tickets[ticket_id]
                return self._page("comments", self._comments(ticket), query, beside={"users": self._users([ticket])})
            case ["incremental", "tickets", "cursor"]:
                return self._export(query)
            case ["groups"]:
                rows = [{"id": self._number("groups", name), "name": name} for name in self.groups]
                return self._page("groups", rows, query)
            case ["ticket_fields", field_id]:
                name = next((name for name, number in FIELD_IDS.items() if str(number) == field_id), "")
                kind = "tagger" if name in DROP_DOWNS else "text"
                return Replied(body={"ticket_field": {"id": int(field_id), "type": kind}}) if name else None
            case ["help_center", "articles"]:
                return self._page("articles", [self._article(number) for number in range(len(self.articles))], query)
            case ["help_center", "user_segments"]:
                return self._page("user_segments", self._segments(), query)
        return None

    def _page(
        self, name: str, rows: Sequence[Any], query: Mapping[str, str], *, beside: Mapping[str, Any] | None = None
    ) -> Replied:
        start = int(query.get("page[after]") or 0)
        size = min(self.page_size, int(query.get("page[size]", "100")))
        end = start + size
        meta = {"has_more": end < len(rows), "after_cursor": str(end), "before_cursor": str(start)}
        return Replied(body={name: rows[start:end], "meta": meta, **(beside or {})})

    def _export(self, query: Mapping[str, str]) -> Replied:
        start, offset = query.get("start_time", ""), 0
        if "cursor" in query:
            start, _, place = query["cursor"].partition("-")
            offset = int(place)
        if not start.isdigit() or int(start) > self.clock().timestamp() - 60:
            return Replied(422, {"error": "InvalidValue", "description": "Too recent start_time."})
        found = [one for one in self.tickets.values() if int(one.updated_at.timestamp()) >= int(start)]
        found.sort(key=lambda one: one.updated_at)
        page = found[offset : offset + self.page_size]
        end = offset + len(page)
        told = {"after_cursor": f"{start}-{end}", "end_of_stream": end >= len(found), "before_cursor": None}
        return Replied(body={"tickets": [self._row(one) for one in page], **self._beside(page, query), **told})

    def _update(self, ticket_id: str, body: Any) -> Replied:
        ticket = self.tickets.get(ticket_id)
        if ticket is None:
            return Replied(404, {"error": "RecordNotFound", "description": "Not found"})
        update = body.get("ticket") if isinstance(body, dict) and set(body) == {"ticket"} else None
        problem = self._problem(update)
        if update is None or problem:
            return Replied(422, {"error": "RecordInvalid", "description": problem})
        if update.get("safe_update") and update.get("updated_stamp") != self._stamp(ticket):
            return Replied(409, {"error": "UpdateConflict", "description": "Safe Update prevented the update"})
        self._apply(ticket, update)
        return Replied(body={"ticket": self._row(ticket), "audit": {"events": []}})

    def _problem(self, update: Any) -> str:
        if not isinstance(update, dict) or not set(update) <= _UPDATABLE:
            return "the update holds what it may not"
        custom = update.get("custom_fields", [])
        comment = update.get("comment", {"body": "-"})
        is_right = {
            "priority": update.get("priority") in (*PRIORITIES, None),
            "type": update.get("type") in (*TYPES, None),
            "group_id": update.get("group_id") in (*(self._number("groups", name) for name in self.groups), None),
            "tags": all(isinstance(tag, str) and tag and " " not in tag for tag in update.get("tags", [])),
            "custom_fields": all(set(one) == {"id", "value"} and one["id"] in FIELD_IDS.values() for one in custom),
            "comment": set(comment) <= {"body", "public"} and isinstance(comment.get("body"), str),
        }
        return ", ".join(name for name, right in is_right.items() if not right)

    def _apply(self, ticket: SimulatedTicket, update: Mapping[str, Any]) -> None:
        if "tags" in update:
            ticket.tags = sorted(set(update["tags"]))
        names = {"priority": "priority", "type": "kind"}
        for name, target in names.items():
            if name in update:
                self._set(ticket, target, update[name])
        if "group_id" in update:
            group_id = update["group_id"]
            self._set(ticket, "group", self.groups[group_id - _FIRST["groups"]] if group_id else "")
        targets = {number: target for target, number in FIELD_IDS.items()}
        for one in update.get("custom_fields", ()):
            self._set_custom(ticket, targets[one["id"]], one["value"] or "", tags=update.get("tags"))
        if "comment" in update:
            # Zendesk takes a comment for public unless it is told otherwise.
            is_public = update["comment"].get("public", True)
            ticket.messages.append(Message(update["comment"]["body"], Author.US, is_public, self.clock()))
        ticket.touch(self.clock())

    def _set(self, ticket: SimulatedTicket, target: str, value: str | None) -> None:
        ticket.fields[target] = value or ""
        ticket.set_by[target] = Author.US

    def _set_custom(self, ticket: SimulatedTicket, target: str, value: str, *, tags: Sequence[str] | None) -> None:
        """Set a site's own field; tags stated beside a drop-down win over it, and so may empty it."""
        if target in DROP_DOWNS and tags is None:
            ticket.tags = sorted((set(ticket.tags) - {ticket.fields.get(target, "")}) | ({value} if value else set()))
        is_emptied = target in DROP_DOWNS and tags is not None and value not in tags
        self._set(ticket, target, "" if is_emptied else value)

    # --- rows -------------------------------------------------------------------------------------------------

    def _number(self, of: str, name: str) -> int:
        """Return the id of a person, group or organisation, the same each time."""
        known = self._numbers[of]
        if name not in known:
            known.append(name)
        return _FIRST[of] + known.index(name)

    def _stamp(self, ticket: SimulatedTicket) -> str:
        return _written(ticket.updated_at.replace(microsecond=ticket.changes % 1_000_000))

    def _row(self, ticket: SimulatedTicket) -> dict[str, Any]:
        group, organization = ticket.fields.get("group", ""), ticket.organization
        custom = [{"id": number, "value": ticket.fields.get(name) or None} for name, number in FIELD_IDS.items()]
        custom += [{"id": self._number("custom", name), "value": value} for name, value in ticket.custom.items()]
        return {
            "id": int(ticket.id),
            "subject": ticket.subject,
            "description": ticket.body,
            "priority": ticket.fields.get("priority") or None,
            "type": ticket.fields.get("kind") or None,
            "status": _status(ticket),
            "tags": list(ticket.tags),
            "via": {"channel": _VIA.get(ticket.channel, ticket.channel), "source": {}},
            "requester_id": self._number("users", ticket.requester_email),
            "organization_id": self._number("organizations", organization) if organization else None,
            "group_id": self._number("groups", group) if group else None,
            "custom_fields": custom,
            "satisfaction_rating": {"score": "unoffered"},
            "created_at": _written(ticket.created_at),
            "updated_at": self._stamp(ticket),
        }

    def _beside(self, tickets: Sequence[SimulatedTicket], query: Mapping[str, str]) -> dict[str, Any]:
        """Return what is sideloaded, and only what was asked for."""
        organizations = sorted({one.organization for one in tickets} - {""})
        told = {
            "users": self._users(tickets),
            "groups": [{"id": self._number("groups", name), "name": name} for name in self.groups],
            "organizations": [{"id": self._number("organizations", name), "name": name} for name in organizations],
            "metric_sets": [self._metrics(one) for one in tickets],
        }
        asked = query.get("include", "").split(",")
        return {name: rows for name, rows in told.items() if name in asked}

    def _users(self, tickets: Sequence[SimulatedTicket]) -> list[dict[str, Any]]:
        emails = sorted({one.requester_email for one in tickets})
        people = [self._user(self._number("users", email), email, role="end-user") for email in emails]
        staff = self._user(AGENT_ID, "agent@helpdesk.example", role="agent")
        return [*people, staff, self._user(OWN_ID, USER, role="admin")]

    def _user(self, user_id: int, email: str, *, role: str) -> dict[str, Any]:
        return {"id": user_id, "email": email, "name": email.partition("@")[0], "role": role}

    def _metrics(self, ticket: SimulatedTicket) -> dict[str, Any]:
        answers = [one.at for one in ticket.messages if one.is_public and one.author is Author.AGENT]
        minutes = (min(answers) - ticket.created_at) // timedelta(minutes=1) if answers else None
        return {
            "ticket_id": int(ticket.id),
            "group_stations": 1,
            "assignee_stations": 2 if ticket.closed_at else 1,
            "reopens": int(ticket.closed_at is not None and _status(ticket) != "solved"),
            "solved_at": _written(ticket.closed_at) if ticket.closed_at else None,
            "reply_time_in_minutes": {"calendar": minutes, "business": None},
        }

    def _comments(self, ticket: SimulatedTicket) -> list[dict[str, Any]]:
        first = Message(ticket.body, Author.REQUESTER, True, ticket.created_at)
        links = " ".join(f"{self.url}/hc/en-us/articles/{article_id}" for article_id in ticket.article_ids)
        sent = [Message(links, Author.AGENT, True, ticket.closed_at)] if links and ticket.closed_at else []
        return [
            {
                "id": int(ticket.id) * 100 + number,
                "type": "Comment",
                "author_id": self._author(ticket, one),
                "body": one.text,
                "html_body": f"<p>{one.text}</p>",
                "public": one.is_public,
                "created_at": _written(one.at),
            }
            for number, one in enumerate([first, *ticket.messages, *sent])
        ]

    def _author(self, ticket: SimulatedTicket, message: Message) -> int:
        staff = {Author.AGENT: AGENT_ID, Author.US: OWN_ID}
        return staff.get(message.author) or self._number("users", ticket.requester_email)

    def _article(self, number: int) -> dict[str, Any]:
        article = self.articles[number]
        is_open = article.audience == "everyone"
        return {
            "id": article.id,
            "title": article.title,
            "body": article.body,
            "locale": "en-us",
            "draft": False,
            "user_segment_id": None if is_open else self._number("segments", article.audience),
            "html_url": f"{self.url}/hc/en-us/articles/{article.id}",
            "label_names": [],
            "updated_at": _written(self.clock()),
        }

    def _segments(self) -> list[dict[str, Any]]:
        audiences = sorted({article.audience for article in self.articles} - {"everyone"})
        return [
            {
                "id": self._number("segments", name),
                "name": f"Only {name}",
                "user_type": "staff",
                "built_in": False,
                "group_ids": [self._number("groups", name)],
            }
            for name in audiences
        ]

    # --- webhooks ---------------------------------------------------------------------------------------------

    def webhook(self, kind: EventKind | str, ticket: SimulatedTicket, *, delivery: str = "") -> Webhook:
        """Return the webhook of an event subscription."""
        name, event, actor = self._event(kind, ticket)
        delivery = delivery or self.next_delivery()
        body = {
            "account_id": 22129848,
            "detail": self._detail(ticket, actor=actor),
            "event": event,
            "id": delivery,
            "subject": f"zen:ticket:{ticket.id}",
            "time": _written(ticket.updated_at),
            "type": f"zen:event-type:ticket.{name}",
            "zendesk_event_version": "2022-11-06",
        }
        return self.signed(body, delivery=delivery)

    def trigger(self, event: str, ticket: SimulatedTicket, *, delivery: str = "") -> Webhook:
        """Return the webhook of a trigger with a template of the site's own, which names its event."""
        body = {
            "event": event,
            "ticket_id": ticket.id,
            "ticket_title": ticket.subject,
            "ticket_description": f"{'-' * 46}\n\n민아, 2026. 3. 2. 오전 9:12\n\n{ticket.body}",
            "ticket_status": "Open",
            "ticket_via": "Mail" if ticket.channel == "email" else ticket.channel,
            "requester_id": str(self._number("users", ticket.requester_email)),
            "requester_email": ticket.requester_email,
            "tags": " ".join(ticket.tags),
        }
        return self.signed(body, delivery=delivery or self.next_delivery())

    def signed(self, body: Mapping[str, Any], *, delivery: str) -> Webhook:
        """Return a body with the headers that Zendesk sends."""
        content = json.dumps(body, ensure_ascii=False).encode()
        signed_at = self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hmac_digest(SIGNING_SECRET.encode(), signed_at.encode() + content, algorithm="sha256")
        headers = {
            "X-Zendesk-Account-Id": "22129848",
            "X-Zendesk-Webhook-Id": "01F1KRFQ6BG29CNWFR60NK5FNY",
            "X-Zendesk-Webhook-Invocation-Id": delivery,
            "X-Zendesk-Webhook-Signature": b64encode(digest).decode(),
            "X-Zendesk-Webhook-Signature-Timestamp": signed_at,
            "Content-Type": "application/json; charset=utf-8",
        }
        return Webhook(headers, content)

    def _event(self, kind: EventKind | str, ticket: SimulatedTicket) -> tuple[str, dict[str, Any], int]:
        """Return an event's name, what is told of it and who acted."""
        requester = self._number("users", ticket.requester_email)
        ended: dict[str, Any] = {"previous": "OPEN", "current": "SOLVED"}
        told: dict[str, Callable[[], tuple[str, dict[str, Any], int]]] = {
            EventKind.CREATED: lambda: ("created", {}, requester),
            EventKind.REQUESTER_REPLIED: lambda: self._commented(ticket, requester, is_staff=False, is_public=True),
            EventKind.REOPENED: lambda: ("status_changed", {"previous": "SOLVED", "current": "OPEN"}, requester),
            EventKind.CLOSED: lambda: ("status_changed", ended, AGENT_ID),
            "agent comment": lambda: self._commented(ticket, AGENT_ID, is_staff=True, is_public=True),
            "internal note": lambda: self._commented(ticket, AGENT_ID, is_staff=True, is_public=False),
            "field change": lambda: ("priority_changed", {"previous": "LOW", "current": "HIGH"}, AGENT_ID),
            "own change": lambda: ("tags_changed", {"tags_added": ["triage"], "tags_removed": []}, OWN_ID),
        }
        return told[kind]()

    def _commented(
        self, ticket: SimulatedTicket, author_id: int, *, is_staff: bool, is_public: bool
    ) -> tuple[str, dict[str, Any], int]:
        said = [one.text for one in ticket.messages if one.is_public is is_public]
        author = {"id": str(author_id), "is_staff": is_staff, "name": "-"}
        comment = {"id": "1", "author": author, "body": said[-1] if said else "-", "is_public": is_public}
        return "comment_added", {"comment": comment}, author_id

    def _detail(self, ticket: SimulatedTicket, *, actor: int) -> dict[str, Any]:
        row = self._row(ticket)
        ids = ("id", "requester_id", "organization_id", "group_id")
        loud = ("priority", "type", "status")
        return {
            **{name: None if row[name] is None else str(row[name]) for name in ids},
            **{name: row[name] and str(row[name]).upper() for name in loud},
            **{name: row[name] for name in ("subject", "description", "tags", "created_at", "updated_at")},
            "actor_id": str(actor),
            "assignee_id": None,
            "brand_id": "77",
            "external_id": None,
            "is_public": True,
            "submitter_id": str(row["requester_id"]),
            "via": {"channel": row["via"]["channel"]},
        }

    def connection(self) -> dict[str, Any]:
        """Return the table of a connection by an API token."""
        targets = ("category", "kind", "group", "priority", "tier", "impact", "urgency")
        names = sorted({name for ticket in self.tickets.values() for name in ticket.custom})
        return {
            "name": "zendesk-main",
            "vendor": self.vendor,
            "base_url": self.url,
            "user": USER,
            "token": TOKEN,
            "own_user_id": str(OWN_ID),
            "signing_secrets": [SIGNING_SECRET],
            "modes": dict.fromkeys(targets, "autofill"),
            "fields": {target: str(number) for target, number in FIELD_IDS.items()},
            "values": {"kind": {"request": "task", "complaint": "problem"}},
            "defaults": {"priority": ["normal"]},
            "attributes": {name: str(self._number("custom", name)) for name in names},
        }


def _status(ticket: SimulatedTicket) -> str:
    # What a person closes is solved at first; Zendesk itself closes it for good days later.
    return "solved" if ticket.status == "closed" else ticket.status


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
