"""A simulated helpdesk: a real HTTP server on loopback that behaves as one vendor does, and a look behind its counter.

Each vendor's file says which requests it answers and how its webhooks look; the server, the faults, the rate limit
and the tickets are the same for all.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, RLock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from serving.helpdesks.interface import EventKind
from tests.simulated_helpdesks.faults import Fault, Faults
from tests.simulated_helpdesks.tickets import Author, Message, SimulatedArticle, SimulatedTicket


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the helpdesk: path without query, header names in lower case, JSON body."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Replied:
    """What the helpdesk answers."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as the vendor sends it: header names as it writes them, raw body."""

    headers: Mapping[str, str]
    body: bytes


class SimulatedHelpdesk(ABC):
    """Base of the simulated vendors. Use `with helpdesk.running():`, or start() and stop().

    A vendor says: `reply(asked)`, `is_authorized(asked)`, `webhook(kind, ticket)`, `connection()`; it changes tickets
    only through the methods here, under `self.lock`.
    """

    vendor = ""
    #: The native value of each target before anybody chose one, such as {"priority": "normal"}.
    default_fields: Mapping[str, str] = {}

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.faults = Faults()
        self.lock = RLock()
        self.tickets: dict[str, SimulatedTicket] = {}
        self.articles: list[SimulatedArticle] = []
        #: (moment, method, path, status) of each call answered.
        self.calls: list[tuple[datetime, str, str, int]] = []
        #: (host, port) of each connection that calls came over.
        self.callers: set[tuple[str, int]] = set()
        self._window: list[float] = []
        self._window_lock = Lock()
        self._server: ThreadingHTTPServer | None = None
        self._deliveries = 0

    # --- what a vendor says -----------------------------------------------------------------------------------

    @abstractmethod
    def reply(self, asked: Asked) -> Replied:
        """Answer an authorised request by the vendor's paths."""

    @abstractmethod
    def is_authorized(self, asked: Asked) -> bool:
        """Tell whether a request carries what the vendor asks for."""

    @abstractmethod
    def webhook(self, kind: EventKind | str, ticket: SimulatedTicket, *, delivery: str = "") -> Webhook:
        """Return the signed webhook that tells of an event of a ticket; the same `delivery` twice is a duplicate.

        Other kinds than EventKind: "agent comment", "internal note", "field change", "own change".
        """

    @abstractmethod
    def connection(self) -> dict[str, Any]:
        """Return the table of a connection to this helpdesk, as in the file of connections, all targets on autofill."""

    # --- what people do ---------------------------------------------------------------------------------------

    def add_ticket(self, subject: str, body: str, **known: Any) -> SimulatedTicket:
        """File a ticket as a requester would."""
        with self.lock:
            ticket = SimulatedTicket(
                id=known.pop("id", None) or str(1_000 + len(self.tickets)),
                subject=subject,
                body=body,
                requester_email=known.pop("requester_email", "mina@customer.example"),
                created_at=self.clock(),
                updated_at=self.clock(),
                **known,
            )
            ticket.fields = {**self.default_fields, **ticket.fields}
            self.tickets[ticket.id] = ticket
            return ticket

    def say(self, ticket: SimulatedTicket, text: str, *, author: Author, is_public: bool = True) -> None:
        """Add a message to a ticket's conversation, or an internal note."""
        with self.lock:
            ticket.messages.append(Message(text, author, is_public, self.clock()))
            ticket.touch(self.clock())

    def set_field(self, ticket: SimulatedTicket, target: str, value: str, *, author: Author) -> None:
        """Set a field of a ticket."""
        with self.lock:
            ticket.fields[target] = value
            ticket.set_by[target] = author
            ticket.touch(self.clock())

    def close_ticket(self, ticket: SimulatedTicket) -> None:
        """Close a ticket, as a person would."""
        with self.lock:
            ticket.status, ticket.closed_at = "closed", self.clock()
            ticket.touch(self.clock())

    def next_delivery(self) -> str:
        """Return a delivery id not used before."""
        with self.lock:
            self._deliveries += 1
            return f"delivery-{self._deliveries:06d}"

    # --- the server -------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the helpdesk answers."""
        assert self._server is not None, "start() the helpdesk first"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self, *, port: int = 0) -> None:
        """Listen on loopback."""
        helpdesk = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                helpdesk._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextmanager
    def running(self) -> Iterator[SimulatedHelpdesk]:
        """Listen for as long as the block lasts."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        raw = handler.rfile.read(length)
        parts = urlsplit(handler.path)
        asked = Asked(
            handler.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in handler.headers.items()},
            json.loads(raw) if raw else None,
        )
        if self.faults.slow_seconds:
            time.sleep(self.faults.slow_seconds)
        replied, is_cut = self._answer(asked)
        with self.lock:
            self.calls.append((self.clock(), asked.method, asked.path, replied.status))
            self.callers.add(handler.client_address)
        content = b"" if replied.body is None else json.dumps(replied.body, ensure_ascii=False).encode()
        try:
            handler.send_response(replied.status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(content)))
            for name, value in replied.headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(content[: len(content) // 2] if is_cut else content)
        except ConnectionError:
            return
        if is_cut:
            handler.close_connection = True

    def _answer(self, asked: Asked) -> tuple[Replied, bool]:
        if self.faults.is_down:
            return Replied(503), False
        limited = self._over_limit()
        if limited is not None:
            return limited, False
        if not self.is_authorized(asked):
            return Replied(401, {"error": "Couldn't authenticate you"}), False
        fault = self.faults.draw()
        if fault is Fault.FAILS:
            return Replied(500, {"error": "internal"}), False
        with self.lock:
            replied = self.reply(asked)
        if fault is Fault.FAILS_AFTER:
            return Replied(502, {"error": "bad gateway"}), False
        return replied, fault is Fault.CUT and replied.body is not None

    def _over_limit(self) -> Replied | None:
        limit = self.faults.calls_per_minute
        if not limit:
            return None
        now = self.clock().timestamp()
        with self._window_lock:
            self._window = [moment for moment in self._window if moment > now - 60]
            if len(self._window) >= limit:
                wait = max(1, round(60 - (now - self._window[0])))
                return Replied(429, {"error": "too many"}, {"Retry-After": str(wait)})
            self._window.append(now)
        return None
