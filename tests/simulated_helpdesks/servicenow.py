"""A simulated ServiceNow: the Table API over its incidents, journal, groups and knowledge, and a business rule's JSON.

Stricter than the real one, which overlooks what it does not know: an unknown field or condition is answered 400.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from serving.helpdesks.interface import EventKind
from tests.simulated_helpdesks.interface import Asked, Replied, SimulatedHelpdesk, Webhook
from tests.simulated_helpdesks.tickets import Author, Message, SimulatedTicket

USER, PASSWORD, SECRET = "triage.bot", "table-api-password", "business-rule-secret"
AGENT_NAME = "agent.kim"
TAGS_FIELD = "u_triage_tags"


class SurveyAnswer(NamedTuple):
    """An answer to a survey's question with the question's scale, of which the `better` end is high or low."""

    ticket_id: str
    value: str
    lowest: str = "1"
    highest: str = "5"
    better: str = "high"
    datatype: str = "scale"
    state: str = "complete"


class Cell(NamedTuple):
    """A value as it is kept and as it is shown."""

    value: str
    display_value: str


_TEXT_FIELDS = {"category": "category", "kind": "u_kind", "tier": "u_tier", "impact": "impact", "urgency": "urgency"}
_TARGETS = {field: target for target, field in _TEXT_FIELDS.items()}
_WRITABLE = frozenset({*_TARGETS, "assignment_group", "work_notes", "comments", TAGS_FIELD})
_CONTACT_TYPES = {"portal": "self-service", "mail": "email", "in-app": "mobile"}
_EVENTS: Mapping[str, tuple[str, str, str]] = {
    # Kind: the event stated, who caused it, the journal's element that the row brings along.
    EventKind.CREATED: ("created", "caller", ""),
    EventKind.REQUESTER_REPLIED: ("commented", "caller", "comments"),
    EventKind.REOPENED: ("reopened", "caller", ""),
    EventKind.CLOSED: ("closed", AGENT_NAME, ""),
    "agent comment": ("commented", AGENT_NAME, "comments"),
    "internal note": ("work_note", AGENT_NAME, "work_notes"),
    "field change": ("updated", AGENT_NAME, ""),
    "own change": ("updated", USER, ""),
}
_CONDITION = re.compile(r"([a-z][a-z0-9_.]*)(>=|<=|!=|>|<|=|ISNOTEMPTY|IN)(.*)", re.DOTALL)


def sys_id(name: str) -> str:
    """Return the sys_id of a record that is known by a name."""
    return sha256(name.encode()).hexdigest()[:32]


def computed_priority(impact: str, urgency: str) -> str:
    """Return the priority that ServiceNow computes as shipped."""
    steps = [int(value) if value in ("1", "2", "3") else 3 for value in (impact, urgency)]
    return str(sum(steps) - 1)


class SimulatedServiceNow(SimulatedHelpdesk):
    """An instance with incidents. Any group exists but those in `missing_groups`; a caller's user name is the e-mail's.

    `ticket.custom` holds further fields of the incident: `reassignment_count`, `reopen_count`, `close_notes`,
    `close_code`, `parent_incident` and a site's own. Each of `survey_answers` is an answer to a survey of an incident.
    """

    vendor = "servicenow"
    default_fields: Mapping[str, str] = {
        "priority": "5",
        "impact": "3",
        "urgency": "3",
        "category": "inquiry",
        "group": "",
        "kind": "",
        "tier": "",
    }

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.missing_groups: set[str] = set()
        #: False where our user may not read the journal's table, as sites often have it.
        self.is_journal_open = True
        self.survey_answers: list[SurveyAnswer] = []
        #: False where our user may not read surveys: the table is refused.
        self.are_surveys_open = True

    def add_ticket(self, subject: str, body: str, **known: Any) -> SimulatedTicket:
        """File an incident under a sys_id."""
        with self.lock:
            known.setdefault("id", f"{0xACE000 + len(self.tickets):032x}")
            return super().add_ticket(subject, body, **known)

    def set_field(self, ticket: SimulatedTicket, target: str, value: str, *, author: Author) -> None:
        """Set a field; a group that replaces another counts as a reassignment."""
        with self.lock:
            if target == "group" and ticket.fields.get("group") not in ("", value):
                ticket.custom["reassignment_count"] = str(int(ticket.custom.get("reassignment_count", "0")) + 1)
            super().set_field(ticket, target, value, author=author)

    def is_authorized(self, asked: Asked) -> bool:
        """Tell whether our user's name and password were sent."""
        return asked.headers.get("authorization") == "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def connection(self) -> dict[str, Any]:
        """Return the table of a connection to this instance."""
        return {
            "name": "servicenow",
            "vendor": "servicenow",
            "base_url": self.url,
            "user": USER,
            "token": PASSWORD,
            "own_user_id": sys_id(USER),
            "signing_secrets": [SECRET],
            "modes": dict.fromkeys(("category", "kind", "priority", "tier", "group"), "autofill"),
            "fields": {"kind": "u_kind", "tier": "u_tier"},
            "values": {"priority": {"urgent": "1", "high": "2", "normal": "3", "low": "4"}},
            "priority_matrix": {"urgent": [1, 1], "high": [2, 1], "normal": [2, 2], "low": [2, 3]},
            "defaults": {"priority": ["5"], "impact": ["3"], "urgency": ["3"], "category": ["inquiry"]},
            "event_fields": {"tags": TAGS_FIELD},
        }

    def webhook(self, kind: EventKind | str, ticket: SimulatedTicket, *, delivery: str = "") -> Webhook:
        """Return what a business rule sends: flat texts, with the shown names that its script adds."""
        stated, author, element = _EVENTS[kind]
        caller = ticket.requester_email.partition("@")[0]
        cells = self._incident(ticket)
        last = next((one.text for one in reversed(ticket.messages)), "(attachment)")
        body = {
            "event": stated,
            "event_id": delivery or self.next_delivery(),
            "table": "incident",
            **{name.replace(".", "_"): cell.value for name, cell in cells.items() if name != "caller_id.company"},
            "dv_assignment_group": cells["assignment_group"].display_value,
            "dv_company": ticket.organization,
            "sys_updated_by": caller if author == "caller" else author,
            "comments": last if element == "comments" else "",
            "work_notes": last if element == "work_notes" else "",
        }
        return Webhook(
            {"Content-Type": "application/json", "X-Triage-Secret": SECRET},
            json.dumps(body, ensure_ascii=False).encode(),
        )

    # --- the Table API ----------------------------------------------------------------------------------------

    def reply(self, asked: Asked) -> Replied:
        """Answer the Table API."""
        found = re.fullmatch(r"/api/now/table/([a-z0-9_]+)(?:/([\w-]+))?", asked.path)
        table = self._tables().get(found[1]) if found else None
        if found is None or table is None:
            return _refused(400, "Invalid table")
        if found[1] == "asmt_metric_result" and not self.are_surveys_open:
            return _refused(403, "User Not Authorized")
        if asked.method == "GET" and found[2] is None:
            return self._found(table(), asked)
        if asked.method == "GET":
            rows = [row for row in table() if row["sys_id"].value == found[2]]
            return _answer(_chosen(rows[0], asked)) if rows else _refused(404, "No Record found")
        if asked.method == "PATCH" and found[1] == "incident" and found[2]:
            return self._patch(found[2], asked)
        return _refused(405, "Method not allowed")

    def _found(self, rows: list[dict[str, Cell]], asked: Asked) -> Replied:
        alternatives, order = [], []
        for part in asked.query.get("sysparm_query", "").split("^NQ"):
            conditions = [one for one in part.split("^") if one]
            order += [one for one in conditions if one.startswith("ORDERBY")]
            parsed = [_CONDITION.fullmatch(one) for one in conditions if not one.startswith("ORDERBY")]
            if not all(parsed):
                return _refused(400, "Invalid query")
            alternatives.append([(match[1], match[2], match[3]) for match in parsed if match])
        try:
            found = [row for row in rows if any(all(_holds(row, one) for one in each) for each in alternatives)]
            for one in reversed(order):
                name = one.removeprefix("ORDERBYDESC") if "DESC" in one else one.removeprefix("ORDERBY")
                found.sort(key=lambda row, name=name: row[name].value, reverse="DESC" in one)  # type: ignore[misc]
        except KeyError as error:
            return _refused(400, f"Invalid field {error}")
        return _answer([_chosen(row, asked) for row in found[: int(asked.query.get("sysparm_limit", "10000"))]])

    def _patch(self, ticket_id: str, asked: Asked) -> Replied:
        ticket, values = self.tickets.get(ticket_id), asked.body
        if ticket is None:
            return _refused(404, "No Record found")
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            return _refused(400, "Invalid body")
        if not values.keys() <= _WRITABLE:
            return _refused(400, "Invalid or read-only field")
        group = self._groups().get(values.get("assignment_group", ""), "")
        if values.get("assignment_group") and not group:
            return _refused(400, "Invalid assignment_group")
        self._apply(ticket, values, group=group)
        return _answer(_chosen(self._incident(ticket), asked))

    def _apply(self, ticket: SimulatedTicket, values: Mapping[str, str], *, group: str) -> None:
        for field, value in values.items():
            if field in _TARGETS:
                self.set_field(ticket, _TARGETS[field], value, author=Author.US)
        if "assignment_group" in values:
            self.set_field(ticket, "group", group, author=Author.US)
        if {"impact", "urgency"} & values.keys():
            priority = computed_priority(ticket.fields["impact"], ticket.fields["urgency"])
            self.set_field(ticket, "priority", priority, author=Author.US)
        if TAGS_FIELD in values:
            ticket.tags = [tag.strip() for tag in values[TAGS_FIELD].split(",") if tag.strip()]
        for element in ("work_notes", "comments"):
            if values.get(element):
                ticket.messages.append(Message(values[element], Author.US, element == "comments", self.clock()))
        ticket.touch(self.clock())

    # --- the tables -------------------------------------------------------------------------------------------

    def _tables(self) -> dict[str, Callable[[], list[dict[str, Cell]]]]:
        return {
            "incident": lambda: [self._incident(ticket) for ticket in self.tickets.values()],
            "sys_journal_field": self._journal,
            "sys_user": lambda: [_row(USER, user_name=USER)],
            "sys_user_has_role": lambda: [_row("role", user=sys_id(USER), **{"role.name": "itil"})],
            "sys_user_group": lambda: [
                _row(f"group {name}", name=name, active="true") for name in self._known_groups()
            ],
            "kb_knowledge": self._knowledge,
            "user_criteria": self._criteria,
            "kb_uc_can_read_mtom": list,
            "m2m_kb_task": self._links,
            "asmt_metric_result": self._survey_results,
        }

    def _incident(self, ticket: SimulatedTicket) -> dict[str, Cell]:
        group, is_closed = ticket.fields.get("group", ""), ticket.status == "closed"
        caller, company = sys_id(ticket.requester_email), ticket.organization
        own = {field: ticket.fields.get(target, "") for target, field in _TEXT_FIELDS.items()}
        notes = "".join(f"{_moment(one.at)} - Agent (Work notes)\n{one.text}\n\n" for one in _notes_of(ticket))
        texts = {
            "sys_id": ticket.id,
            "number": f"INC{list(self.tickets).index(ticket.id) + 1:07d}",
            "short_description": ticket.subject,
            "description": ticket.body,
            "contact_type": _CONTACT_TYPES.get(ticket.channel, ticket.channel),
            "state": "7" if is_closed else "1",
            "active": str(not is_closed).lower(),
            "opened_at": _moment(ticket.created_at),
            "sys_created_on": _moment(ticket.created_at),
            "sys_updated_on": _moment(ticket.updated_at),
            "sys_mod_count": str(ticket.changes),
            "reopen_count": "0",
            "reassignment_count": "0",
            "resolved_at": _moment(ticket.closed_at),
            "closed_at": _moment(ticket.closed_at),
            **dict.fromkeys(("close_notes", "close_code", "parent_incident", "business_service", "cmdb_ci"), ""),
            "caller_id.email": ticket.requester_email,
            "caller_id.name": "Caller",
            "caller_id.user_name": ticket.requester_email.partition("@")[0],
            "priority": ticket.fields.get("priority", ""),
            TAGS_FIELD: ", ".join(ticket.tags),
            **own,
            **ticket.custom,
        }
        return {
            **{name: Cell(text, text) for name, text in texts.items()},
            "assignment_group": Cell(sys_id(f"group {group}") if group else "", group),
            "caller_id": Cell(caller, "Caller"),
            "caller_id.company": Cell(sys_id(company) if company else "", company),
            "company": Cell(sys_id(company) if company else "", company),
            "work_notes": Cell("", notes),
        }

    def _journal(self) -> list[dict[str, Cell]]:
        if not self.is_journal_open:
            return []
        rows = []
        for ticket in self.tickets.values():
            names = {
                Author.REQUESTER: ticket.requester_email.partition("@")[0],
                Author.AGENT: AGENT_NAME,
                Author.US: USER,
            }
            for position, one in enumerate(ticket.messages):
                rows.append(
                    _row(
                        f"journal {ticket.id} {position}",
                        element="comments" if one.is_public else "work_notes",
                        element_id=ticket.id,
                        value=one.text,
                        sys_created_by=names[one.author],
                        sys_created_on=_moment(one.at),
                    )
                )
        return rows

    def _known_groups(self) -> list[str]:
        named = {"service-desk", "identity", "network-ops", "workplace", "messaging", "business-apps", "security"}
        named |= {"people-ops", "Service Desk", "Network", "Database", "Hardware", "네트워크운영팀"}
        named |= {ticket.fields.get("group", "") for ticket in self.tickets.values()}
        named |= {article.audience for article in self.articles} - {"everyone"}
        return sorted(named - self.missing_groups - {""})

    def _groups(self) -> dict[str, str]:
        return {sys_id(f"group {name}"): name for name in self._known_groups()}

    def _criteria(self) -> list[dict[str, Cell]]:
        return [
            _row(f"criterion {name}", name=f"Members of {name}", active="true", **_NO_CONDITIONS)
            | {"group": Cell(sys_id(f"group {name}"), name)}
            for name in sorted({article.audience for article in self.articles} - {"everyone"})
        ]

    def _knowledge(self) -> list[dict[str, Cell]]:
        return [
            _row(
                f"article {one.id}",
                number=one.id,
                short_description=one.title,
                text=one.body,
                kb_knowledge_base=sys_id("base"),
                can_read_user_criteria="" if one.audience == "everyone" else sys_id(f"criterion {one.audience}"),
                workflow_state="published",
                active="true",
                **dict.fromkeys(("language", "meta", "roles"), ""),
            )
            for one in self.articles
        ]

    def _links(self) -> list[dict[str, Cell]]:
        return [
            _row(f"link {ticket.id} {one}", task=ticket.id, **{"kb_knowledge.number": one})
            for ticket in self.tickets.values()
            for one in ticket.article_ids
        ]

    def _survey_results(self) -> list[dict[str, Cell]]:
        return [
            _row(
                f"answer {position}",
                actual_value=one.value,
                **{
                    "instance.task_id": one.ticket_id,
                    "instance.state": one.state,
                    "metric.datatype": one.datatype,
                    "metric.min": one.lowest,
                    "metric.max": one.highest,
                    "metric.scale_definition": one.better,
                },
            )
            for position, one in enumerate(self.survey_answers)
        ]


_NO_CONDITIONS = {
    **dict.fromkeys(("role", "user", "company", "department", "location"), ""),
    **dict.fromkeys(("advanced", "match_all"), "false"),
}


def _row(unique: str, /, **texts: str) -> dict[str, Cell]:
    stamps = {"sys_created_on": "2024-01-02 03:04:05", "sys_updated_on": "2024-01-02 03:04:05"}
    return {key: Cell(text, text) for key, text in {"sys_id": sys_id(unique), **stamps, **texts}.items()}


def _notes_of(ticket: SimulatedTicket) -> list[Message]:
    return [one for one in ticket.messages if not one.is_public]


def _moment(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _holds(row: Mapping[str, Cell], condition: tuple[str, str, str]) -> bool:
    name, operator, expected = condition
    value = row[name].value
    if operator == "ISNOTEMPTY":
        return bool(value)
    if operator == "IN":
        return value in expected.split(",")
    expected = USER if expected == "javascript:gs.getUserName()" else expected
    if operator in ("=", "!="):
        return (value == expected) is (operator == "=")
    is_past = value > expected if ">" in operator else value < expected
    return is_past or ("=" in operator and value == expected)


def _chosen(row: Mapping[str, Cell], asked: Asked) -> dict[str, Any]:
    names = [name for name in asked.query.get("sysparm_fields", "").split(",") if name in row] or list(row)
    if asked.query.get("sysparm_display_value") == "all":
        return {name: row[name]._asdict() for name in names}
    return {name: row[name].value for name in names}


def _answer(result: object) -> Replied:
    limits = {"X-RateLimit-Limit": "20000", "X-RateLimit-Reset": "3600", "X-RateLimit-Rule": "triage"}
    return Replied(200, {"result": result}, limits)


def _refused(status: int, message: str) -> Replied:
    return Replied(status, {"error": {"message": message, "detail": ""}, "status": "failure"})
