"""Zammad: its webhooks' signature, and its API for tickets, articles, tags and the knowledge base.

Its API has no optimistic lock and documents no limit. A user of ours with the role Agent reads and changes the groups
that are to be triaged; its token has the permissions ticket.agent and knowledge_base.reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from features.articles import EVERYONE
from features.errors import AuthenticationError, HelpdeskRefusedError, TicketGoneError
from features.history import ArticleRow, HistoryRow
from serving.connections import Connection
from serving.helpdesks.calls import Calls, Throttle
from serving.helpdesks.history_rows import labelled_row
from serving.helpdesks.interface import Capabilities, Delivery, Pace, TicketChange, TicketState, Understood
from serving.helpdesks.payload_values import (
    Table,
    as_id,
    as_moment,
    as_table,
    as_tables,
    as_text,
    as_texts,
    read_object,
)
from serving.helpdesks.signatures import header_bytes, hmac_digest, is_any_equal, require_basic_or_header
from serving.helpdesks.zammad_events import (
    CLOSED_STATES,
    is_internal,
    is_of_agent,
    is_of_customer,
    name_of,
    ticket_of,
    understood,
)

_DEFAULT_FIELDS = {"priority": "priority", "group": "group"}
_ALGORITHMS = frozenset({"sha1", "sha256"})
_DEFAULT_CALLS_PER_MINUTE = 120
_PAGE = 100
_EXPANDED = {"expand": "true"}
#: Who may read what is published to the helpdesk's own people alone.
AGENTS = "agents"


class Zammad:
    """A Zammad as it is connected to us."""

    def __init__(
        self, connection: Connection, *, clock: Callable[[], datetime], throttle: Throttle | None = None
    ) -> None:
        self._connection, self._clock = connection, clock
        token = connection.token.get_secret_value()
        self._calls = Calls(
            connection.base_url,
            headers={"Authorization": f"Token token={token}"},
            timeout_seconds=connection.timeout_seconds,
            throttle=throttle,
        )
        self._fields = {
            target: place for target, place in {**_DEFAULT_FIELDS, **connection.fields}.items() if place.strip()
        }
        self._closed_states: frozenset[str] | None = None

    @property
    def pace(self) -> Pace:
        """What the connection says, else two calls a second: Zammad documents no limit."""
        return Pace(self._connection.calls_per_minute or _DEFAULT_CALLS_PER_MINUTE, 60)

    def verify(self, delivery: Delivery) -> None:
        """Raise AuthenticationError unless the delivery is signed by a secret of ours, or carries our password."""
        secrets = [one.get_secret_value().encode() for one in self._connection.signing_secrets]
        if not secrets:
            require_basic_or_header(delivery, self._connection)
            return
        algorithm, _, presented = header_bytes(delivery, "x-hub-signature").decode("latin-1").partition("=")
        if algorithm in _ALGORITHMS:
            expected = (hmac_digest(one, delivery.body, algorithm=algorithm).hex() for one in secrets if one)
            if is_any_equal(presented.lower().encode(), (digest.encode() for digest in expected)):
                return
        raise AuthenticationError(
            f"The webhook's X-Hub-Signature is not that of a secret of the connection '{self._connection.name}'. "
            "Set the same token in Zammad under Webhook, HMAC SHA1 Signature Token, as in signing_secrets."
        )

    def delivery_key(self, delivery: Delivery) -> str:
        """Return Zammad's id of the delivery, which its retries share, else a key over the body."""
        return delivery.headers.get("x-zammad-delivery", "").strip()[:200] or sha256(delivery.body).hexdigest()

    def understand(self, delivery: Delivery) -> Understood:
        """Return what a delivery says; raise DeliveryError where its body is no JSON object."""
        return understood(read_object(delivery.body), connection=self._connection)

    def check(self) -> Capabilities:
        """Ask who we are, whether tickets can be read, and whether our user may change those of any group."""
        try:
            me = as_table(self._calls.get("/api/v1/users/me"))
        except HelpdeskRefusedError as error:
            return Capabilities(problems=(f"{error} Create a token in Zammad under Profile, Token Access.",))
        may_read = self._is_allowed(lambda: self._calls.get("/api/v1/tickets", params={"per_page": "1"}))
        access = {right for rights in as_table(me.get("group_ids")).values() for right in as_texts(rights)}
        may_write = may_read and bool(access & {"full", "change"})
        problems = []
        if not may_read:
            problems.append("The token may not read tickets. Give it the permission ticket.agent.")
        elif not may_write:
            problems.append("Our user may change no group's tickets. Give it 'full' or 'change' for them in Zammad.")
        return Capabilities(
            user=as_text(me.get("email")) or as_text(me.get("login")),
            user_id=as_id(me.get("id")),
            may_read=may_read,
            may_write=may_write,
            may_read_articles=self._is_allowed(lambda: self._knowledge({})),
            problems=tuple(problems),
        )

    def read(self, ticket_id: str) -> TicketState:
        """Return a ticket as it stands now: four calls, for the ticket, its articles, its tags and its requester."""
        number = _number(ticket_id)
        record = as_table(self._calls.get(f"/api/v1/tickets/{number}", params=_EXPANDED))
        articles = self._articles_of(number)
        tags = as_table(self._calls.get("/api/v1/tags", params={"object": "Ticket", "o_id": number}))
        return self._state(record, articles=articles, customer=self._customer(record), tags=as_texts(tags.get("tags")))

    def write(self, state: TicketState, change: TicketChange) -> None:
        """Write tags one by one, then fields and note in one request: where the note stands, all has been done."""
        number = _number(state.ticket.id)
        for tag in change.tags:
            self._calls.send("POST", "/api/v1/tags/add", json=_tag(tag, number))
        for tag in change.removed_tags:
            self._calls.send("DELETE", "/api/v1/tags/remove", json=_tag(tag, number))
        body: dict[str, Any] = {
            self._fields[target]: value or None for target, value in change.fields.items() if target in self._fields
        }
        if change.note:
            body["article"] = {"body": change.note, "content_type": "text/plain", "type": "note", "internal": True}
        if body:
            self._calls.send("PUT", f"/api/v1/tickets/{number}", json=body)

    def changed_since(self, since: datetime) -> Iterator[TicketState]:
        """Yield tickets created or changed since a moment, oldest first, without their conversation."""
        for record in self._search("updated_at", since=since):
            yield self._state(record, articles=[], customer={}, tags=())

    def history(self, since: datetime) -> Iterator[HistoryRow]:
        """Yield closed tickets created since a moment: three further calls for each."""
        for record in self._search("created_at", since=since):
            if self._is_closed(record):
                with suppress(TicketGoneError):
                    yield self._row(record)

    def articles(self) -> Iterator[ArticleRow]:
        """Yield the answers of the knowledge base, a row for each translation, but drafts and archived ones."""
        assets = self._knowledge({})
        translations = list(as_table(assets.get("KnowledgeBaseAnswerTranslation")).values())
        answers = as_table(assets.get("KnowledgeBaseAnswer"))
        for start in range(0, len(translations), _PAGE):
            page = as_tables(translations[start : start + _PAGE])
            contents = self._contents(page)
            for translation in page:
                answer = as_table(answers.get(as_id(translation.get("answer_id"))))
                audience = _audience(answer)
                if audience:
                    yield _article(translation, answer, contents, audience=audience)

    def close(self) -> None:
        """Let go of the connections to Zammad."""
        self._calls.close()

    def _is_allowed(self, asked: Callable[[], object]) -> bool:
        try:
            asked()
        except (HelpdeskRefusedError, TicketGoneError):
            return False
        return True

    def _articles_of(self, number: str) -> list[Table]:
        articles = as_tables(self._calls.get(f"/api/v1/ticket_articles/by_ticket/{number}", params=_EXPANDED))
        return sorted(articles, key=lambda article: int(as_id(article.get("id")) or 0))

    def _customer(self, record: Table) -> Table:
        number = as_id(record.get("customer_id"))
        if not number:
            return {}
        # A requester who was erased, or whom we may not see, does not hinder the triage of the ticket.
        with suppress(TicketGoneError, HelpdeskRefusedError):
            return as_table(self._calls.get(f"/api/v1/users/{number}", params=_EXPANDED))
        return {}

    def _state(self, record: Table, *, articles: list[Table], customer: Table, tags: tuple[str, ...]) -> TicketState:
        first = _first(articles)
        is_closed = self._is_closed(record)
        return TicketState(
            ticket=ticket_of(record, customer=customer, article=first, connection=self._connection),
            fields={target: name_of(record.get(place)) for target, place in self._fields.items()},
            tags=frozenset(tags),
            notes=tuple(as_text(one.get("body")) for one in articles if is_internal(one)),
            follow_ups=tuple(as_text(one.get("body")) for one in articles if is_of_customer(one) and one is not first),
            is_answered=any(is_of_agent(one) and one is not first for one in articles),
            is_closed=is_closed,
            is_reopened=bool(record.get("close_at")) and not is_closed,
            version=as_text(record.get("updated_at")),
            updated_at=as_moment(record.get("updated_at")),
            url=f"{self._connection.base_url}/#ticket/zoom/{as_id(record.get('id'))}",
        )

    def _row(self, record: Table) -> HistoryRow:
        number = as_id(record.get("id"))
        articles = self._articles_of(number)
        ticket = ticket_of(
            record, customer=self._customer(record), article=_first(articles), connection=self._connection
        )
        changes = as_tables(as_table(self._calls.get(f"/api/v1/ticket_history/{number}")).get("history"))
        answers = [as_text(one.get("body")) for one in articles if is_of_agent(one)]
        values = {target: name_of(record.get(place)) for target, place in self._fields.items()}
        return replace(
            labelled_row(ticket, values, connection=self._connection),
            resolved_at=as_moment(record.get("last_close_at")) or as_moment(record.get("close_at")),
            first_response_at=as_moment(record.get("first_response_at")),
            reassignments=sum(_is_change(one, of="group") for one in changes),
            reopened=sum(_is_change(one, of="state") and self._leaves_closed(one) for one in changes),
            resolution=answers[-1] if answers else "",
        )

    def _leaves_closed(self, change: Table) -> bool:
        before, after = (as_text(change.get(key)).lower() for key in ("value_from", "value_to"))
        return before in self._closed() and after not in self._closed()

    def _is_closed(self, record: Table) -> bool:
        return name_of(record.get("state")).lower() in self._closed()

    def _closed(self) -> frozenset[str]:
        """Return the names of the states that end a ticket, asked once: sites rename and add them."""
        if self._closed_states is None:
            states: list[Table] = []
            with suppress(HelpdeskRefusedError, TicketGoneError):
                states = as_tables(self._calls.get("/api/v1/ticket_states", params=_EXPANDED))
            ended = {as_text(one.get("name")).lower() for one in states if _ends(one)}
            self._closed_states = frozenset(ended) or CLOSED_STATES
        return self._closed_states

    def _search(self, moment: str, *, since: datetime) -> Iterator[Table]:
        """Yield the tickets whose moment lies at or after another, by that moment.

        A condition needs no search index. After a full page the next one begins at its last moment, since tickets that
        change meanwhile would shift the pages.
        """
        seen: set[tuple[str, str]] = set()
        begin, page = since.astimezone(UTC).isoformat().replace("+00:00", "Z"), 1
        while True:
            records = as_tables(self._calls.get("/api/v1/tickets/search", params=_condition(moment, begin, page=page)))
            for record in records:
                key = (as_id(record.get("id")), as_text(record.get(moment)))
                if key not in seen:
                    seen.add(key)
                    yield record
            if len(records) < _PAGE:
                return
            last = as_text(records[-1].get(moment))
            begin, page = (last, 1) if last and last != begin else (begin, page + 1)

    def _knowledge(self, wanted: Mapping[str, object]) -> Table:
        return as_table(self._calls.send("POST", "/api/v1/knowledge_bases/init", json=dict(wanted)))

    def _contents(self, translations: list[Table]) -> Table:
        """Return the bodies of translations by id: the knowledge base tells them only where asked."""
        numbers = [int(number) for one in translations if (number := as_id(one.get("content_id")))]
        assets = self._knowledge({"answer_translation_content_ids": numbers})
        return as_table(assets.get("KnowledgeBaseAnswerTranslationContent"))


def _number(ticket_id: str) -> str:
    """Return a ticket's id; raise TicketGoneError where it is no number and so could lead to another path."""
    number = as_id(ticket_id)
    if not number:
        raise TicketGoneError(f"'{ticket_id[:40]}' is no ticket of Zammad's: its ids are numbers. See the event's id.")
    return number


def _first(articles: list[Table]) -> Table:
    """Return what opened a ticket: the requester's first article, else the first that is no internal note."""
    public = [article for article in articles if not is_internal(article)]
    return next((article for article in public if is_of_customer(article)), public[0] if public else {})


def _tag(tag: str, number: str) -> dict[str, object]:
    return {"item": tag, "object": "Ticket", "o_id": int(number)}


def _ends(state: Table) -> bool:
    return name_of(state.get("state_type")).lower() in CLOSED_STATES


def _is_change(change: Table, *, of: str) -> bool:
    return change.get("type") == "updated" and change.get("object") == "Ticket" and change.get("attribute") == of


def _condition(moment: str, begin: str, *, page: int) -> Mapping[str, str]:
    return {
        f"condition[ticket.{moment}][operator]": "after (absolute)",
        f"condition[ticket.{moment}][value]": begin,
        "sort_by": moment,
        "order_by": "asc",
        "per_page": str(_PAGE),
        "page": str(page),
        **_EXPANDED,
    }


def _audience(answer: Table) -> str:
    """Return who may read an answer, "" for nobody: it is a draft or archived."""
    if answer.get("archived_at") or not (answer.get("published_at") or answer.get("internal_at")):
        return ""
    return EVERYONE if answer.get("published_at") else AGENTS


def _article(translation: Table, answer: Table, contents: Table, *, audience: str) -> ArticleRow:
    content = as_table(contents.get(as_id(translation.get("content_id"))))
    return ArticleRow(
        id=as_id(translation.get("id")),
        title=as_text(translation.get("title")),
        body=as_text(content.get("body")),
        tags=as_texts(answer.get("tags")),
        audience=audience,
        updated_at=as_moment(translation.get("updated_at")) or as_moment(answer.get("updated_at")),
    )
