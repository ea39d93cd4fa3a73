"""From a ticket as it arrived to what a model may see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.glossary import Glossary
from features.languages import Language
from features.preparation import PreparedTicket, Preparer
from features.redaction import compile_site_patterns
from features.tickets import AttributeValue, Requester, Ticket

PREPARER = Preparer(Glossary({"VPN": ["브이피엔"]}), compile_site_patterns([r"\bEMP-\d{4}\b"]))
TICKET = Ticket(
    id="42",
    subject="브이피엔 끊김",
    body="<p>EMP-1234 계정으로 접속하면 바로 끊겨요. 회신은 mina@example.com 으로</p>",
    channel="Portal ",
    requester=Requester("E-77", "seoyeon@example.com", "영업본부", {"site": "부산", "remote": True, "years": 3}),
    product="한ERP",
    group="network",
    language="en",
    attributes={"floor": 7, "vip": False, "note": "010-2345-6789", "empty": " "},
)


def test_text_is_cleaned_redacted_and_in_the_sites_words() -> None:
    """Markup and personal data are out, the site's numbers too, and the glossary's word stands for its variant."""
    prepared = PREPARER.prepare(TICKET)
    assert prepared.subject == "VPN 끊김"
    assert "[site]" in prepared.body
    assert "[email]" in prepared.body
    for gone in ("<p>", "EMP-1234", "mina"):
        assert gone not in prepared.text


def test_fields_and_numbers_are_those_of_intake() -> None:
    """Fields are lower-cased and redacted, truth values are words, numbers stay numbers, empty fields are left out."""
    prepared = PREPARER.prepare(TICKET)
    assert prepared.fields == {
        "channel": "portal",
        "product": "한erp",
        "organization": "영업본부",
        "attributes.requester.site": "부산",
        "attributes.requester.remote": "true",
        "attributes.vip": "false",
        "attributes.note": "[phone]",
    }
    assert prepared.numbers == {"attributes.requester.years": 3.0, "attributes.floor": 7.0}


@pytest.mark.parametrize(
    "other",
    [
        replace(TICKET, requester=replace(TICKET.requester, id="E-78", email="other@example.com")),
        replace(TICKET, group="hr"),
        replace(TICKET, language="ko"),
        replace(TICKET, created_at=None),
    ],
)
def test_who_asks_and_who_holds_the_ticket_change_nothing(other: Ticket) -> None:
    """The requester's identity, the present group and the stated language are no features."""
    assert PREPARER.prepare(other) == PREPARER.prepare(TICKET)


def test_the_language_is_told_from_the_text() -> None:
    """What the text says goes before what the helpdesk states."""
    assert PREPARER.prepare(TICKET).language is Language.KO
    assert PREPARER.prepare(Ticket(body="My screen stays black since this morning.")).language is Language.EN


def test_the_text_is_subject_and_body() -> None:
    """A ticket without a subject is its body."""
    assert PreparedTicket("1", "vpn", "down", Language.EN).text == "vpn\ndown"
    assert PreparedTicket("1", "", "down", Language.EN).text == "down"


def test_articles_are_prepared_by_the_same_function() -> None:
    """A text gets the words that a ticket's body gets."""
    assert PREPARER.prepare_text(TICKET.body) == PREPARER.prepare(TICKET).body
    assert PREPARER.prepare_text("") == ""


_VALUES: st.SearchStrategy[AttributeValue] = st.text(max_size=20) | st.floats() | st.booleans()


@given(
    subject=st.text(max_size=60), body=st.text(max_size=200), attributes=st.dictionaries(st.text(max_size=9), _VALUES)
)
@settings(max_examples=60, deadline=None)
def test_any_ticket_can_be_prepared(subject: str, body: str, attributes: dict[str, AttributeValue]) -> None:
    """Whatever arrives, every field that is kept says something and every number is one."""
    prepared = PREPARER.prepare(Ticket(id="1", subject=subject, body=body, attributes=attributes))
    assert all(prepared.fields.values())
    assert all(isinstance(number, float) for number in prepared.numbers.values())
    assert len(prepared.fields) + len(prepared.numbers) <= len(attributes)
