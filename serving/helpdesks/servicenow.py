"""ServiceNow: its incidents read, written and exported through the Table API.

Impact and urgency are written, from which ServiceNow computes the priority. It offers no lock and no switch for
notifications; work notes reach people of the helpdesk alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from features.errors import HelpdeskRefusedError, TicketGoneError
from features.history import ArticleRow, HistoryRow
from serving.connections import Connection
from serving.helpdesks.calls import Calls, Throttle
from serving.helpdesks.history_rows import labelled_row
from serving.helpdesks.interface import Capabilities, Delivery, Pace, TicketChange, TicketState, Understood
from serving.helpdesks.payload_values import read_object
from serving.helpdesks.servicenow_articles import published_articles
from serving.helpdesks.servicenow_events import GUEST, key_over, understand
from serving.helpdesks.servicenow_rows import (
    GROUP_FIELD,
    MOMENT_FORMAT,
    PRIORITY_FIELD,
    TABLE,
    Row,
    count_of,
    field_of,
    fields_from,
    fields_to_ask,
    is_closed,
    is_sys_id,
    moment_of,
    shown_of,
    tags_field,
    tags_from,
    ticket_from,
    value_of,
)
from serving.helpdesks.servicenow_surveys import satisfaction
from serving.helpdesks.servicenow_tables import Tables, is_safe_in_query
from serving.helpdesks.signatures import require_basic_or_header

# ServiceNow limits only where a site has made a rule, by the hour; this leaves room for others.
_CALLS_PER_MINUTE = 300
# [impact, urgency] of each priority as ServiceNow ships its table; an emptied priority is the lowest.
_MATRIX: Mapping[str, tuple[str, str]] = {
    "1": ("1", "1"),
    "2": ("2", "1"),
    "3": ("2", "2"),
    "4": ("2", "3"),
    "5": ("3", "3"),
    "": ("3", "3"),
}
_TICKET_ID = re.compile(r"[\w-]{1,64}")
_NUMBER = re.compile(r"[A-Z]{2,6}\d{5,12}")
_CODE_MARK = re.compile(r"\[(/?)code\]", re.IGNORECASE)
_JOURNAL_FIELDS = "sys_id,element,element_id,value,sys_created_by,sys_created_on"
_MOST_COMMENTS_A_PAGE = 10_000
_ROLES = "itil,sn_incident_write,admin"


class ServiceNow:
    """One connection to an instance; `user` and `token` are a user's name and password, or an API key without user."""

    def __init__(
        self, connection: Connection, *, clock: Callable[[], datetime], throttle: Throttle | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        token = connection.token.get_secret_value()
        self._calls = Calls(
            connection.base_url,
            headers={} if connection.user else {"x-sn-apikey": token},
            auth=(connection.user, token) if connection.user else None,
            timeout_seconds=connection.timeout_seconds,
            throttle=throttle,
        )
        self._tables = Tables(self._calls)
        self._group_ids: dict[str, str] = {}

    @property
    def pace(self) -> Pace:
        """How often incidents may be written."""
        return Pace(self._connection.calls_per_minute or _CALLS_PER_MINUTE, 60)

    def verify(self, delivery: Delivery) -> None:
        """Raise AuthenticationError unless the delivery carries the connection's password or secret header."""
        require_basic_or_header(delivery, self._connection)

    def delivery_key(self, delivery: Delivery) -> str:
        """Return a key over the incident and what was sent."""
        return key_over(delivery)

    def understand(self, delivery: Delivery) -> Understood:
        """Return what a delivery says; raise DeliveryError where its body is no JSON object."""
        return understand(read_object(delivery.body), connection=self._connection)

    def check(self) -> Capabilities:
        """Ask who we are, whether incidents and articles can be read, and whether our roles let us write."""
        problems: list[str] = []
        users = self._seen("sys_user", self._who(), fields="sys_id,user_name", problems=problems)
        user_id = value_of(users[0], "sys_id") if users else ""
        may_read = self._may_read(TABLE, problems)
        may_read_articles = self._may_read("kb_knowledge", problems)
        query = f"user={user_id}^role.nameIN{_ROLES}"
        may_write = bool(user_id) and bool(self._seen("sys_user_has_role", query, fields="sys_id", problems=problems))
        if not may_write:
            problems.append(
                "Nothing shows that our user may write incidents. Give it the role sn_incident_write or itil, and let "
                "it read its own roles in sys_user_has_role."
            )
        name = value_of(users[0], "user_name") if users else self._connection.user
        return Capabilities(name, user_id, may_read, may_write, may_read_articles, tuple(problems))

    def read(self, ticket_id: str) -> TicketState:
        """Return an incident, by its sys_id or number, with its comments and work notes."""
        row = self._record(ticket_id)
        query = f"element_id={value_of(row, 'sys_id')}^elementINcomments,work_notes^ORDERBYsys_created_on"
        return self._state(row, journal=self._tables.some("sys_journal_field", query, fields=_JOURNAL_FIELDS))

    def write(self, state: TicketState, change: TicketChange) -> None:
        """Write a change in one request: fields, our tags where the site has a field for them, and a work note."""
        values = self._values(change)
        field = tags_field(self._connection)
        if field and (change.tags or change.removed_tags):
            values[field] = ", ".join(sorted({*state.tags, *change.tags} - set(change.removed_tags)))
        if change.note:
            # Between these marks a journal shows HTML as such, which a quoted ticket must not reach.
            values["work_notes"] = _CODE_MARK.sub(r"[\1 code]", change.note)
        if values:
            self._tables.patch(TABLE, state.ticket.id, values=values)

    def changed_since(self, since: datetime) -> Iterator[TicketState]:
        """Yield incidents created or changed since a moment, oldest first, without their conversation."""
        where = f"sys_updated_on>={_written(since)}"
        fields = fields_to_ask(self._connection)
        for page in self._tables.pages(TABLE, where, fields=fields, by="sys_updated_on"):
            yield from (self._state(row, journal=()) for row in page)

    def history(self, since: datetime) -> Iterator[HistoryRow]:
        """Yield closed incidents created since a moment with their final values, but for the cancelled ones."""
        where = f"active=false^state!=8^sys_created_on>={_written(since)}"
        fields = fields_to_ask(self._connection)
        for page in self._tables.pages(TABLE, where, fields=fields, by="sys_created_on"):
            ids = ",".join(value_of(row, "sys_id") for row in page)
            comments, articles, rated = self._comments(ids), self._article_ids(ids), satisfaction(self._tables, ids)
            for row in page:
                sys_id = value_of(row, "sys_id")
                of_row = [one for one in comments if value_of(one, "element_id") == sys_id]
                ended = self._history_row(row, comments=of_row)
                yield replace(ended, article_ids=articles.get(sys_id, ()), csat=rated.get(sys_id))

    def articles(self) -> Iterator[ArticleRow]:
        """Yield the published articles with whom their user criteria let in."""
        return published_articles(self._tables, connection=self._connection)

    def close(self) -> None:
        """Let go of the instance."""
        self._calls.close()

    # --- reading ----------------------------------------------------------------------------------------------

    def _record(self, ticket_id: str) -> Row:
        if not _TICKET_ID.fullmatch(ticket_id):
            raise TicketGoneError(f"'{ticket_id[:64]}' is no incident of ServiceNow. State its sys_id or its number.")
        fields = f"{fields_to_ask(self._connection)},work_notes"
        if not _NUMBER.fullmatch(ticket_id):
            return self._tables.record(TABLE, ticket_id, fields=fields)
        rows = self._tables.some(TABLE, f"number={ticket_id}", fields=fields, most=1)
        if not rows:
            raise TicketGoneError(f"ServiceNow has no incident {ticket_id}, or none that we may see.")
        return rows[0]

    def _state(self, row: Row, *, journal: Collection[Row]) -> TicketState:
        connection = self._connection
        comments = [one for one in journal if value_of(one, "element") == "comments"]
        is_over = is_closed(row)
        field = tags_field(connection)
        notes = tuple(value_of(one, "value") for one in journal if value_of(one, "element") == "work_notes")
        # Where the journal's table is closed to us, the record shows all its work notes as one text.
        shown_notes = shown_of(row, "work_notes")
        return TicketState(
            ticket=ticket_from(row, connection),
            fields=fields_from(row, connection),
            tags=tags_from(value_of(row, field)) if field else frozenset(),
            notes=notes or ((shown_notes,) if shown_notes else ()),
            follow_ups=tuple(value_of(one, "value") for one in comments if self._is_requesters(one, row=row)),
            is_answered=any(self._is_answer(one, row=row) for one in comments),
            is_closed=is_over,
            is_reopened=not is_over and bool(count_of(row, "reopen_count")),
            version=value_of(row, "sys_mod_count"),
            updated_at=moment_of(row, "sys_updated_on"),
            url=f"{connection.base_url}/incident.do?sys_id={value_of(row, 'sys_id')}",
        )

    def _is_requesters(self, comment: Row, *, row: Row) -> bool:
        author = value_of(comment, "sys_created_by")
        return author in ({value_of(row, "caller_id.user_name"), value_of(row, "caller_id.email"), GUEST} - {""})

    def _is_answer(self, comment: Row, *, row: Row) -> bool:
        author = value_of(comment, "sys_created_by")
        return author not in {self._connection.user, "system", ""} and not self._is_requesters(comment, row=row)

    def _history_row(self, row: Row, *, comments: Collection[Row]) -> HistoryRow:
        connection, ticket = self._connection, ticket_from(row, self._connection)
        answers = [moment_of(one, "sys_created_on") for one in comments if self._is_answer(one, row=row)]
        return replace(
            labelled_row(ticket, fields_from(row, connection), connection=connection),
            duplicate_of=value_of(row, "parent_incident") if "duplicate" in shown_of(row, "close_code").lower() else "",
            resolved_at=moment_of(row, "resolved_at") or moment_of(row, "closed_at"),
            first_response_at=min((moment for moment in answers if moment), default=None),
            reassignments=count_of(row, "reassignment_count"),
            reopened=count_of(row, "reopen_count"),
            resolution=value_of(row, "close_notes"),
        )

    def _comments(self, ids: str) -> list[Row]:
        query = f"element=comments^element_idIN{ids}^ORDERBYsys_created_on"
        return self._tables.some("sys_journal_field", query, fields=_JOURNAL_FIELDS, most=_MOST_COMMENTS_A_PAGE)

    def _article_ids(self, ids: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for link in self._tables.some("m2m_kb_task", f"taskIN{ids}", fields="task,kb_knowledge.number"):
            task, number = value_of(link, "task"), value_of(link, "kb_knowledge.number")
            if number:
                found[task] = (*found.get(task, ()), number)
        return found

    # --- writing ----------------------------------------------------------------------------------------------

    def _values(self, change: TicketChange) -> dict[str, str]:
        """Return the incident's fields for a change. An impact or urgency of its own is kept beside a priority."""
        computed: dict[str, str] = {}
        stated: dict[str, str] = {}
        for target, native in change.fields.items():
            field = field_of(target, self._connection)
            if not field:
                raise HelpdeskRefusedError(
                    f"An incident has no field for {target}. Name one under fields.{target} of the connection "
                    f"'{self._connection.name}', or turn the target off."
                )
            if field == PRIORITY_FIELD:
                computed["impact"], computed["urgency"] = self._impact_and_urgency(native)
            else:
                stated[field] = self._group_id(native) if field == GROUP_FIELD else native
        return {**computed, **stated}

    def _impact_and_urgency(self, native: str) -> tuple[str, str]:
        matrix = self._connection.priority_matrix
        for name in (self._connection.label("priority", native), native):
            if name in matrix:
                return matrix[name]
        if native in _MATRIX:
            return _MATRIX[native]
        raise HelpdeskRefusedError(
            f"Nothing says which impact and urgency make the priority '{native[:60]}'. Add it to priority_matrix of "
            f"the connection '{self._connection.name}', as in \"{native[:60]}\" = [2, 1]."
        )

    def _group_id(self, name: str) -> str:
        if not name or is_sys_id(name):
            return name
        if name not in self._group_ids:
            found: list[Row] = []
            if is_safe_in_query(name):
                found = self._tables.some("sys_user_group", f"name={name}^active=true", fields="sys_id,name", most=1)
            if not found:
                raise HelpdeskRefusedError(
                    f"ServiceNow has no active group '{name[:60]}'. Give its name or sys_id under values.group of the "
                    f"connection '{self._connection.name}'."
                )
            self._group_ids[name] = value_of(found[0], "sys_id")
        return self._group_ids[name]

    # --- what we may do ---------------------------------------------------------------------------------------

    def _who(self) -> str:
        user = self._connection.user
        return f"user_name={user}" if is_safe_in_query(user) else "user_name=javascript:gs.getUserName()"

    def _may_read(self, table: str, problems: list[str]) -> bool:
        rows = self._seen(table, "ORDERBYDESCsys_created_on", fields="sys_id", problems=problems)
        if not rows:
            problems.append(f"We see no row of {table}. Let our user read it, unless it is empty.")
        return bool(rows)

    def _seen(self, table: str, query: str, *, fields: str, problems: list[str]) -> list[Row]:
        try:
            return self._tables.some(table, query, fields=fields, most=1)
        except (HelpdeskRefusedError, TicketGoneError) as error:
            problems.append(str(error))
            return []


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(MOMENT_FORMAT)
