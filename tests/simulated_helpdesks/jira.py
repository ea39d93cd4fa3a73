"""A simulated site of Jira Service Management Cloud, its priorities renamed: REST API v3, service desk, webhooks.

As strict as the real one about a field's shape; an unknown field or property of a request is answered 400.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from serving.helpdesks.interface import EventKind
from tests.simulated_helpdesks.interface import Asked, Replied, SimulatedHelpdesk, Webhook
from tests.simulated_helpdesks.tickets import Author, Message, SimulatedTicket

USER, TOKEN, SECRET = "bot@haneul.example", "api-token", "jira-webhook-secret"
OWN_ACCOUNT, AGENT_ACCOUNT = "70121:triage-bot", "70121:agent-kim"
PRIORITIES = {"1": "긴급", "2": "높음", "3": "보통", "4": "낮음"}
REQUEST_TYPES = {"101": "incident", "102": "request", "103": "question", "104": "complaint", "105": "problem"}
_REQUEST_TYPE, _ORGANIZATIONS, _SATISFACTION = "customfield_10010", "customfield_10002", "customfield_10020"
# Single choices of the site's own, by target.
_OPTIONS = {
    "category": ("customfield_10060", "Category"),
    "tier": ("customfield_10061", "Support tier"),
    "impact": ("customfield_10004", "Impact"),
    "urgency": ("customfield_10042", "Urgency"),
}
_TARGET_OF_OPTION = {identifier: target for target, (identifier, _) in _OPTIONS.items()}
_JSD = "com.atlassian.servicedesk:"
_FIELDS = [
    {"id": "summary", "name": "Summary", "schema": {"type": "string", "system": "summary"}},
    {"id": "priority", "name": "Priority", "schema": {"type": "priority", "system": "priority"}},
    {"id": "issuetype", "name": "Issue Type", "schema": {"type": "issuetype", "system": "issuetype"}},
    {"id": "components", "name": "Components", "schema": {"type": "array", "items": "component"}},
    {"id": "labels", "name": "Labels", "schema": {"type": "array", "items": "string"}},
    {"id": "thumbnail", "name": "Images"},
    {"id": _REQUEST_TYPE, "name": "Request Type", "schema": {"type": "any", "custom": f"{_JSD}vp-origin"}},
    {"id": _ORGANIZATIONS, "name": "Organizations", "schema": {"custom": f"{_JSD}sd-customer-organizations"}},
    {"id": _SATISFACTION, "name": "Satisfaction", "schema": {"custom": f"{_JSD}sd-request-feedback"}},
    *({"id": one, "name": name, "schema": {"type": "option", "custom": "select"}} for one, name in _OPTIONS.values()),
]
_EVENTS: Mapping[str, tuple[str, str, str, bool]] = {
    # Kind: the webhook's event, its issue event type, who caused it, whether a comment comes along that is public.
    EventKind.CREATED: ("jira:issue_created", "issue_created", "requester", True),
    EventKind.REQUESTER_REPLIED: ("comment_created", "", "requester", True),
    EventKind.REOPENED: ("jira:issue_updated", "issue_generic", "requester", True),
    EventKind.CLOSED: ("jira:issue_updated", "issue_generic", AGENT_ACCOUNT, True),
    "agent comment": ("comment_created", "", AGENT_ACCOUNT, True),
    "internal note": ("comment_created", "", AGENT_ACCOUNT, False),
    "field change": ("jira:issue_updated", "issue_updated", AGENT_ACCOUNT, True),
    "own change": ("jira:issue_updated", "issue_updated", OWN_ACCOUNT, True),
}
_CHANGES: Mapping[str, dict[str, Any]] = {
    EventKind.REOPENED: {"field": "resolution", "from": "10000", "fromString": "Done", "to": None, "toString": None},
    EventKind.CLOSED: {"field": "resolution", "from": None, "fromString": None, "to": "10000", "toString": "Done"},
    "field change": {"field": "summary", "from": None, "fromString": "old", "to": None, "toString": "new"},
    "own change": {"field": "priority", "from": "3", "fromString": "보통", "to": "2", "toString": "높음"},
}
_QUERY = re.compile(
    r'projectType = service_desk AND (updated|created) >= "-(\d+)m"( AND statusCategory = Done)? ORDER BY \1 ASC'
)


def document(text: str, *, links: Sequence[str] = ()) -> dict[str, Any]:
    """Return a text as Jira's documents hold it, a paragraph for each line, and links under other words."""
    pieces = [{"type": "text", "text": line} for line in text.split("\n") if line]
    pieces += [
        {"type": "text", "text": "이 문서", "marks": [{"type": "link", "attrs": {"href": one}}]} for one in links
    ]
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [one]} for one in pieces]}


class SimulatedJira(SimulatedHelpdesk):
    """A site with one service desk. Any component exists but those in `missing_components`.

    An agent's comments link to the ticket's articles. `ticket.custom` may hold `rating`, `duplicates` (the key of
    another request) and `was_reopened`.
    """

    vendor = "jira"
    default_fields: Mapping[str, str] = {
        **dict.fromkeys(("category", "kind", "tier", "group", "impact", "urgency"), ""),
        "priority": "보통",
    }

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.missing_components: set[str] = set()
        self.rows_a_page = 50
        self._group_changes: list[tuple[str, str, str]] = []

    def add_ticket(self, subject: str, body: str, **known: Any) -> SimulatedTicket:
        """File a request under a key of the service desk."""
        with self.lock:
            known.setdefault("id", f"SD-{len(self.tickets) + 1}")
            return super().add_ticket(subject, body, **known)

    def set_field(self, ticket: SimulatedTicket, target: str, value: str, *, author: Author) -> None:
        """Set a field; the changelog tells of a group."""
        with self.lock:
            if target == "group":
                self._group_changes.append((ticket.id, ticket.fields.get("group", ""), value))
            super().set_field(ticket, target, value, author=author)

    def is_authorized(self, asked: Asked) -> bool:
        """Tell whether our account's token was sent."""
        return asked.headers.get("authorization") == "Basic " + b64encode(f"{USER}:{TOKEN}".encode()).decode()

    def connection(self) -> dict[str, Any]:
        """Return the table of a connection to this site."""
        return {
            "name": "jira",
            "vendor": "jira",
            "base_url": self.url,
            "user": USER,
            "token": TOKEN,
            "own_user_id": OWN_ACCOUNT,
            "signing_secrets": [SECRET],
            "modes": dict.fromkeys(("category", "kind", "priority", "tier", "group"), "autofill"),
            "fields": {target: name for target, (_, name) in _OPTIONS.items()},
            "values": {"priority": {"urgent": "긴급", "high": "높음", "normal": "보통", "low": "낮음"}},
            "defaults": {"priority": ["보통"]},
        }

    def webhook(self, kind: EventKind | str, ticket: SimulatedTicket, *, delivery: str = "") -> Webhook:
        """Return a signed webhook; its description is plain text, and a comment's issue is a short one."""
        event, type_name, actor, is_public = _EVENTS[kind]
        person = _customer(ticket) if actor == "requester" else _person(actor)
        issue = self._issue(ticket)
        issue["fields"]["description"] = ticket.body or None
        body: dict[str, Any] = {
            "timestamp": int(self.clock().timestamp() * 1_000),
            "webhookEvent": event,
            **({"issue_event_type_name": type_name, "user": person} if type_name else {}),
            "issue": {**issue, "changelog": None},
        }
        if event == "comment_created":
            short = {name: issue["fields"][name] for name in ("summary", "issuetype", "project", "priority", "status")}
            body["issue"] = {"id": issue["id"], "key": issue["key"], "fields": short}
            text = next((one.text for one in reversed(ticket.messages)), "(attachment)")
            stated = {"id": str(10_000 + ticket.changes), "body": text, "author": person, "jsdPublic": is_public}
            body["comment"] = {**stated, "updateAuthor": person}
        if kind in _CHANGES:
            body["changelog"] = {"id": "1", "items": [_CHANGES[kind]]}
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {
            "X-Atlassian-Webhook-Identifier": delivery or self.next_delivery(),
            "X-Hub-Signature": "sha256=" + hmac.new(SECRET.encode(), raw, "sha256").hexdigest(),
        }
        return Webhook(headers, raw)

    # --- the API ----------------------------------------------------------------------------------------------

    def reply(self, asked: Asked) -> Replied:
        """Answer Jira's and the service desk's API."""
        path = asked.path
        if asked.method == "GET" and path in _FIXED:
            return Replied(200, _FIXED[path])
        if asked.method == "GET" and path == "/rest/api/3/search/jql":
            return self._search(asked)
        if asked.method == "GET" and path == "/rest/servicedeskapi/servicedesk/SD/requesttype":
            types = [{"id": one, "name": name} for one, name in REQUEST_TYPES.items()]
            return Replied(200, {"size": len(types), "isLastPage": True, "values": types})
        found = re.fullmatch(r"/rest/(api/3/issue|servicedeskapi/request)/([\w-]+)(/comment)?", path)
        ticket = self.tickets.get(found[2]) if found else None
        if found is None or ticket is None:
            return Replied(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]})
        return self._of_issue(ticket, asked, part=f"{asked.method} {found[1]}{found[3] or ''}")

    def _of_issue(self, ticket: SimulatedTicket, asked: Asked, *, part: str) -> Replied:
        if part == "GET api/3/issue":
            return Replied(200, self._chosen(self._issue(ticket), asked))
        if part == "GET api/3/issue/comment":
            return self._comments(ticket, asked)
        if part == "PUT api/3/issue":
            return self._edit(ticket, asked.body)
        if part == "POST servicedeskapi/request/comment":
            return self._comment(ticket, asked.body)
        return Replied(405)

    def _comments(self, ticket: SimulatedTicket, asked: Asked) -> Replied:
        comments = _comments_of(ticket)
        start = int(asked.query.get("startAt", "0"))
        part = comments[start : start + min(int(asked.query.get("maxResults", "50")), self.rows_a_page)]
        return Replied(200, {"startAt": start, "total": len(comments), "comments": part})

    def _comment(self, ticket: SimulatedTicket, body: Any) -> Replied:
        if not isinstance(body, dict) or body.keys() != {"body", "public"} or not isinstance(body["body"], str):
            return Replied(400, {"errorMessage": "Invalid comment"})
        ticket.messages.append(Message(body["body"], Author.US, body["public"] is not False, self.clock()))
        ticket.touch(self.clock())
        return Replied(201, {"id": str(len(ticket.messages)), "public": body["public"]})

    def _edit(self, ticket: SimulatedTicket, body: Any) -> Replied:
        if not isinstance(body, dict) or not body.keys() <= {"fields", "update"}:
            return Replied(400, {"errorMessages": ["Invalid request payload."]})
        natives: dict[str, str] = {}
        for name, value in body.get("fields", {}).items():
            target, native = self._read_field(name, value)
            if native is None:
                return Replied(400, {"errors": {name: "Field cannot be set, or its value is not valid."}})
            natives[target] = native
        changes = body.get("update", {})
        labels = [change for name in changes for change in changes[name]]
        if not changes.keys() <= {"labels"} or any(" " in label for change in labels for label in change.values()):
            return Replied(400, {"errors": {"labels": "The label can't contain spaces."}})
        for target, native in natives.items():
            self.set_field(ticket, target, native, author=Author.US)
        for change in labels:
            ticket.tags = [tag for tag in ticket.tags if tag not in change.values()] + [
                *filter(None, [change.get("add")])
            ]
        ticket.touch(self.clock())
        return Replied(204)

    def _read_field(self, name: str, value: Any) -> tuple[str, str | None]:
        """Return the target and the native value that a field is set to, None where Jira would refuse it."""
        if name == "priority" and isinstance(value, dict):
            stated = PRIORITIES.get(value.get("id", ""), value.get("name"))
            return "priority", stated if stated in PRIORITIES.values() else None
        if name == "components" and isinstance(value, list) and all(isinstance(one, dict) for one in value):
            names = [one.get("name") for one in value]
            return "group", None if self.missing_components & {*names} or None in names else "".join(names)
        if name == _REQUEST_TYPE:
            return "kind", "" if value is None else REQUEST_TYPES.get(value)
        if name in _TARGET_OF_OPTION and (value is None or isinstance(value, dict)):
            return _TARGET_OF_OPTION[name], (value or {"value": ""}).get("value")
        return name, None

    def _search(self, asked: Asked) -> Replied:
        query = _QUERY.fullmatch(asked.query.get("jql", ""))
        if query is None:
            return Replied(400, {"errorMessages": ["Error in the JQL Query."]})
        since = self.clock() - timedelta(minutes=int(query[2]))
        moments = {one.id: one.updated_at if query[1] == "updated" else one.created_at for one in self.tickets.values()}
        wanted = [one for one in self.tickets.values() if moments[one.id] >= since]
        wanted = sorted(
            (one for one in wanted if not query[3] or one.status == "closed"), key=lambda one: moments[one.id]
        )
        start = int(asked.query.get("nextPageToken", "0"))
        end = start + min(int(asked.query.get("maxResults", "50")), self.rows_a_page)
        issues = [self._chosen(self._issue(ticket), asked) for ticket in wanted[start:end]]
        return Replied(200, {"issues": issues, **({"nextPageToken": str(end)} if end < len(wanted) else {})})

    # --- what it holds ----------------------------------------------------------------------------------------

    def _chosen(self, issue: dict[str, Any], asked: Asked) -> dict[str, Any]:
        names = asked.query.get("fields", "").split(",")
        chosen = {**issue, "fields": {name: value for name, value in issue["fields"].items() if name in names}}
        if "changelog" not in asked.query.get("expand", ""):
            del chosen["changelog"]
        if asked.query.get("properties") != "request.channel.type":
            del chosen["properties"]
        return chosen

    def _issue(self, ticket: SimulatedTicket) -> dict[str, Any]:
        is_closed, fields = ticket.status == "closed", ticket.fields
        kinds = {name: one for one, name in REQUEST_TYPES.items()}
        kind, ids = fields.get("kind", ""), {name: one for one, name in PRIORITIES.items()}
        status = {"name": "완료", "key": "done"} if is_closed else {"name": "대기", "key": "new"}
        priority, link = fields.get("priority", ""), ticket.custom.get("duplicates", "")
        rating = ticket.custom.get("rating", "")
        values: dict[str, Any] = {
            "summary": ticket.subject,
            "description": document(ticket.body) if ticket.body else None,
            "priority": {"id": ids.get(priority, "9"), "name": priority} if priority else None,
            "status": {"name": status["name"], "statusCategory": {"key": status["key"]}},
            "resolution": {"name": "Done"} if is_closed else None,
            "resolutiondate": _moment(ticket.closed_at) if ticket.closed_at else None,
            "issuetype": {"id": "10001", "name": "Service Request"},
            "project": {"id": "10000", "key": "SD", "projectTypeKey": "service_desk"},
            "reporter": _customer(ticket),
            "labels": list(ticket.tags),
            "components": [{"id": "1", "name": fields["group"]}] if fields.get("group") else [],
            "created": _moment(ticket.created_at),
            "updated": _moment(ticket.updated_at),
            "issuelinks": [{"type": {"name": "Duplicate"}, "outwardIssue": {"key": link}}] if link else [],
            "comment": {"comments": _comments_of(ticket), "total": len(ticket.messages)},
            _REQUEST_TYPE: {"requestType": {"id": kinds.get(kind, "199"), "name": kind}} if kind else None,
            _ORGANIZATIONS: [{"id": "1", "name": ticket.organization}] if ticket.organization else [],
            _SATISFACTION: {"rating": int(rating)} if rating else None,
        }
        for target, (name, _) in _OPTIONS.items():
            values[name] = {"id": "10100", "value": fields[target]} if fields.get(target) else None
        values.update({name: value for name, value in ticket.custom.items() if name.startswith("customfield_")})
        return {
            "id": str(10_000 + list(self.tickets).index(ticket.id)),
            "key": ticket.id,
            "fields": values,
            "changelog": {"histories": self._histories(ticket)},
            "properties": {"request.channel.type": {"value": ticket.channel}},
        }

    def _histories(self, ticket: SimulatedTicket) -> list[dict[str, Any]]:
        changes = [
            {"field": "Component", "fieldId": "components", "fromString": before or None, "toString": after}
            for key, before, after in self._group_changes
            if key == ticket.id
        ]
        if "was_reopened" in ticket.custom:
            changes.append(_CHANGES[EventKind.REOPENED])
        return [{"id": str(position), "items": [one]} for position, one in enumerate(changes)]


_FIXED: Mapping[str, Any] = {
    "/rest/api/3/field": _FIELDS,
    "/rest/api/3/myself": {"accountId": OWN_ACCOUNT, "displayName": "Triage", "accountType": "app"},
    "/rest/api/3/mypermissions": {
        "permissions": {
            name: {"key": name, "havePermission": True} for name in ("BROWSE_PROJECTS", "EDIT_ISSUES", "ADD_COMMENTS")
        }
    },
}


def _person(account: str) -> dict[str, str]:
    return {"accountId": account, "displayName": account.partition(":")[2], "accountType": "atlassian"}


def _customer(ticket: SimulatedTicket) -> dict[str, str]:
    person = _person(f"qm:{ticket.requester_email}")
    return {**person, "emailAddress": ticket.requester_email, "accountType": "customer"}


def _comments_of(ticket: SimulatedTicket) -> list[dict[str, Any]]:
    people = {
        Author.REQUESTER: _customer(ticket),
        Author.AGENT: _person(AGENT_ACCOUNT),
        Author.US: _person(OWN_ACCOUNT),
    }
    portal = "https://haneul.atlassian.net/servicedesk/customer/portal/1"
    articles = [f"{portal}/article/{article_id}" for article_id in ticket.article_ids]
    return [
        {
            "id": str(position),
            "author": people[one.author],
            "body": document(one.text, links=articles if one.author is Author.AGENT else ()),
            "created": _moment(one.at),
            "jsdPublic": one.is_public,
        }
        for position, one in enumerate(ticket.messages)
    ]


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1_000:03d}+0000"
