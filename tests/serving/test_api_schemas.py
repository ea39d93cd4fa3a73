"""Tickets as helpdesks send them: much is understood, and what is not is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tickets import Requester, Ticket
from serving.api_schemas import (
    LONGEST_ATTRIBUTE,
    LONGEST_FIELD,
    MOST_ATTRIBUTES,
    InvalidTicketError,
    read_ticket,
    read_tickets,
)
from serving.triage import IncomingTicket

NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("id", "subject", "body", "channel", "requester", "product", "group", "language", "created_at", "attributes")
SEOUL = timezone(timedelta(hours=9))


def read(sent: object, *, max_text_characters: int = 1_000) -> IncomingTicket:
    return read_ticket(sent, max_text_characters=max_text_characters)


def refused(sent: object, **limits: int) -> list[tuple[str, str]]:
    """Return the fields that are refused, each with the reason."""
    with pytest.raises(InvalidTicketError) as error:
        read(sent, **limits)
    return [(".".join(str(part) for part in problem["loc"]), problem["msg"]) for problem in error.value.problems]


def test_every_field_is_understood() -> None:
    """A ticket with all that the API describes becomes the same ticket in the product's terms."""
    sent = {
        "id": "HD-7",
        "subject": "프린터",
        "body": "출력이 안 됩니다",
        "channel": "portal",
        "requester": {"id": 12, "email": "a@b.example", "organization": "Sales", "attributes": {"vip": True}},
        "product": "WMS",
        "group": "network",
        "language": "ko",
        "created_at": "2026-05-14T09:12:00+09:00",
        "attributes": {"floor": 3, "site": "Busan", "remote": False},
    }
    assert read(sent) == IncomingTicket(
        Ticket(
            id="HD-7",
            subject="프린터",
            body="출력이 안 됩니다",
            channel="portal",
            requester=Requester("12", "a@b.example", "Sales", {"vip": True}),
            product="WMS",
            group="network",
            language="ko",
            created_at=datetime(2026, 5, 14, 9, 12, tzinfo=SEOUL),
            attributes={"floor": 3.0, "site": "Busan", "remote": False},
        )
    )


@pytest.mark.parametrize("sent", [{"subject": "vpn"}, {"body": "vpn"}, {"body": "vpn", "subject": None}])
def test_one_of_subject_and_body_is_enough(sent: dict[str, Any]) -> None:
    """All is optional but one of subject and body."""
    ticket = read(sent).ticket
    assert "vpn" in (ticket.subject, ticket.body)
    assert ticket.created_at is None


@pytest.mark.parametrize(
    "sent",
    [
        {"channel": "portal"},
        {"product": "WMS"},
        {"requester": {"organization": "Sales"}},
        {"requester": {"attributes": {"vip": False}}},
        {"attributes": {"floor": 0}, "body": " "},
    ],
)
def test_a_field_is_enough(sent: dict[str, Any]) -> None:
    """A model of fields alone needs no text: any field that it may have learned from makes a ticket."""
    assert not read(sent).ticket.is_empty


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"id": 1},
        {"subject": "", "body": None},
        {"subject": " \n", "body": "\t", "channel": " ", "attributes": {"site": " ", "floor": None}},
        {"id": 1, "group": "network", "language": "ko", "created_at": 1_778_000_000, "requester": "a@b.example"},
    ],
)
def test_an_empty_ticket_is_refused(sent: dict[str, Any]) -> None:
    """Without a word in subject or body, and without a field that a model may read, there is nothing to score."""
    assert refused(sent) == [("ticket", "expected a subject or a body with text in it, or at least another field")]


@pytest.mark.parametrize("sent", [None, [], "vpn", 5, True, [{"body": "vpn"}]])
def test_what_is_no_object_is_refused(sent: object) -> None:
    """A ticket is an object."""
    assert refused(sent) == [("ticket", "expected an object with a subject or a body")]


@pytest.mark.parametrize(
    ("sent", "kept"), [(42, "42"), (42.0, "42"), (10**20, "1" + "0" * 20), ("a7", "a7"), (None, "")]
)
def test_ids_are_numbers_or_text(sent: object, kept: str) -> None:
    """An id comes back as text whatever it was sent as."""
    assert read({"id": sent, "body": "vpn"}).ticket.id == kept


def test_what_no_database_keeps_is_replaced() -> None:
    """NUL and half a character become the replacement character, wherever text stands."""
    odd, kept = "a\ud800\x00", "a��"
    ticket = read({"id": odd, "subject": odd, "requester": odd, "attributes": {odd: odd}, odd: 1}).ticket
    assert (ticket.id, ticket.subject, ticket.requester.id, dict(ticket.attributes)) == (kept, kept, kept, {kept: kept})


def test_null_is_absent() -> None:
    """A ticket of which all but the body is null is the ticket with a body alone."""
    assert read({**dict.fromkeys(FIELDS), "body": "vpn"}) == read({"body": "vpn"})


@pytest.mark.parametrize(
    ("sent", "requester"),
    [
        ("a@b.example", Requester(email="a@b.example")),
        ("minji.kim", Requester(id="minji.kim")),
        (17, Requester(id="17")),
        ({"id": None}, Requester()),
    ],
)
def test_a_requester_may_be_an_address_or_an_id(sent: object, requester: Requester) -> None:
    """Helpdesks send a requester as an object, an address or an id."""
    assert read({"body": "vpn", "requester": sent}).ticket.requester == requester


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-05-14T09:12:00+09:00", datetime(2026, 5, 14, 9, 12, tzinfo=SEOUL)),
        ("2026-05-14T09:12:00.000+0900", datetime(2026, 5, 14, 9, 12, tzinfo=SEOUL)),
        ("2026-05-14T00:12:00Z", datetime(2026, 5, 14, 0, 12, tzinfo=UTC)),
        ("2026-05-14 00:12:00", datetime(2026, 5, 14, 0, 12, tzinfo=UTC)),
        ("2026-05-14", datetime(2026, 5, 14, tzinfo=UTC)),
        ("Thu, 14 May 2026 09:12:00 +0900", datetime(2026, 5, 14, 9, 12, tzinfo=SEOUL)),
        (1778717520, datetime(2026, 5, 14, 0, 12, tzinfo=UTC)),
        (1778717520000, datetime(2026, 5, 14, 0, 12, tzinfo=UTC)),
        ("1778717520", datetime(2026, 5, 14, 0, 12, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_moments_come_in_many_spellings(sent: object, moment: datetime | None) -> None:
    """ISO 8601, a mail's date, seconds and milliseconds are all understood; UTC where no zone is stated."""
    assert read({"body": "vpn", "created_at": sent}).ticket.created_at == moment


@pytest.mark.parametrize(
    "sent", ["yesterday", "2026-13-01", True, [2026], "0001-01-01T00:00:00+09:00", 1e300, -1e20, "9" * 30]
)
def test_what_is_no_moment_is_refused(sent: object) -> None:
    """A moment that cannot be told is named, with an example of one that can."""
    ((field, reason),) = refused({"body": "vpn", "created_at": sent})
    assert field == "created_at"
    assert "2026-05-14T09:12:00+09:00" in reason


def test_attributes_are_flattened() -> None:
    """Numbers, switches and text are kept, a list is joined, null is absent, and what is nested is reported."""
    incoming = read(
        {
            "body": "vpn",
            "attributes": {"n": 3, "huge": 10**400, "yes": True, "tags": ["a", 1], "none": None, "deep": {"x": 1}},
        }
    )
    assert incoming.ticket.attributes == {"n": 3.0, "huge": str(10**400), "yes": True, "tags": "a, 1"}
    assert incoming.warnings == ("The field 'attributes.deep' is not known and was ignored.",)


def test_unknown_fields_are_ignored_and_reported() -> None:
    """A field that the API does not know changes nothing but the warnings."""
    incoming = read({"body": "vpn", "via": {"channel": "web"}, "requester": {"id": 1, "locale": "ko"}})
    assert incoming.ticket == read({"body": "vpn", "requester": {"id": 1}}).ticket
    assert incoming.warnings == (
        "The field 'via' is not known and was ignored.",
        "The field 'requester.locale' is not known and was ignored.",
    )


def test_many_unknown_fields_are_counted() -> None:
    """Of very many unknown fields twenty are named and the rest counted."""
    warnings = read({"body": "vpn", **{f"custom_{number}": 1 for number in range(500)}}).warnings
    assert len(warnings) == 21
    assert warnings[-1] == "480 more fields are not known and were ignored."


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"subject": ["vpn"]}, "subject"),
        ({"body": {"html": "vpn"}}, "body"),
        ({"body": True}, "body"),
        ({"body": "vpn", "id": {}}, "id"),
        ({"body": "vpn", "id": float("inf")}, "id"),
        ({"body": "vpn", "channel": "x" * (LONGEST_FIELD + 1)}, "channel"),
        ({"body": "vpn", "requester": []}, "requester"),
        ({"body": "vpn", "requester": {"email": ["a@b.example"]}}, "requester.email"),
        ({"body": "vpn", "attributes": []}, "attributes"),
        ({"body": "vpn", "attributes": {str(number): 1 for number in range(MOST_ATTRIBUTES + 1)}}, "attributes"),
        ({"body": "vpn", "attributes": {"log": "x" * (LONGEST_ATTRIBUTE + 1)}}, "attributes"),
    ],
)
def test_a_field_that_cannot_be_understood_is_named(sent: dict[str, Any], field: str) -> None:
    """The field that is wrong, and no other, is reported."""
    assert [name for name, _ in refused(sent)] == [field]


def test_all_that_is_wrong_is_named_at_once() -> None:
    """A caller need not mend one field to hear of the next."""
    assert [name for name, _ in refused({"subject": [], "created_at": "soon", "id": {}})] == [
        "id",
        "subject",
        "created_at",
    ]


def test_too_long_a_text_is_refused() -> None:
    """Subject and body together may have so many characters and no more."""
    assert read({"subject": "ab", "body": "c" * 8}, max_text_characters=10).ticket.body == "c" * 8
    ((field, reason),) = refused({"subject": "ab", "body": "c" * 9}, max_text_characters=10)
    assert (field, reason) == ("ticket", "expected at most 10 characters in subject and body together, not 11")


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), NESTED, max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_object_is_understood_or_refused(sent: dict[str, Any]) -> None:
    """No object whatever raises anything but an InvalidTicketError, and what is understood can be written."""
    try:
        incoming = read(sent)
    except InvalidTicketError:
        return
    ticket = incoming.ticket
    assert not ticket.is_empty
    written = [ticket.id, ticket.subject, ticket.body, ticket.product, *incoming.warnings, *map(str, ticket.attributes)]
    json.dumps(written, ensure_ascii=False, allow_nan=False).encode()


def test_a_batch_names_every_bad_ticket() -> None:
    """Of several tickets that cannot be understood each is named by its place."""
    with pytest.raises(InvalidTicketError) as error:
        read_tickets(
            {"tickets": [{"body": "vpn"}, {}, {"body": "vpn", "id": []}, 7]}, max_tickets=10, max_text_characters=100
        )
    assert [problem["loc"] for problem in error.value.problems] == [
        ("tickets", 1),
        ("tickets", 2, "id"),
        ("tickets", 3),
    ]


@pytest.mark.parametrize(
    "sent", [[], {}, {"tickets": {}}, {"tickets": []}, {"tickets": [{"body": "vpn"}] * 4}, None, [{"body": "vpn"}]]
)
def test_a_batch_holds_from_one_ticket_to_the_limit(sent: object) -> None:
    """A batch is an object with a list of tickets, not empty and not too long."""
    with pytest.raises(InvalidTicketError, match=r"^tickets: expected"):
        read_tickets(sent, max_tickets=3, max_text_characters=100)
