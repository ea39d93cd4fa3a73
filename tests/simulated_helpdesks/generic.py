"""A simulated helpdesk of no known vendor: it signs and checks Standard Webhooks, and serves its tickets by id."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from features.taxonomy import TARGET_NAMES
from serving.helpdesks.interface import EventKind
from tests.simulated_helpdesks.interface import Asked, Replied, SimulatedHelpdesk, Webhook
from tests.simulated_helpdesks.tickets import Author, SimulatedTicket

TOKEN = "generic-token"
SIGNING_SECRET = "whsec_" + b64encode(b"a secret of twenty-four bytes").decode()
_US, _AGENT, _REQUESTER = "us", "agent-1", "requester-1"
_DATA_KEYS = {"ticket_id", "version", "fields", "tags", "removed_tags", "note"}
_TYPES: Mapping[str, str] = {
    EventKind.CREATED: "ticket.created",
    EventKind.REQUESTER_REPLIED: "ticket.replied",
    EventKind.REOPENED: "ticket.reopened",
    EventKind.CLOSED: "ticket.closed",
    "agent comment": "ticket.agent_commented",
    "internal note": "ticket.note_added",
    "field change": "ticket.updated",
    "own change": "ticket.updated",
}
_PAGE = 50


class SimulatedGeneric(SimulatedHelpdesk):
    """A helpdesk that keeps to what `serving.helpdesks.generic` documents."""

    vendor = "generic"
    default_fields: Mapping[str, str] = {"priority": "normal"}

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        #: The webhook-id of each suggestion that came in; one that is known is answered and not done again.
        self.suggestions: list[str] = []

    def is_authorized(self, asked: Asked) -> bool:
        """A bearer for all, and a signature over what is posted."""
        is_ours = asked.headers.get("authorization") == f"Bearer {TOKEN}"
        return is_ours and (asked.method != "POST" or _is_signed(asked))

    def connection(self) -> dict[str, Any]:
        """Return the table of a connection."""
        return {
            "name": "generic-main",
            "vendor": "generic",
            "base_url": self.url,
            "token": TOKEN,
            "own_user_id": _US,
            "signing_secrets": [SIGNING_SECRET],
            "modes": dict.fromkeys(TARGET_NAMES, "autofill"),
            "defaults": {target: [value] for target, value in self.default_fields.items()},
            "event_fields": {"author_id": "data.actor_id"},
        }

    def reply(self, asked: Asked) -> Replied:
        """Answer by the paths that are documented."""
        if (asked.method, asked.path) == ("POST", "/"):
            return self._suggested(asked)
        if (asked.method, asked.path) == ("GET", "/tickets"):
            return self._list(asked)
        if (asked.method, asked.path) == ("GET", "/articles"):
            articles = [
                {"id": one.id, "title": one.title, "body": one.body, "audience": one.audience} for one in self.articles
            ]
            return Replied(body={"articles": articles})
        ticket = self.tickets.get(asked.path.removeprefix("/tickets/"))
        if asked.method == "GET" and ticket is not None:
            return Replied(body={"ticket": _record(ticket)})
        return Replied(404, {"error": "not found"})

    def webhook(self, kind: EventKind | str, ticket: SimulatedTicket, *, delivery: str = "") -> Webhook:
        """Return a signed event with the ticket within."""
        actor = {"own change": _US, EventKind.CREATED: _REQUESTER}.get(kind, _AGENT)
        message = {
            "type": _TYPES[kind],
            "timestamp": ticket.updated_at.isoformat(),
            "data": {"actor_id": actor, "ticket": _record(ticket)},
        }
        body = json.dumps(message, ensure_ascii=False).encode()
        identity, stamp = delivery or self.next_delivery(), str(int(self.clock().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": stamp,
            "webhook-signature": _signature(identity, stamp, body),
        }
        return Webhook(headers, body)

    def _suggested(self, asked: Asked) -> Replied:
        data = asked.body.get("data", {})
        if asked.body.get("type") != "triage.suggestion" or set(data) - _DATA_KEYS:
            return Replied(422, {"error": "no suggestion"})
        ticket = self.tickets.get(data["ticket_id"])
        if ticket is None:
            return Replied(404, {"error": "no such ticket"})
        if asked.headers["webhook-id"] in self.suggestions:
            return Replied(body={"status": "known"})
        if data["version"] != _version(ticket):
            return Replied(409, {"error": "the ticket has changed"})
        for target, value in data["fields"].items():
            self.set_field(ticket, target, value, author=Author.US)
        ticket.tags = [tag for tag in dict.fromkeys([*ticket.tags, *data["tags"]]) if tag not in data["removed_tags"]]
        if data["note"]:
            self.say(ticket, data["note"], author=Author.US, is_public=False)
        self.suggestions.append(asked.headers["webhook-id"])
        return Replied(body={"status": "done"})

    def _list(self, asked: Asked) -> Replied:
        found = list(self.tickets.values())
        if "updated_since" in asked.query:
            since = datetime.fromisoformat(asked.query["updated_since"])
            found = sorted((one for one in found if one.updated_at >= since), key=lambda one: one.updated_at)
        if "created_since" in asked.query:
            since = datetime.fromisoformat(asked.query["created_since"])
            found = [one for one in found if one.created_at >= since and one.status == asked.query["status"]]
        start = int(asked.query.get("cursor", 0))
        following = str(start + _PAGE) if start + _PAGE < len(found) else None
        return Replied(body={"tickets": [_record(one) for one in found[start : start + _PAGE]], "next": following})


def _record(ticket: SimulatedTicket) -> dict[str, Any]:
    """Return a ticket in the product's own field names."""
    later = [one for one in ticket.messages if one.is_public]
    return {
        "id": ticket.id,
        "subject": ticket.subject,
        "body": ticket.body,
        "requester_email": ticket.requester_email,
        "organization": ticket.organization,
        "channel": ticket.channel,
        "created_at": ticket.created_at.isoformat(),
        "updated_at": ticket.updated_at.isoformat(),
        "version": _version(ticket),
        "status": ticket.status,
        "tags": ticket.tags,
        "notes": ticket.notes,
        "follow_ups": [one.text for one in later if one.author is Author.REQUESTER],
        "is_answered": any(one.author is Author.AGENT for one in later),
        "is_reopened": ticket.closed_at is not None and ticket.status != "closed",
        "resolved_at": ticket.closed_at.isoformat() if ticket.closed_at else None,
        "resolution": next((one.text for one in reversed(later) if one.author is Author.AGENT), ""),
        "article_ids": ticket.article_ids,
        "fields": ticket.fields,
        "attributes": ticket.custom,
    }


def _version(ticket: SimulatedTicket) -> str:
    return str(ticket.changes)


def _signature(identity: str, stamp: str, body: bytes) -> str:
    key = b64decode(SIGNING_SECRET.removeprefix("whsec_"))
    signed = f"{identity}.{stamp}.".encode() + body
    return "v1," + b64encode(hmac.new(key, signed, "sha256").digest()).decode()


def _is_signed(asked: Asked) -> bool:
    # The server hands over what it has read as JSON; this is how the sender is known to have written it.
    body = json.dumps(asked.body, ensure_ascii=False, separators=(",", ":")).encode()
    identity, stamp = asked.headers.get("webhook-id", ""), asked.headers.get("webhook-timestamp", "")
    return _signature(identity, stamp, body) in asked.headers.get("webhook-signature", "").split()
