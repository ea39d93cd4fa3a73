"""Freshdesk and its solutions: the calls, and how its webhooks show whose they are.

What webhooks say stands in `freshdesk_events`, what the API's tickets mean in `freshdesk_tickets`. A change takes an
update and then a note: the note, with its marker, comes last, so that a marker says that all was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote

from features.errors import DeliveryError, HelpdeskRefusedError, TicketChangedError, TicketGoneError
from features.history import ArticleRow, HistoryRow
from serving.connections import Connection
from serving.helpdesks.calls import Calls, Throttle
from serving.helpdesks.freshdesk_events import ticket_id_of, understood
from serving.helpdesks.freshdesk_tickets import (
    Conversation,
    Known,
    article_row,
    has_ended,
    history_row,
    is_published,
    note_body,
    satisfaction,
    ticket_state,
    ticket_update,
)
from serving.helpdesks.interface import Capabilities, Delivery, Pace, TicketChange, TicketState, Understood
from serving.helpdesks.payload_values import Table, as_id, as_moment, as_table, as_tables, as_text, read_object
from serving.helpdesks.signatures import require_basic_or_header

# The least of Freshdesk's plans lets 50 calls a minute through; a change is up to three.
_CHANGES_PER_MINUTE = 16
_PER_PAGE = 100
# Freshdesk lists no further than this many pages.
_MOST_PAGES = 300


class Freshdesk:
    """One connection to a Freshdesk account by an API key; `user` is the e-mail of the agent whose key it is."""

    def __init__(
        self, connection: Connection, *, clock: Callable[[], datetime], throttle: Throttle | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._calls = Calls(
            connection.base_url,
            headers={},
            # Freshdesk takes the key for a user's name and asks for no password.
            auth=(connection.token.get_secret_value(), "X"),
            timeout_seconds=connection.timeout_seconds,
            throttle=throttle,
        )
        self._groups: dict[str, str] = {}
        self._companies: dict[str, str] = {}

    @property
    def pace(self) -> Pace:
        """How often tickets may be changed."""
        return Pace(self._connection.calls_per_minute or _CHANGES_PER_MINUTE, 60)

    # --- webhooks ---------------------------------------------------------------------------------------------

    def verify(self, delivery: Delivery) -> None:
        """Raise AuthenticationError without the connection's password or header; Freshdesk signs nothing."""
        require_basic_or_header(delivery, self._connection)

    def delivery_key(self, delivery: Delivery) -> str:
        """Return a key over the ticket and the body, which names the event: Freshdesk numbers no delivery."""
        ticket_id = ""
        with suppress(DeliveryError):
            ticket_id = ticket_id_of(read_object(delivery.body))
        return hashlib.sha256(ticket_id.encode() + b"\n" + delivery.body).hexdigest()

    def understand(self, delivery: Delivery) -> Understood:
        """Return what an automation's webhook says; raise DeliveryError for a body that is no object."""
        return understood(read_object(delivery.body), connection=self._connection)

    # --- reading ----------------------------------------------------------------------------------------------

    def check(self) -> Capabilities:
        """Ask Freshdesk who we are and whether we may work on tickets and read solutions."""
        try:
            agent = as_table(self._calls.get("/api/v2/agents/me"))
        except (HelpdeskRefusedError, TicketGoneError):
            agent = {}
        is_agent = bool(as_text(agent.get("id")))
        may_read = is_agent and self._may_get("/api/v2/tickets")
        may_read_articles = is_agent and self._may_get("/api/v2/solutions/categories")
        return Capabilities(
            user=as_text(as_table(agent.get("contact")).get("email")),
            user_id=as_text(agent.get("id")),
            may_read=may_read,
            may_write=may_read,
            may_read_articles=may_read_articles,
            problems=tuple(self._problems(agent, may_read=may_read, may_read_articles=may_read_articles)),
        )

    def read(self, ticket_id: str) -> TicketState:
        """Return a ticket with its requester and its conversation."""
        row = as_table(self._calls.get(_path(ticket_id), params={"include": "requester,stats,company"}))
        return ticket_state(
            row, known=self._known(row), connection=self._connection, conversation=self._conversation(ticket_id)
        )

    def changed_since(self, since: datetime) -> Iterator[TicketState]:
        """Yield the tickets changed since a moment, without their conversations."""
        for row in self._listed(since):
            yield ticket_state(row, known=self._known(row), connection=self._connection)

    def history(self, since: datetime) -> Iterator[HistoryRow]:
        """Yield resolved tickets created since a moment; asks for the conversation of each."""
        ratings = self._ratings(since)
        for row in self._listed(since):
            created_at = as_moment(row.get("created_at"))
            if not has_ended(row) or created_at is None or created_at < since:
                continue
            ticket_id = as_text(row.get("id"))
            try:
                conversation = self._conversation(ticket_id)
            except TicketGoneError:
                continue
            yield history_row(
                row,
                known=self._known(row),
                connection=self._connection,
                conversation=conversation,
                csat=ratings.get(ticket_id),
            )

    def articles(self) -> Iterator[ArticleRow]:
        """Yield the published articles of all folders with their audience."""
        for category in self._pages("/api/v2/solutions/categories"):
            for folder in self._pages(f"/api/v2/solutions/categories/{as_id(category.get('id'))}/folders"):
                for row in self._pages(f"/api/v2/solutions/folders/{as_id(folder.get('id'))}/articles"):
                    if is_published(row):
                        yield article_row(row, folder=folder, connection=self._connection)

    # --- writing ----------------------------------------------------------------------------------------------

    def write(self, state: TicketState, change: TicketChange) -> None:
        """Write fields and tags, then the private note; nothing where the ticket has changed since it was read."""
        if change.is_empty:
            return
        path = _path(state.ticket.id)
        update = ticket_update(state, change, connection=self._connection, group_id=self._group_id)
        self._require_unchanged(state)
        if update:
            self._calls.send("PUT", path, json=update)
        if change.note:
            self._calls.send("POST", f"{path}/notes", json={"body": note_body(change.note), "private": True})

    def _require_unchanged(self, state: TicketState) -> None:
        # Freshdesk has no conditional update: looking once more leaves only the moment between two calls.
        shown = as_text(as_table(self._calls.get(_path(state.ticket.id))).get("updated_at"))
        if state.version and shown != state.version:
            raise TicketChangedError(
                f"Ticket {state.ticket.id} was changed after it was read. Read it again before writing."
            )

    def close(self) -> None:
        """Let go of the connections."""
        self._calls.close()

    # --- calls ------------------------------------------------------------------------------------------------

    def _conversation(self, ticket_id: str) -> Conversation:
        rows = list(self._pages(f"{_path(ticket_id)}/conversations"))
        return Conversation.of(rows, own_user_id=self._connection.own_user_id)

    def _listed(self, since: datetime) -> Iterator[Table]:
        """Yield tickets by their moment of change; where the pages end, go on from the last moment seen."""
        seen: set[tuple[str, str]] = set()
        start = _written(since)
        while True:
            last, count = start, 0
            for row in self._pages("/api/v2/tickets", params=_since(start)):
                count += 1
                last = as_text(row.get("updated_at")) or last
                key = (as_text(row.get("id")), last)
                if key not in seen and row.get("deleted") is not True and row.get("spam") is not True:
                    seen.add(key)
                    yield row
            if count < _MOST_PAGES * _PER_PAGE or last == start:
                return
            start = last

    def _pages(self, path: str, *, params: dict[str, str] | None = None) -> Iterator[Table]:
        for page in range(1, _MOST_PAGES + 1):
            asked = {**(params or {}), "page": str(page), "per_page": str(_PER_PAGE)}
            rows = as_tables(self._calls.get(path, params=asked))
            yield from rows
            if len(rows) < _PER_PAGE:
                return

    def _known(self, row: Table) -> Known:
        """Return the names of a ticket's group and company, each asked for once."""
        group_id, company_id = as_text(row.get("group_id")), as_id(row.get("company_id"))
        if group_id and group_id not in self._groups:
            self._groups = self._group_names()
            self._groups.setdefault(group_id, group_id)
        if company_id and company_id not in self._companies and not row.get("company"):
            self._companies[company_id] = self._company_name(company_id)
        return Known(self._groups, self._companies)

    def _group_names(self) -> dict[str, str]:
        return {as_text(row.get("id")): as_text(row.get("name")) for row in self._pages("/api/v2/groups")}

    def _company_name(self, company_id: str) -> str:
        try:
            return as_text(as_table(self._calls.get(f"/api/v2/companies/{company_id}")).get("name"))
        except (HelpdeskRefusedError, TicketGoneError):
            return ""

    def _group_id(self, group: str) -> int:
        if group not in self._groups.values():
            self._groups = self._group_names()
        for group_id, name in self._groups.items():
            if group in (name, group_id) and group_id.isdecimal():
                return int(group_id)
        raise HelpdeskRefusedError(
            f"Freshdesk has no group '{group[:60]}'. Create it, or say in values.group of the connection "
            f"'{self._connection.name}' how Freshdesk names it."
        )

    def _ratings(self, since: datetime) -> dict[str, float]:
        params = {"created_since": _written(since)}
        try:
            rows = list(self._pages("/api/v2/surveys/satisfaction_ratings", params=params))
        except (HelpdeskRefusedError, TicketGoneError):
            # Surveys are part of some plans only.
            return {}
        rated = {as_text(row.get("ticket_id")): satisfaction(row) for row in rows}
        return {ticket_id: rating for ticket_id, rating in rated.items() if rating is not None}

    def _may_get(self, path: str) -> bool:
        try:
            self._calls.get(path, params={"per_page": "1"})
        except (HelpdeskRefusedError, TicketGoneError):
            return False
        return True

    def _problems(self, agent: Table, *, may_read: bool, may_read_articles: bool) -> Iterator[str]:
        if not may_read:
            yield "Freshdesk shows us no tickets. Set token to the API key of an agent who may see all tickets."
            return
        if not may_read_articles:
            yield "Solutions cannot be read. Give our agent's role the right to view them."
        agent_id, email = as_text(agent.get("id")), as_text(as_table(agent.get("contact")).get("email"))
        if self._connection.own_user_id != agent_id or self._connection.user.casefold() != email.casefold():
            yield (
                f'Our own changes may come back as webhooks. Set own_user_id = "{agent_id}" and user = "{email}" so '
                "that they are known."
            )


def _path(ticket_id: str) -> str:
    return f"/api/v2/tickets/{quote(ticket_id, safe='')}"


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(start: str) -> dict[str, str]:
    return {
        "updated_since": start,
        "order_by": "updated_at",
        "order_type": "asc",
        "include": "requester,stats,description",
    }
