"""Any helpdesk that can send and take Standard Webhooks: what no other file here speaks to, or a site's own relay.

Taking: webhooks signed by `signing_secrets` (`whsec_` and base64; another secret counts as its text). Giving: a
suggestion is a signed webhook `{"type": "triage.suggestion", "timestamp", "data": {"ticket_id", "version", "fields",
"tags", "removed_tags", "note"}}` posted to `base_url`; its `webhook-id` is the same whenever the same suggestion is
sent again, so that the receiver can tell it. The receiver answers 409 where the ticket has changed since `version`.
Reading, all optional (404 where there is none), with `token` as a bearer: `GET base_url/tickets/ID`,
`GET base_url/tickets?updated_since=MOMENT` or `?created_since=MOMENT&status=closed`, and `GET base_url/articles`, each
a list `{"tickets": [...], "next": CURSOR}` that goes on at `&cursor=CURSOR`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from json import dumps
from urllib.parse import quote, urlsplit

import httpx

from features.articles import EVERYONE
from features.errors import AuthenticationError, HelpdeskRefusedError, TicketGoneError
from features.history import ArticleRow, HistoryRow
from serving.connections import Connection
from serving.helpdesks.calls import Calls, Throttle
from serving.helpdesks.generic_events import SUGGESTION, ticket_state, understood
from serving.helpdesks.history_rows import labelled_row
from serving.helpdesks.interface import Capabilities, Delivery, Pace, TicketChange, TicketState, Understood
from serving.helpdesks.payload_values import (
    Table,
    as_count,
    as_moment,
    as_table,
    as_tables,
    as_text,
    as_texts,
    read_object,
)
from serving.helpdesks.signatures import (
    header_bytes,
    hmac_digest,
    is_any_equal,
    no_secret,
    require_basic_or_header,
    require_fresh,
)

_PREFIX = "whsec_"
_VERSION = "v1,"
_DEFAULT_CALLS_PER_MINUTE = 120
_MOST_PAGES = 100_000


class Generic:
    """A helpdesk of no known vendor as it is connected to us."""

    def __init__(
        self, connection: Connection, *, clock: Callable[[], datetime], throttle: Throttle | None = None
    ) -> None:
        self._connection, self._clock = connection, clock
        parts = urlsplit(connection.base_url)
        self._path = parts.path
        token = connection.token.get_secret_value()
        self._calls = Calls(
            f"{parts.scheme}://{parts.netloc}",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout_seconds=connection.timeout_seconds,
            throttle=throttle,
        )

    @property
    def pace(self) -> Pace:
        """What the connection says, else two calls a second."""
        return Pace(self._connection.calls_per_minute or _DEFAULT_CALLS_PER_MINUTE, 60)

    def verify(self, delivery: Delivery) -> None:
        """Raise AuthenticationError unless the delivery is signed by a secret of ours and fresh.

        A sender that cannot sign may use basic authentication, where the connection names passwords.
        """
        is_signed = "webhook-signature" in delivery.headers
        if self._connection.webhook_passwords and not is_signed:
            require_basic_or_header(delivery, self._connection)
            return
        secrets = _secrets(self._connection)
        if not secrets:
            raise no_secret(self._connection, expected="signing_secrets")
        identity, stamp = header_bytes(delivery, "webhook-id"), header_bytes(delivery, "webhook-timestamp")
        expected = [signature(one, identity, stamp, delivery.body).encode() for one in secrets]
        presented = header_bytes(delivery, "webhook-signature").split()[:20]
        if not identity or not any(is_any_equal(one, expected) for one in presented):
            raise AuthenticationError(
                f"The webhook's webhook-signature is not that of a secret of the connection '{self._connection.name}'. "
                "Sign by Standard Webhooks (v1) with the secret in signing_secrets."
            )
        require_fresh(_moment(stamp), now=delivery.received_at, tolerance_seconds=self._connection.tolerance_seconds)

    def delivery_key(self, delivery: Delivery) -> str:
        """Return the sender's id of the message, which its retries share, else a key over the body."""
        stated = delivery.headers.get("webhook-id", "") or delivery.headers.get("ce-id", "")
        return stated.strip()[:200] or sha256(delivery.body).hexdigest()

    def understand(self, delivery: Delivery) -> Understood:
        """Return what a delivery says; raise DeliveryError where its body is no JSON object."""
        return understood(read_object(delivery.body), headers=delivery.headers, connection=self._connection)

    def check(self) -> Capabilities:
        """Tell whether tickets and articles can be read; nothing is written, so writing is judged by the settings."""
        problems = []
        try:
            may_write = bool(self._connection.base_url and _secrets(self._connection))
        except AuthenticationError as error:
            may_write = False
            problems.append(str(error))
        if not may_write:
            problems.append("Suggestions cannot be sent. Set base_url and signing_secrets.")
        may_read = self._answers("/tickets")
        if not may_read:
            problems.append("Tickets cannot be read again, only events are known. Let base_url/tickets answer.")
        return Capabilities(
            user=self._connection.user,
            user_id=self._connection.own_user_id,
            may_read=may_read,
            may_write=may_write,
            may_read_articles=self._answers("/articles"),
            problems=tuple(problems),
        )

    def read(self, ticket_id: str) -> TicketState:
        """Return a ticket as `base_url/tickets/ID` tells it; TicketGoneError where that is not served."""
        # These two would lead to another path.
        if ticket_id in ("", ".", ".."):
            raise TicketGoneError(f"'{ticket_id}' is no ticket's id. See the place of the id in event_fields.")
        answer = as_table(self._get(f"/tickets/{quote(ticket_id, safe='')}"))
        record = as_table(answer.get("ticket")) or answer
        return ticket_state({"id": ticket_id, **record}, connection=self._connection)

    def write(self, state: TicketState, change: TicketChange) -> None:
        """Post the suggestion, signed by every secret, so that the receiver may rotate its own."""
        secrets = _secrets(self._connection)
        if not (secrets and self._connection.base_url):
            raise HelpdeskRefusedError(
                f"The connection '{self._connection.name}' cannot send suggestions. Set base_url and signing_secrets."
            )
        now = self._clock()
        message = _message(state, change, now=now)
        identity = self._identity(message)
        # The library's own request, so that what is signed is to the byte what is sent.
        content = httpx.Request("POST", self._connection.base_url, json=message).content
        stamp = str(int(now.timestamp()))
        signatures = (signature(one, identity.encode(), stamp.encode(), content) for one in secrets)
        headers = {"webhook-id": identity, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}
        self._calls.send("POST", self._path or "/", json=message, headers=headers)

    def changed_since(self, since: datetime) -> Iterator[TicketState]:
        """Yield tickets changed since a moment, where they are served."""
        for record in self._listed("tickets", {"updated_since": since.astimezone(UTC).isoformat()}):
            yield ticket_state(record, connection=self._connection)

    def history(self, since: datetime) -> Iterator[HistoryRow]:
        """Yield closed tickets created since a moment, where they are served."""
        wanted = {"created_since": since.astimezone(UTC).isoformat(), "status": "closed"}
        for record in self._listed("tickets", wanted):
            state = ticket_state(record, connection=self._connection)
            if state.is_closed:
                yield _row(state, record, connection=self._connection)

    def articles(self) -> Iterator[ArticleRow]:
        """Yield the articles, where they are served."""
        for record in self._listed("articles", {}):
            yield ArticleRow(
                id=as_text(record.get("id")),
                title=as_text(record.get("title")),
                body=as_text(record.get("body")),
                language=as_text(record.get("language")),
                url=as_text(record.get("url")),
                tags=as_texts(record.get("tags"), separator=","),
                audience=as_text(record.get("audience")) or EVERYONE,
                updated_at=as_moment(record.get("updated_at")),
            )

    def close(self) -> None:
        """Let go of the connections to the helpdesk."""
        self._calls.close()

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> object:
        if not self._connection.base_url:
            raise TicketGoneError(
                f"The connection '{self._connection.name}' has no base_url, so nothing can be read. Set it."
            )
        return self._calls.get(f"{self._path}{path}", params=params)

    def _answers(self, path: str) -> bool:
        try:
            self._get(path)
        except (TicketGoneError, HelpdeskRefusedError):
            return False
        return True

    def _listed(self, name: str, wanted: Mapping[str, str]) -> Iterator[Table]:
        """Yield the objects of a list, page by page; nothing where it is not served."""
        cursor = ""
        for _ in range(_MOST_PAGES):
            page: Table = {}
            with suppress(TicketGoneError):
                page = as_table(self._get(f"/{name}", {**wanted, **({"cursor": cursor} if cursor else {})}))
            yield from as_tables(page.get(name))
            following = as_text(page.get("next"))
            if not following or following == cursor:
                return
            cursor = following

    def _identity(self, message: Table) -> str:
        """Return the id of a suggestion; the ticket's version is no part of it, since it changes between tries."""
        data = {name: value for name, value in message["data"].items() if name != "version"}
        told = dumps([self._connection.name, data], sort_keys=True)
        return f"msg_{sha256(told.encode()).hexdigest()[:32]}"


def signature(secret: bytes, identity: bytes, stamp: bytes, body: bytes) -> str:
    """Return the signature of a message by Standard Webhooks, version 1."""
    digest = hmac_digest(secret, b".".join((identity, stamp, body)), algorithm="sha256")
    return _VERSION + b64encode(digest).decode()


def _secrets(connection: Connection) -> list[bytes]:
    """Return the keys of the connection's secrets; raise AuthenticationError for one that is no base64."""
    keys = []
    for secret in connection.signing_secrets:
        text = secret.get_secret_value()
        try:
            keys.append(
                b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else text.encode()
            )
        except (Base64Error, ValueError):
            raise AuthenticationError(
                f"A signing secret of the connection '{connection.name}' begins with whsec_ and is not base64 then. "
                "Copy it anew."
            ) from None
    return [key for key in keys if key]


def _moment(stamp: bytes) -> datetime:
    seconds = as_count(stamp.decode("latin-1"))
    # Later than the year 9999 there is no moment.
    if seconds is None or seconds > 253_402_300_799:
        raise AuthenticationError("The webhook's webhook-timestamp is no time. Send whole seconds since 1970.")
    return datetime.fromtimestamp(seconds, UTC)


def _message(state: TicketState, change: TicketChange, *, now: datetime) -> Table:
    return {
        "type": SUGGESTION,
        "timestamp": now.astimezone(UTC).isoformat(),
        "data": {
            "ticket_id": state.ticket.id,
            "version": state.version,
            "fields": dict(change.fields),
            "tags": list(change.tags),
            "removed_tags": list(change.removed_tags),
            "note": change.note,
        },
    }


def _row(state: TicketState, record: Table, *, connection: Connection) -> HistoryRow:
    return replace(
        labelled_row(state.ticket, state.fields, connection=connection),
        article_ids=as_texts(record.get("article_ids"), separator=","),
        resolved_at=as_moment(record.get("resolved_at")),
        first_response_at=as_moment(record.get("first_response_at")),
        reassignments=as_count(record.get("reassignments")),
        reopened=as_count(record.get("reopened")),
        resolution=as_text(record.get("resolution")),
    )
