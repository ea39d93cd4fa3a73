"""What Zendesk's webhooks say, and which of them ask for nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import (
    DeliveryError,
)
from serving.helpdesks.interface import (
    Delivery,
    Event,
    EventKind,
    Ignored,
    IgnoredBecause,
    Understood,
)
from serving.helpdesks.zendesk import Zendesk
from serving.helpdesks.zendesk_events import channel_of, without_heading
from tests.offline_zendesk import NOW, offline

FIXTURES = Path(__file__).parent / "fixtures"


@cache
def known() -> Zendesk:
    """Return one adapter for all that is only understood: each has a client of its own, which takes time to make."""
    return offline()


def told(body: object) -> Understood:
    """Return what a body says."""
    return known().understand(Delivery({}, json.dumps(body).encode(), NOW))


def fixture(name: str) -> dict[str, Any]:
    """Return one of our own payloads."""
    loaded: dict[str, Any] = json.loads((FIXTURES / name).read_text(encoding="utf-8"))
    return loaded


def test_a_korean_subscription_event_is_understood() -> None:
    """Nulls where a value is not set yet are no values, and the time keeps its zone."""
    event = told(fixture("zendesk_created_ko.json"))
    assert isinstance(event, Event)
    assert event.kind is EventKind.CREATED
    assert (event.ticket.id, event.ticket.subject, event.ticket.channel) == ("7012", "이중 결제 환불 요청", "email")
    assert event.ticket.body.startswith("어제 결제한 금액이")
    assert event.ticket.created_at == datetime(2026, 3, 2, 0, 12, 7, tzinfo=UTC)
    assert event.version == "2026-03-02T00:12:07Z"
    assert not event.is_complete


def test_an_english_trigger_is_understood() -> None:
    """A template's heading of author and date is no text of the customer's."""
    event = told(fixture("zendesk_trigger_en.json"))
    assert isinstance(event, Event)
    assert event.kind is EventKind.REQUESTER_REPLIED
    assert event.ticket.body == "The scanner says my code is wrong.\n\nIt worked on Friday."
    assert event.ticket.requester.email == "mina@customer.example"
    assert (event.ticket.id, event.ticket.channel) == ("7013", "portal")


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"comment_is_public": "false"}, IgnoredBecause.INTERNAL_NOTE),
        ({"comment_author_id": 800}, IgnoredBecause.AGENT_COMMENT),
        ({"current_user_id": "900"}, IgnoredBecause.OWN_CHANGE),
        ({"event": "changed"}, IgnoredBecause.FIELD_CHANGE),
        ({"event": "satisfaction"}, IgnoredBecause.UNHANDLED_EVENT),
        ({"ticket_id": "../users/1"}, IgnoredBecause.NO_TICKET),
    ],
)
def test_a_trigger_that_asks_for_nothing_is_ignored(changed: dict[str, Any], because: IgnoredBecause) -> None:
    """A template tells who acted and who may read it."""
    understood = told({**fixture("zendesk_trigger_en.json"), **changed})
    assert isinstance(understood, Ignored)
    assert understood.because is because


def test_every_published_payload_is_taken(published: Path) -> None:
    """What others recorded is understood or ignored."""
    kinds = {}
    for path in sorted((published / "zendesk").glob("*.json")):
        understood = known().understand(Delivery({}, path.read_bytes(), NOW))
        kinds[path.name.partition("__")[0]] = understood.kind if isinstance(understood, Event) else understood.because
    assert kinds == {
        "event_ticket.created": EventKind.CREATED,
        "zendesk-go": IgnoredBecause.UNHANDLED_EVENT,
        "zulip": EventKind.CREATED,
    }


def test_a_rule_of_the_customers_own_stays() -> None:
    """Only a line of author and date between a rule and an empty line is a heading."""
    assert without_heading("-" * 40 + "\n\nApoorva, Feb 3, 2025, 19:59\n\nHello") == "Hello"
    assert without_heading("-" * 40 + "\n\n민아, 2026. 3. 2. 오전 9:12\n\n안녕하세요") == "안녕하세요"
    own = "-" * 40 + "\nOrder 12, 3 pieces\nnever came"
    assert without_heading(own) == own


@pytest.mark.parametrize(
    ("via", "channel"),
    [
        ({"channel": "native_messaging"}, "messenger"),
        ({"channel": "mobile_sdk"}, "in-app"),
        ({"channel": "chat_offline_message"}, "chat"),
        ("Phone call (incoming)", "phone"),
        ("Mail", "email"),
        ({"channel": None}, ""),
        (None, ""),
        ("carrier pigeon", ""),
    ],
)
def test_ways_in_have_our_names(via: object, channel: str) -> None:
    """Events, the API and templates name the ways in differently."""
    assert channel_of(via) == channel


def test_of_a_chat_only_the_customer_is_kept() -> None:
    """An agent's words in a transcript are not what the customer says."""
    chat = "(10:12:01) Mina Park: VPN이 안 돼요\n(10:12:09) Agent: 언제부터인가요?\n(10:12:30) Mina Park: 오늘부터요"
    changed = {"ticket_via": "Chat", "ticket_description": chat}
    event = told({**fixture("zendesk_trigger_en.json"), **changed})
    assert isinstance(event, Event)
    assert event.ticket.body == "VPN이 안 돼요\n오늘부터요"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=12), ANYTHING, max_size=6))
def test_any_object_is_understood_or_ignored(body: dict[str, Any]) -> None:
    """No JSON object makes understanding fail."""
    assert isinstance(told(body), Event | Ignored)


@settings(deadline=None)
@given(st.data())
def test_a_mutated_payload_is_understood_or_ignored(data: st.DataObject) -> None:
    """Whatever stands where a value was expected, nothing fails."""
    name = data.draw(st.sampled_from(["zendesk_created_ko.json", "zendesk_trigger_en.json"]))
    body = fixture(name)
    place = data.draw(st.sampled_from([body, body.get("detail", body)]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(ANYTHING)
    assert isinstance(told(body), Event | Ignored)


@settings(deadline=None)
@given(st.binary(max_size=40) | ANYTHING.filter(lambda one: not isinstance(one, dict)).map(json.dumps).map(str.encode))
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """A body that is no JSON object is said to be none."""
    with pytest.raises(DeliveryError, match="JSON"):
        known().understand(Delivery({}, body, NOW))
