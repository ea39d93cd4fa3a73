"""What ServiceNow's rules say of an incident, in any envelope."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import (
    DeliveryError,
)
from serving.helpdesks.interface import Event, EventKind, Ignored, IgnoredBecause, Understood
from tests.offline_servicenow import delivered, offline

# One incident as the Table API gives it, as a script flattens it, and as people see it.
KOREAN_ROW: dict[str, Any] = {
    "sys_id": "5f2c1d9a8b7e4c3fa1b2c3d4e5f60718",
    "number": "INC0012345",
    "sys_class_name": "incident",
    "sys_mod_count": "0",
    "short_description": "VPN 접속이 안 됩니다",
    "description": "오늘 아침부터 VPN에 붙지 않습니다.\r\n오류 코드 E-809",
    "contact_type": "self-service",
    "state": "1",
    "active": "true",
    "impact": "3",
    "urgency": "3",
    "priority": "5",
    "category": "inquiry",
    "assignment_group": "",
    "caller_id": {"link": "https://now.example/api/now/table/sys_user/77", "value": "77" * 16},
    "opened_at": "2026-03-02 08:59:30",
    "sys_updated_on": "2026-03-02 08:59:31",
}


ENGLISH_ROW: dict[str, Any] = {
    **{name: {"value": value, "display_value": value} for name, value in KOREAN_ROW.items() if name != "caller_id"},
    "short_description": {"value": "Printer on 3F jams", "display_value": "Printer on 3F jams"},
    "description": {"value": "It jams on every second page.", "display_value": "It jams on every second page."},
    "contact_type": {"value": "email", "display_value": "Email"},
    "assignment_group": {"value": "ab" * 16, "display_value": "Workplace"},
    "caller_id": {"value": "77" * 16, "display_value": "Mina Park"},
    "caller_id.email": {"value": "mina@customer.example", "display_value": "mina@customer.example"},
    "company": {"value": "cd" * 16, "display_value": "Haneul Foods"},
}


def _understood(body: object) -> Understood:
    return offline().understand(delivered(body))


@pytest.mark.parametrize("wrapped", [KOREAN_ROW, {"record": KOREAN_ROW}, {"event": "created", **KOREAN_ROW}])
def test_new_korean_incident_is_understood_in_any_envelope(wrapped: dict[str, Any]) -> None:
    """A first state is a creation, with its text as sent; who asks must still be read."""
    event = _understood(wrapped)
    assert isinstance(event, Event)
    assert event.kind is EventKind.CREATED
    assert (event.ticket.id, event.ticket.subject) == (KOREAN_ROW["sys_id"], "VPN 접속이 안 됩니다")
    assert event.ticket.body == KOREAN_ROW["description"]
    assert (event.ticket.channel, event.ticket.requester.id, event.version) == ("portal", "77" * 16, "0")
    assert event.ticket.created_at == datetime(2026, 3, 2, 8, 59, 30, tzinfo=UTC)
    assert not event.is_complete


def test_shown_values_make_a_delivery_complete() -> None:
    """Where a script sends shown values and the caller's e-mail, nothing is left to read: a reference has its name."""
    event = _understood(ENGLISH_ROW)
    assert isinstance(event, Event)
    assert event.is_complete
    assert event.ticket.requester.email == "mina@customer.example"
    assert event.ticket.requester.organization == "Haneul Foods"
    assert (event.ticket.group, event.ticket.channel) == ("Workplace", "email")


def test_minimal_variant_names_its_ticket() -> None:
    """A script may send no more than which incident it is about."""
    event = _understood({"sys_id": "ab" * 16, "number": "INC0000007", "sys_mod_count": 0, "table": "incident"})
    assert isinstance(event, Event)
    assert (event.kind, event.ticket.id) == (EventKind.CREATED, "ab" * 16)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"comments": "Still down", "sys_updated_by": "mina", "caller_id_user_name": "mina"}, "requester replied"),
        ({"comments": "Have you restarted?", "sys_updated_by": "kim"}, IgnoredBecause.AGENT_COMMENT),
        ({"work_notes": "looks like DNS", "sys_updated_by": "kim"}, IgnoredBecause.INTERNAL_NOTE),
        ({"urgency": "1"}, IgnoredBecause.FIELD_CHANGE),
        ({"state": "7", "active": "false", "previous_state": "2"}, EventKind.CLOSED),
        ({"state": "2", "previous_state": "6"}, EventKind.REOPENED),
        ({"event": "reopened"}, EventKind.REOPENED),
        ({"event": "escalated"}, IgnoredBecause.UNHANDLED_EVENT),
        ({"sys_updated_by": "triage.bot"}, IgnoredBecause.OWN_CHANGE),
        ({"sys_class_name": "problem"}, IgnoredBecause.NO_TICKET),
        ({"sys_id": "", "number": None}, IgnoredBecause.NO_TICKET),
    ],
)
def test_later_states_tell_what_happened(changes: dict[str, Any], expected: EventKind | IgnoredBecause | str) -> None:
    """Comments, notes, closing and reopening are told apart by the row, or by the event where it is stated."""
    said = _understood({**KOREAN_ROW, "sys_mod_count": "4", **changes})
    assert (said.because if isinstance(said, Ignored) else said.kind) == expected


def test_delivery_key_is_shared_by_equal_deliveries_alone() -> None:
    """Without an id of the vendor's, what was sent is the key."""
    desk = offline()
    key = desk.delivery_key(delivered(KOREAN_ROW))
    assert key == desk.delivery_key(delivered(KOREAN_ROW))
    assert key != desk.delivery_key(delivered({**KOREAN_ROW, "sys_mod_count": "1"}))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000])
def test_body_that_is_no_object_is_refused(body: bytes) -> None:
    """What is no JSON object is an error that says so."""
    with pytest.raises(DeliveryError, match="webhook's body is"):
        offline().understand(delivered(body))


# A client takes longer to build than all that is asked of it here.
_DESK = offline()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "x"]), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(changes=st.dictionaries(st.sampled_from([*ENGLISH_ROW, "event", "record", "comments", "table"]), _VALUES))
def test_no_odd_value_breaks_the_understanding(changes: dict[str, Any]) -> None:
    """Any JSON in any place of a row is understood or ignored."""
    delivery = delivered({**ENGLISH_ROW, **changes})
    assert isinstance(_DESK.understand(delivery), Event | Ignored)
    assert _DESK.delivery_key(delivery)


def test_published_rows_are_understood(published: Path) -> None:
    """Every published example gives an event or asks for nothing."""
    for path in sorted((published / "servicenow").glob("*.json")):
        said = _understood(json.loads(path.read_bytes()))
        assert isinstance(said, Event | Ignored)
        if "empty_text" in path.name:
            assert isinstance(said, Event)
            assert (said.kind, said.ticket.body) == (EventKind.CREATED, "")
