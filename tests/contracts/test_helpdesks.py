"""What holds for every helpdesk: a new ticket comes in by its webhook, is read, scored and written back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from features.decisions import Policy
from serving.app import create_app
from serving.helpdesks.interface import EventKind
from serving.notes import markers_in
from serving.served_models import ServedModel
from serving.settings import load_settings
from tests.running_service import FolderRegistry, Service, wait_until
from tests.simulated_helpdesks.freshdesk import SimulatedFreshdesk
from tests.simulated_helpdesks.generic import SimulatedGeneric
from tests.simulated_helpdesks.interface import SimulatedHelpdesk, Webhook
from tests.simulated_helpdesks.jira import SimulatedJira
from tests.simulated_helpdesks.servicenow import SimulatedServiceNow
from tests.simulated_helpdesks.tickets import Author, SimulatedTicket
from tests.simulated_helpdesks.zammad import SimulatedZammad
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

VENDORS = (
    SimulatedZendesk,
    SimulatedFreshdesk,
    SimulatedJira,
    SimulatedServiceNow,
    SimulatedZammad,
    SimulatedGeneric,
)
KOREAN = ("VPN 접속이 안 됩니다", "재택 중인데 VPN 연결이 계속 끊겨서 업무를 못 하고 있습니다. 확인 부탁드립니다.")
ENGLISH = ("VPN keeps dropping", "I work from home and the VPN connection drops every few minutes. Please help.")


class EverythingRuns:
    """Lets every target of every ticket run unattended, whatever its probability."""

    def in_force(self, model: ServedModel, *, connection: str) -> Mapping[str, Policy]:  # noqa: ARG002
        policy = Policy(suggest_from=0.0, autofill_from=0.0)
        return dict.fromkeys(model.bundle.classifiers, policy)


class Site:
    """A service at work, connected to one simulated helpdesk."""

    def __init__(self, service: Service, helpdesk: SimulatedHelpdesk) -> None:
        self.service = service
        self.helpdesk = helpdesk

    def send(self, webhook: Webhook) -> dict[str, Any]:
        """Send a webhook and return what it was answered."""
        name = self.helpdesk.connection()["name"]
        answered = self.service.post(f"/webhooks/{name}", content=webhook.body, headers=dict(webhook.headers))
        assert answered.status_code in (200, 202), answered.text
        reply: dict[str, Any] = answered.json()
        return reply

    def tell(self, kind: EventKind | str, ticket: SimulatedTicket) -> dict[str, Any]:
        """Send a webhook of an event, and wait until what it asks for is done."""
        reply = self.send(self.helpdesk.webhook(kind, ticket, delivery=self.helpdesk.next_delivery()))
        self.wait()
        return reply

    def wait(self) -> None:
        """Wait until no delivery waits for work."""
        deliveries = self.service.app.state.services.storage.deliveries
        try:
            wait_until(lambda: deliveries.counts()["accepted"] == 0)
        except AssertionError:
            raise AssertionError([(one.state, one.attempts, one.last_error) for one in deliveries.list()]) from None

    def outcomes(self, ticket: SimulatedTicket) -> list[str]:
        """Return what became of each delivery of a ticket, oldest first."""
        deliveries = self.service.app.state.services.storage.deliveries.list(limit=1_000)
        listed = [one for one in deliveries if one.ticket_id == ticket.id]
        assert not [one.last_error for one in listed if one.state == "dead"]
        return [one.outcome for one in reversed(listed)]


@pytest.fixture(scope="module", params=VENDORS, ids=lambda vendor: vendor.vendor)
def helpdesk(request: pytest.FixtureRequest) -> Iterator[SimulatedHelpdesk]:
    with request.param().running() as running:
        yield running


@pytest.fixture(scope="module")
def site(helpdesk: SimulatedHelpdesk, sample_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp_path = tmp_path_factory.mktemp(helpdesk.vendor)
    registry = FolderRegistry(tmp_path / "registry")
    registry.register(sample_bundle)
    connections = tmp_path / "connections.toml"
    connections.write_text(_toml({**helpdesk.connection(), "calls_per_minute": 100_000}), encoding="utf-8")
    settings = load_settings(
        {
            "TRIAGE_VAR_DIR": str(tmp_path / "var"),
            "TRIAGE_CONNECTIONS": str(connections),
            "TRIAGE_PUBLIC_URL": "https://triage.example",
            "TRIAGE_SWEEP_MINUTES": "0",
        }
    )
    service = Service(create_app(settings, model_source=registry, policies=EverythingRuns()))
    service.start()
    service.wait_until_ready()
    yield Site(service, helpdesk)
    service.stop()


def _toml(table: Mapping[str, Any]) -> str:
    """Write a connection's table as the file of connections holds it."""
    name = table["name"]
    plain = {key: value for key, value in table.items() if key != "name" and not isinstance(value, Mapping)}
    lines = [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items())]
    for key, value in table.items():
        if not isinstance(value, Mapping):
            continue
        lines.append(f"[{name}.{key}]")
        for inner, given in value.items():
            if isinstance(given, Mapping):
                given = "{" + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in given.items()) + "}"
                lines.append(f"{json.dumps(inner)} = {given}")
            else:
                lines.append(f"{json.dumps(inner)} = {json.dumps(given, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("said", [KOREAN, ENGLISH], ids=["ko", "en"])
def test_new_ticket_is_written_back(site: Site, said: tuple[str, str]) -> None:
    """A new ticket is scored and written back: one internal note, no public word, no change of status."""
    ticket = site.helpdesk.add_ticket(*said)
    before = dict(ticket.fields)
    reply = site.tell(EventKind.CREATED, ticket)
    assert reply["accepted"]
    assert site.outcomes(ticket) == ["written"]
    assert len(ticket.notes) == 1
    assert len(markers_in(ticket.notes[0])) == 1
    assert ticket.public_messages_of_ours == []
    assert ticket.status == "open"
    assert ticket.fields != before, "no field was written"
    assert any(by is Author.US for by in ticket.set_by.values()) or ticket.set_by == {}


def test_duplicate_deliveries_write_once(site: Site) -> None:
    """A delivery that comes three times is worked on once."""
    ticket = site.helpdesk.add_ticket(*ENGLISH)
    webhook = site.helpdesk.webhook(EventKind.CREATED, ticket, delivery=site.helpdesk.next_delivery())
    replies = [site.send(webhook) for _ in range(3)]
    site.wait()
    assert [reply["duplicate"] for reply in replies] == [False, True, True]
    assert len(ticket.notes) == 1


def test_persons_value_is_left(site: Site) -> None:
    """What a person has set stays, and the note says so."""
    ticket = site.helpdesk.add_ticket(*ENGLISH)
    target, value = persons_choice(site.helpdesk)
    site.helpdesk.set_field(ticket, target, value, author=Author.AGENT)
    site.tell(EventKind.CREATED, ticket)
    assert ticket.fields[target] == value
    assert len(ticket.notes) == 1


def test_follow_up_is_rescored_once_and_agents_words_never(site: Site) -> None:
    """The requester's follow-up before an answer is scored once more; an agent's comment, a note, a field are not."""
    helpdesk = site.helpdesk
    ticket = helpdesk.add_ticket(*ENGLISH)
    site.tell(EventKind.CREATED, ticket)
    helpdesk.say(ticket, "It is urgent: the whole office cannot connect at all.", author=Author.REQUESTER)
    site.tell(EventKind.REQUESTER_REPLIED, ticket)
    site.tell(EventKind.REQUESTER_REPLIED, ticket)
    # The second is a duplicate where the vendor has no delivery id, and scored already where it has.
    assert site.outcomes(ticket).count("written") == 2
    helpdesk.say(ticket, "We are looking into it.", author=Author.AGENT)
    for kind in ("agent comment", "internal note", "field change", "own change"):
        assert not site.tell(kind, ticket)["accepted"], kind
    assert len(ticket.notes) == 2


def test_failures_of_the_helpdesk_lose_and_double_nothing(site: Site) -> None:
    """A helpdesk that fails four calls in ten, some after the work was done, has one note a ticket in the end."""
    site.helpdesk.faults.failing_share = 0.4
    tickets = [site.helpdesk.add_ticket(f"VPN {number} drops", ENGLISH[1]) for number in range(5)]
    for ticket in tickets:
        site.send(site.helpdesk.webhook(EventKind.CREATED, ticket, delivery=site.helpdesk.next_delivery()))
    wait_until(lambda: site.service.app.state.services.storage.deliveries.counts()["accepted"] < 5)
    site.helpdesk.faults.failing_share = 0.0
    site.wait()
    assert [len(ticket.notes) for ticket in tickets] == [1] * 5


def test_closed_ticket_brings_its_final_values(site: Site) -> None:
    """At close, what we wrote and nobody touched is unconfirmed, and what a person changed is the person's."""
    helpdesk = site.helpdesk
    ticket = helpdesk.add_ticket(*ENGLISH)
    site.tell(EventKind.CREATED, ticket)
    target, value = persons_choice(helpdesk)
    helpdesk.set_field(ticket, target, value, author=Author.AGENT)
    helpdesk.close_ticket(ticket)
    site.tell(EventKind.CLOSED, ticket)
    all_closings = site.service.app.state.services.storage.closings.closings()
    closings = [one for one in all_closings if one.ticket_id == ticket.id]
    assert len(closings) == 1
    values = closings[0].values
    assert values[target].is_confirmed
    written = [name for name, by in ticket.set_by.items() if by is Author.US and name in values and name != target]
    assert not any(values[name].is_confirmed for name in written)


def test_changed_signature_is_refused(site: Site) -> None:
    """A body of which one bit is another than what was signed is refused, and nothing is kept."""
    ticket = site.helpdesk.add_ticket(*ENGLISH)
    webhook = site.helpdesk.webhook(EventKind.CREATED, ticket, delivery="tampered")
    headers = {name: value for name, value in webhook.headers.items() if "content" not in name.lower()}
    broken = {name: value[:-2] + ("0" if value[-2] != "0" else "1") + value[-1] for name, value in headers.items()}
    name = site.helpdesk.connection()["name"]
    answered = site.service.post(f"/webhooks/{name}", content=webhook.body, headers=broken)
    assert answered.status_code == 401
    assert answered.headers["content-type"] == "application/problem+json"


def persons_choice(helpdesk: SimulatedHelpdesk) -> tuple[str, str]:
    """Return a target that the helpdesk keeps, and a value that a person may choose and our model does not know."""
    choices: dict[str, Callable[[], tuple[str, str]]] = {
        "servicenow": lambda: ("group", "Facilities"),
        "jira": lambda: ("priority", "Lowest"),
        "zendesk": lambda: ("priority", "urgent"),
        "freshdesk": lambda: ("priority", "urgent"),
        "zammad": lambda: ("priority", "3 high"),
    }
    return choices.get(helpdesk.vendor, lambda: ("priority", "urgent"))()
