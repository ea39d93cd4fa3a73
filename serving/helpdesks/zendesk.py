"""Zendesk Support and its Help Center: the calls, and how its webhooks are signed.

What webhooks say stands in `zendesk_events`, what the API's tickets mean in `zendesk_tickets`.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from features.errors import AuthenticationError, HelpdeskRefusedError, TicketChangedError, TicketGoneError
from features.history import ArticleRow, HistoryRow
from serving.connections import Connection
from serving.helpdesks.calls import Auth, Calls, Throttle
from serving.helpdesks.interface import Capabilities, Delivery, Pace, TicketChange, TicketState, Understood
from serving.helpdesks.payload_values import Table, as_moment, as_table, as_tables, as_text, read_object
from serving.helpdesks.signatures import header_bytes, hmac_digest, is_any_equal, no_secret, require_fresh
from serving.helpdesks.zendesk_events import understood
from serving.helpdesks.zendesk_tickets import (
    Conversation,
    Known,
    article_row,
    has_ended,
    history_row,
    ticket_state,
    ticket_update,
)

_SIGNATURE = "x-zendesk-webhook-signature"
_SIGNED_AT = "x-zendesk-webhook-signature-timestamp"
_DELIVERY_ID = "x-zendesk-webhook-invocation-id"
# Zendesk lets an account update this many tickets a minute.
_UPDATES_PER_MINUTE = 100
# Its export refuses a start within the last minute.
_EXPORT_DELAY = timedelta(seconds=61)
_SIDELOADED = {"include": "users,groups,organizations,metric_sets"}
_PER_PAGE = {"page[size]": "100"}


class Zendesk:
    """One connection to a Zendesk account: by a user's API token, or by an OAuth token where no user is named."""

    def __init__(
        self, connection: Connection, *, clock: Callable[[], datetime], throttle: Throttle | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        token = connection.token.get_secret_value()
        auth: Auth = (f"{connection.user.removesuffix('/token')}/token", token) if connection.user else None
        self._calls = Calls(
            connection.base_url,
            headers={} if auth or not token else {"Authorization": f"Bearer {token}"},
            auth=auth,
            timeout_seconds=connection.timeout_seconds,
            throttle=throttle,
        )
        self._group_ids: dict[str, int] = {}
        self._taggers: dict[str, bool] = {}

    @property
    def pace(self) -> Pace:
        """How often tickets may be updated."""
        return Pace(self._connection.calls_per_minute or _UPDATES_PER_MINUTE, 60)

    # --- webhooks ---------------------------------------------------------------------------------------------

    def verify(self, delivery: Delivery) -> None:
        """Raise AuthenticationError unless the time and the body are signed by one of the connection's secrets."""
        secrets = [one.get_secret_value().encode() for one in self._connection.signing_secrets]
        secrets = [one for one in secrets if one]
        if not secrets:
            raise no_secret(
                self._connection, expected="signing_secrets to the signing secret that Zendesk shows with the webhook"
            )
        signed = header_bytes(delivery, _SIGNED_AT) + delivery.body
        expected = (b64encode(hmac_digest(one, signed, algorithm="sha256")) for one in secrets)
        if not is_any_equal(header_bytes(delivery, _SIGNATURE), expected):
            raise AuthenticationError(
                f"The webhook's signature is not by a secret of the connection '{self._connection.name}'. Copy the "
                "signing secret that Zendesk shows with the webhook into signing_secrets."
            )
        moment = _signed_moment(delivery.headers.get(_SIGNED_AT, ""))
        require_fresh(moment, now=delivery.received_at, tolerance_seconds=self._connection.tolerance_seconds)

    def delivery_key(self, delivery: Delivery) -> str:
        """Return the id of the invocation, which a retry repeats; else a key over the body, which names the event."""
        return delivery.headers.get(_DELIVERY_ID, "") or hashlib.sha256(delivery.body).hexdigest()

    def understand(self, delivery: Delivery) -> Understood:
        """Return what an event subscription or a trigger says; raise DeliveryError for a body that is no object."""
        return understood(read_object(delivery.body), connection=self._connection)

    # --- reading ----------------------------------------------------------------------------------------------

    def check(self) -> Capabilities:
        """Ask Zendesk who we are and whether we may work on tickets and read the Help Center."""
        try:
            user = as_table(as_table(self._calls.get("/api/v2/users/me.json")).get("user"))
        except HelpdeskRefusedError:
            user = {}
        is_staff = as_text(user.get("role")) in ("agent", "admin")
        may_read_articles = is_staff and self._may_read_articles()
        return Capabilities(
            user=as_text(user.get("email")) or as_text(user.get("name")),
            user_id=as_text(user.get("id")),
            may_read=is_staff,
            may_write=is_staff,
            may_read_articles=may_read_articles,
            problems=tuple(self._problems(user, is_staff=is_staff, may_read_articles=may_read_articles)),
        )

    def read(self, ticket_id: str) -> TicketState:
        """Return a ticket with its requester and its comments."""
        reply = as_table(self._calls.get(f"{_path(ticket_id)}.json", params=_SIDELOADED))
        comments, users = self._comments(ticket_id)
        known = Known.told_by(reply)
        known = replace(known, users={**users, **known.users})
        return ticket_state(
            as_table(reply.get("ticket")),
            known=known,
            connection=self._connection,
            conversation=self._conversation(comments, users=known.users),
        )

    def changed_since(self, since: datetime) -> Iterator[TicketState]:
        """Yield the tickets changed since a moment, without their comments."""
        earliest = since.replace(microsecond=0)
        for row, known in self._exported(since):
            updated_at = as_moment(row.get("updated_at"))
            if updated_at is None or updated_at >= earliest:
                yield ticket_state(row, known=known, connection=self._connection)

    def history(self, since: datetime) -> Iterator[HistoryRow]:
        """Yield solved tickets created since a moment; asks for the comments of each, for answers and articles."""
        for row, known in self._exported(since):
            created_at = as_moment(row.get("created_at"))
            if not has_ended(row) or created_at is None or created_at < since:
                continue
            try:
                comments, users = self._comments(as_text(row.get("id")))
            except TicketGoneError:
                continue
            yield history_row(
                row,
                known=known,
                connection=self._connection,
                conversation=self._conversation(comments, users={**known.users, **users}),
            )

    def articles(self) -> Iterator[ArticleRow]:
        """Yield the published articles of the Help Center with their audience."""
        segments = {
            as_text(row.get("id")): row
            for row in self._pages("/api/v2/help_center/user_segments.json", rows="user_segments", may_be_refused=True)
        }
        groups = {str(group_id): name for name, group_id in self._groups().items()} if segments else {}
        for row in self._pages("/api/v2/help_center/articles.json", rows="articles"):
            if row.get("draft") is not True:
                yield article_row(row, segments=segments, groups=groups, connection=self._connection)

    # --- writing ----------------------------------------------------------------------------------------------

    def write(self, state: TicketState, change: TicketChange) -> None:
        """Write fields, tags and an internal note in one request, which Zendesk refuses where the ticket changed."""
        if change.is_empty:
            return
        update = ticket_update(
            state, change, connection=self._connection, group_id=self._group_id, is_tagger=self._is_tagger
        )
        try:
            self._calls.send("PUT", f"{_path(state.ticket.id)}.json", json=update)
        except HelpdeskRefusedError as error:
            # The conflict is documented as 409; where a proxy makes another status of it, its name still tells.
            if "UpdateConflict" in str(error):
                raise TicketChangedError(
                    f"Ticket {state.ticket.id} was changed after it was read. Read it again before writing."
                ) from None
            raise

    def close(self) -> None:
        """Let go of the connections."""
        self._calls.close()

    # --- calls ------------------------------------------------------------------------------------------------

    def _comments(self, ticket_id: str) -> tuple[list[Table], dict[str, Table]]:
        comments: list[Table] = []
        users: dict[str, Table] = {}
        for page in self._replies(f"{_path(ticket_id)}/comments.json", params={"include": "users", **_PER_PAGE}):
            comments += as_tables(page.get("comments"))
            users |= Known.told_by(page).users
        return comments, users

    def _conversation(self, comments: list[Table], *, users: Mapping[str, Table]) -> Conversation:
        return Conversation.of(comments, users=users, own_user_id=self._connection.own_user_id)

    def _exported(self, since: datetime) -> Iterator[tuple[Table, Known]]:
        """Yield every ticket changed since a moment, in the order of change, with what stands beside it."""
        start = min(since, self._clock() - _EXPORT_DELAY)
        params = {"start_time": str(max(0, int(start.timestamp())))}
        while True:
            page = as_table(self._calls.get("/api/v2/incremental/tickets/cursor.json", params=params | _SIDELOADED))
            known = Known.told_by(page)
            for row in as_tables(page.get("tickets")):
                if as_text(row.get("status")) != "deleted":
                    yield row, known
            cursor = as_text(page.get("after_cursor"))
            if page.get("end_of_stream") is not False or not cursor or params.get("cursor") == cursor:
                return
            params = {"cursor": cursor}

    def _pages(self, path: str, *, rows: str, may_be_refused: bool = False) -> Iterator[Table]:
        try:
            for page in self._replies(path, params=_PER_PAGE):
                yield from as_tables(page.get(rows))
        except (HelpdeskRefusedError, TicketGoneError):
            if not may_be_refused:
                raise

    def _replies(self, path: str, *, params: dict[str, str]) -> Iterator[Table]:
        """Yield the pages of a list by cursor."""
        cursor = ""
        while True:
            page = as_table(self._calls.get(path, params=params | ({"page[after]": cursor} if cursor else {})))
            yield page
            meta = as_table(page.get("meta"))
            before, cursor = cursor, as_text(meta.get("after_cursor"))
            if meta.get("has_more") is not True or not cursor or cursor == before:
                return

    def _groups(self) -> dict[str, int]:
        rows = self._pages("/api/v2/groups.json", rows="groups")
        return {
            as_text(row.get("name")): int(as_text(row.get("id"))) for row in rows if as_text(row.get("id")).isdigit()
        }

    def _group_id(self, group: str) -> int:
        if group not in self._group_ids:
            self._group_ids = self._groups()
        if group in self._group_ids:
            return self._group_ids[group]
        if group.isascii() and group.isdigit():
            return int(group)
        raise HelpdeskRefusedError(
            f"Zendesk has no group '{group[:60]}'. Create it, or say in values.group of the connection "
            f"'{self._connection.name}' how Zendesk names it."
        )

    def _is_tagger(self, field_id: str) -> bool:
        """Tell whether a field is a drop-down, whose value Zendesk keeps as a tag."""
        if field_id not in self._taggers:
            reply = as_table(self._calls.get(f"/api/v2/ticket_fields/{field_id}.json"))
            self._taggers[field_id] = as_text(as_table(reply.get("ticket_field")).get("type")) == "tagger"
        return self._taggers[field_id]

    def _may_read_articles(self) -> bool:
        try:
            self._calls.get("/api/v2/help_center/articles.json", params={"page[size]": "1"})
        except (HelpdeskRefusedError, TicketGoneError):
            return False
        return True

    def _problems(self, user: Table, *, is_staff: bool, may_read_articles: bool) -> Iterator[str]:
        if not is_staff:
            yield (
                "Zendesk does not take us for an agent. Set user to the e-mail of an agent and token to an API token, "
                "or token alone to an OAuth token with the scopes read and write."
            )
            return
        if not may_read_articles:
            yield "The Help Center cannot be read. Turn it on, or give our user the right to view it."
        user_id = as_text(user.get("id"))
        if self._connection.own_user_id != user_id:
            yield f'Our own changes come back as webhooks. Set own_user_id = "{user_id}" so that they are known.'


def _path(ticket_id: str) -> str:
    return f"/api/v2/tickets/{quote(ticket_id, safe='')}"


def _signed_moment(stated: str) -> datetime:
    """Return the moment of a signature: Zendesk writes ISO 8601, its recorded examples seconds since 1970."""
    moment = as_moment(stated)
    if moment is None and stated.isascii() and stated.isdigit() and len(stated) <= 11:
        moment = datetime.fromtimestamp(int(stated), UTC)
    if moment is None:
        raise AuthenticationError(
            f"The webhook's header {_SIGNED_AT} holds '{stated[:40]}', which is no time. Send the time that was signed."
        )
    return moment
