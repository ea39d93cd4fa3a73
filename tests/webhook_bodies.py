"""Bodies that a helpdesk, or somebody with its secret, may send to a webhook, each with headers that let it in.

Drawn from what the simulated helpdesks send and from example payloads: whole, with parts exchanged for anything that
JSON can hold, dropped, doubled or nested, and now and then arbitrary JSON or bytes.
"""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from hypothesis import strategies as st

from serving.app import create_app
from serving.connections import Connections, read_connections
from serving.helpdesks.interface import EventKind
from serving.helpdesks.signatures import hmac_digest
from serving.settings import load_settings
from serving.webhooks import Intake
from tests.connected_helpdesk import now, write_connections
from tests.running_service import FolderRegistry, Service
from tests.simulated_helpdesks import freshdesk, generic, jira, servicenow, zammad, zendesk
from tests.simulated_helpdesks.interface import SimulatedHelpdesk
from tests.simulated_helpdesks.tickets import Author

JSON: TypeAlias = Any
Headers: TypeAlias = Mapping[str, str]

PAYLOADS = Path(__file__).resolve().parents[2] / "shared" / "payloads"
HELPDESKS: Mapping[str, type[SimulatedHelpdesk]] = {
    one.vendor: one
    for one in (
        zendesk.SimulatedZendesk,
        freshdesk.SimulatedFreshdesk,
        jira.SimulatedJira,
        servicenow.SimulatedServiceNow,
        zammad.SimulatedZammad,
        generic.SimulatedGeneric,
    )
}
KINDS: Sequence[EventKind | str] = (*EventKind, "agent comment", "internal note", "field change", "own change")
_MOST_CHANGES = 4

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "null", "\x00", "\ud800", "홍길동", "2026-02-30T99:00:00Z", "1e999", "-1", "{{ticket.id}}", "<b><p>"]
    ),
    st.sampled_from(["가" * 20_000, "<div>" * 5_000, " " * 50_000, "a@" * 10_000, "-" * 30_000, "9" * 5_000]),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just(10**30), TEXTS
)
ANYTHING: st.SearchStrategy[JSON] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=12,
)
_DEEP = st.integers(50, 3_000).map(lambda depth: b"[" * depth + b"]" * depth)


@dataclass(frozen=True, slots=True)
class Signed:
    """A body and the headers with which the vendor would send it."""

    headers: Headers
    body: bytes


class WebhookBodies:
    """Draws the bodies of one vendor's webhooks."""

    def __init__(self, helpdesk: SimulatedHelpdesk) -> None:
        self._helpdesk = helpdesk
        self._seeds = [*sent_by(helpdesk), *examples(helpdesk.vendor)]

    def strategy(self) -> st.SearchStrategy[Signed]:
        """Return what draws a signed body."""
        changed = st.builds(encoded, mutated(self._seeds), st.booleans())
        arbitrary = st.builds(encoded, ANYTHING, st.booleans())
        others = st.one_of(arbitrary, st.binary(max_size=200), _DEEP)
        # Most of what is drawn gets as far as a vendor's own reading.
        bodies = st.integers(0, 9).flatmap(lambda drawn: changed if drawn < 9 else others)
        return bodies.map(self.signed)

    def signed(self, body: bytes) -> Signed:
        """Return a body with the headers that its vendor sends, signed as it does."""
        return Signed(_SIGNERS[self._helpdesk.vendor](self._helpdesk, body), body)


def sent_by(helpdesk: SimulatedHelpdesk) -> Iterator[JSON]:
    """Yield what a helpdesk sends of every kind of event of a ticket."""
    ticket = helpdesk.add_ticket("VPN 접속 불가", "재택 중인데 VPN drops every few minutes.", organization="한빛상사")
    helpdesk.say(ticket, "It is urgent.", author=Author.REQUESTER)
    for kind in KINDS:
        yield json.loads(helpdesk.webhook(kind, ticket, delivery=helpdesk.next_delivery()).body)


def examples(vendor: str) -> Iterator[JSON]:
    """Yield the example payloads of a vendor, where they lie beside the repository."""
    for path in sorted(PAYLOADS.glob(f"{vendor}/*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def encoded(value: JSON, is_escaped: bool) -> bytes:
    """Write a value as JSON, as senders do: with or without escapes, halves of characters as they come."""
    return json.dumps(value, ensure_ascii=is_escaped).encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[JSON]) -> JSON:
    """Draw a payload of which up to four places are something else."""
    payload = json.loads(json.dumps(draw(st.sampled_from(seeds))))
    for _ in range(draw(st.integers(0, _MOST_CHANGES))):
        places = list(_places(payload))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        _change(draw, holder, key)
    return payload


def _places(value: JSON) -> Iterator[tuple[JSON, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in members:
        yield value, key
        yield from _places(part)


def _change(draw: st.DrawFn, holder: JSON, key: Any) -> None:
    how = draw(st.sampled_from(("anything", "anything", "text", "drop", "list", "within", "empty")))
    was = holder[key]
    if how == "drop":
        del holder[key]
        return
    changes: Mapping[str, Callable[[], JSON]] = {
        "anything": lambda: draw(ANYTHING),
        "text": lambda: json.dumps(was) if not isinstance(was, str) else draw(TEXTS),
        "list": lambda: [was, was],
        "within": lambda: {"value": was, "display_value": draw(SCALARS)},
        "empty": lambda: type(was)() if was is not None else {},
    }
    holder[key] = changes[how]()


# --- the service that is sent to ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Intaking:
    """A service that takes webhooks of one helpdesk in and works on none of them."""

    service: Service
    helpdesk: SimulatedHelpdesk
    connection: str

    @classmethod
    @contextmanager
    def of(cls, vendor: str, folder: Path) -> Iterator[Intaking]:
        """Run such a service for as long as the block lasts; the helpdesk itself need not answer."""
        helpdesk = HELPDESKS[vendor]()
        connections = connections_to(helpdesk, folder=folder)
        settings = load_settings({"TRIAGE_VAR_DIR": str(folder / "var")})
        service = Service(create_app(settings, model_source=FolderRegistry(folder / "registry")))
        service.start()
        try:
            (name,) = connections.by_name
            with taking_in(service, connections):
                yield cls(service, helpdesk, name)
        finally:
            service.stop()

    def send(self, signed: Signed) -> tuple[int, float]:
        """Send a body and return the status and the seconds that the answer took; what the app raises is raised."""
        began = time.perf_counter()
        content, headers = signed.body, {"Content-Type": "application/json", **signed.headers}
        status = self.service.post(f"/webhooks/{self.connection}", content=content, headers=headers).status_code
        return status, time.perf_counter() - began


def connections_to(*helpdesks: SimulatedHelpdesk, folder: Path) -> Connections:
    """Return connections to helpdesks, which answer no longer."""
    with ExitStack() as running:
        for helpdesk in helpdesks:
            running.enter_context(helpdesk.running())
        return read_connections(write_connections(folder / "connections.toml", *helpdesks), environ={})


@contextmanager
def taking_in(service: Service, connections: Connections) -> Iterator[None]:
    """Let a service that was started without connections take their webhooks in: it has no worker then."""
    state = service.app.state
    deliveries, observer = state.services.storage.deliveries, state.services.telemetry
    intake = Intake(connections, deliveries=deliveries, observer=observer, clock=now)
    service.run(_started(intake))
    without, state.intake = state.intake, intake
    yield
    state.intake = without
    service.run(intake.close())


async def _started(intake: Intake) -> None:
    intake.start()


# --- what lets a body in --------------------------------------------------------------------------------------


def _zendesk(helpdesk: SimulatedHelpdesk, body: bytes) -> Headers:
    signed_at = helpdesk.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac_digest(zendesk.SIGNING_SECRET.encode(), signed_at.encode() + body, algorithm="sha256")
    return {
        "X-Zendesk-Webhook-Invocation-Id": helpdesk.next_delivery(),
        "X-Zendesk-Webhook-Signature": b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": signed_at,
    }


def _jira(helpdesk: SimulatedHelpdesk, body: bytes) -> Headers:
    return {
        "X-Atlassian-Webhook-Identifier": helpdesk.next_delivery(),
        "X-Hub-Signature": "sha256=" + hmac.new(jira.SECRET.encode(), body, "sha256").hexdigest(),
    }


def _zammad(helpdesk: SimulatedHelpdesk, body: bytes) -> Headers:
    return {
        "X-Zammad-Delivery": helpdesk.next_delivery(),
        "X-Hub-Signature": "sha1=" + hmac.new(zammad.SIGNING_SECRET.encode(), body, "sha1").hexdigest(),
    }


def _servicenow(_: SimulatedHelpdesk, __: bytes) -> Headers:
    return {"X-Triage-Secret": servicenow.SECRET}


def _as_it_always_is(helpdesk: SimulatedHelpdesk, _: bytes) -> Headers:
    """Return the headers of any webhook of a helpdesk that signs no body: of one, since it remembers each."""
    ticket = next(iter(helpdesk.tickets.values()))
    return helpdesk.webhook(EventKind.CREATED, ticket, delivery="any").headers


def _generic(helpdesk: SimulatedHelpdesk, body: bytes) -> Headers:
    identity, stamp = helpdesk.next_delivery(), str(int(helpdesk.clock().timestamp()))
    return {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": generic._signature(identity, stamp, body),
    }


_SIGNERS: Mapping[str, Callable[[SimulatedHelpdesk, bytes], Headers]] = {
    "zendesk": _zendesk,
    "freshdesk": _as_it_always_is,
    "jira": _jira,
    "servicenow": _servicenow,
    "zammad": _zammad,
    "generic": _generic,
}
