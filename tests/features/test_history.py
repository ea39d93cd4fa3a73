"""Rows of a history as the contract states them, and the mapping of a customer's columns to their fields."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.articles import EVERYONE
from features.errors import HistoryError
from features.history import (
    ARTICLE_FIELDS,
    INTAKE_FIELDS,
    TICKET_FIELDS,
    ArticleRow,
    ColumnMapping,
    HistoryRow,
    Label,
    LabelSource,
)
from features.tickets import Requester, Ticket

ROW = HistoryRow(
    id="HD-7",
    subject="vpn",
    body="끊겨요",
    channel="portal",
    requester="E-1",
    organization="Sales",
    product="한ERP",
    language="ko",
    created_at=datetime(2026, 4, 1, tzinfo=UTC),
    attributes={"floor": 3.0},
)
KNOWN_LATER: dict[str, Any] = {
    "category": "network",
    "kind": "incident",
    "priority": "high",
    "tier": "1",
    "group": "service-desk",
    "impact": "2",
    "urgency": "3",
    "article_ids": ("KB-1",),
    "duplicate_of": "HD-3",
    "resolved_at": datetime(2026, 4, 2, tzinfo=UTC),
    "first_response_at": datetime(2026, 4, 1, 1, tzinfo=UTC),
    "reassignments": 4,
    "reopened": 1,
    "csat": 2.0,
    "resolution": "the tunnel was reset",
}


def test_a_row_has_the_fields_of_the_contract() -> None:
    """A history and a knowledge base are exchanged under these names; a changed one breaks customers' exports."""
    assert set(TICKET_FIELDS) == {
        *("id", "subject", "body", "channel", "requester", "organization", "product", "language", "created_at"),
        *(
            "category",
            "kind",
            "priority",
            "tier",
            "group",
            "article_ids",
            "duplicate_of",
            "impact",
            "urgency",
            "resolved_at",
        ),
        *("first_response_at", "reassignments", "reopened", "csat", "resolution", "attributes"),
    }
    assert set(ARTICLE_FIELDS) == {"id", "title", "body", "language", "url", "tags", "audience", "updated_at"}


def test_fields_of_intake_are_those_that_a_ticket_has() -> None:
    """A ticket without the other fields is the same; without one of intake it is another."""
    full, bare = replace(ROW, **KNOWN_LATER), HistoryRow("HD-7")
    for name in set(TICKET_FIELDS) - {"id"}:
        changes_ticket = replace(full, **{name: getattr(bare, name)}).ticket() != full.ticket()
        assert changes_ticket == (name in INTAKE_FIELDS), name


def test_a_ticket_is_what_was_known_at_intake() -> None:
    """The ticket of a row carries over every field of intake."""
    assert ROW.ticket() == Ticket(
        id="HD-7",
        subject="vpn",
        body="끊겨요",
        channel="portal",
        requester=Requester(id="E-1", organization="Sales"),
        product="한ERP",
        language="ko",
        created_at=datetime(2026, 4, 1, tzinfo=UTC),
        attributes={"floor": 3.0},
    )


@pytest.mark.parametrize("name", KNOWN_LATER)
def test_nothing_known_later_reaches_the_ticket(name: str) -> None:
    """A label or an outcome changes nothing of the ticket, so that it cannot become a feature."""
    assert replace(ROW, **{name: KNOWN_LATER[name]}).ticket() == ROW.ticket()


def test_every_field_is_of_intake_or_known_later() -> None:
    """A field added to the row has to be placed on one side, in this test too."""
    assert {each.name for each in fields(Ticket)} - {"group"} | {"organization"} == set(TICKET_FIELDS) - set(
        KNOWN_LATER
    )


def test_a_history_counts_in_full() -> None:
    """A label of a history was given to every ticket alike, and weighs one; an article is for everyone."""
    label = Label("network")
    assert (label.source, label.weight, label.inclusion_probability) == (LabelSource.HISTORY, 1.0, 1.0)
    assert ArticleRow(id="KB-1", title="VPN").audience == EVERYONE


# --- the mapping ------------------------------------------------------------------------------------------------------


def test_a_mapping_is_stated_as_options() -> None:
    """FIELD=COLUMN maps a field; the column may hold spaces and equals signs, an attribute its own name."""
    options = ["body=Issue text", " category = Type=Sub ", "attributes.site=Standort"]
    mapping = ColumnMapping.from_options(options, known_fields=TICKET_FIELDS)
    assert mapping.columns == {"body": "Issue text", "category": "Type=Sub", "attributes.site": "Standort"}


@pytest.mark.parametrize("option", ["body", "body=", "", "body:Text"])
def test_an_option_that_maps_nothing_is_refused(option: str) -> None:
    """An option without a field and a column is an error that shows how to write one."""
    with pytest.raises(HistoryError, match=r"is no mapping\. Write FIELD=COLUMN"):
        ColumnMapping.from_options([option], known_fields=TICKET_FIELDS)


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    """A field that tickets do not have is an error, and so is an attribute of an article."""
    with pytest.raises(HistoryError, match=r"Unknown field 'bdy'\. The fields are: id, subject, body"):
        ColumnMapping.from_options(["bdy=Text"], known_fields=TICKET_FIELDS)
    with pytest.raises(HistoryError, match=r"Unknown field 'attributes\.site'"):
        ColumnMapping.from_options(["attributes.site=Text"], known_fields=ARTICLE_FIELDS)


@given(
    st.dictionaries(
        st.sampled_from(TICKET_FIELDS) | st.text(st.characters(codec="utf-8"), max_size=9).map("attributes.{}".format),
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
        max_size=6,
    )
)
def test_a_saved_mapping_is_read_back(tmp_path_factory: pytest.TempPathFactory, columns: dict[str, str]) -> None:
    """Whatever a customer's columns are called, a mapping saved as TOML is the mapping that is read."""
    path = tmp_path_factory.mktemp("mapping") / "mapping.toml"
    path.write_text(ColumnMapping(columns).to_toml(), encoding="utf-8")
    assert ColumnMapping.from_toml(path, known_fields=TICKET_FIELDS) == ColumnMapping(columns)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[columns", "is no valid TOML"),
        (b"body = 'Text'", r"needs a table \[columns\]"),
        (b"columns = 'Text'", r"needs a table \[columns\]"),
        (b"[columns]\nbody = 3", r"needs a table \[columns\]"),
        (b"[columns]\nbdy = 'Text'", "Unknown field 'bdy'"),
        ("[columns]\nbody = '본문'".encode("cp949"), "is not in UTF-8"),
    ],
)
def test_a_broken_mapping_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """A mapping that cannot be used is an error that says why."""
    path = tmp_path / "mapping.toml"
    path.write_bytes(content)
    with pytest.raises(HistoryError, match=message):
        ColumnMapping.from_toml(path, known_fields=TICKET_FIELDS)


def test_a_mapping_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A mapping that does not exist, or is a folder, is said to be so."""
    with pytest.raises(HistoryError, match=r"does not exist\. Save one with --save-mapping"):
        ColumnMapping.from_toml(tmp_path / "none.toml", known_fields=TICKET_FIELDS)
    with pytest.raises(HistoryError, match="cannot be read: Is a directory"):
        ColumnMapping.from_toml(tmp_path, known_fields=TICKET_FIELDS)


def test_a_mapping_written_by_an_editor_with_a_mark_is_read(tmp_path: Path) -> None:
    """The byte-order mark that some editors put before a text does not matter."""
    path = tmp_path / "mapping.toml"
    path.write_text("[columns]\nbody = '본문'\n", encoding="utf-8-sig")
    assert ColumnMapping.from_toml(path, known_fields=TICKET_FIELDS).columns == {"body": "본문"}


def test_a_later_mapping_is_laid_over_an_earlier_one() -> None:
    """Options on the command line go before the saved mapping, field by field."""
    saved, stated = ColumnMapping({"body": "Text", "kind": "Type"}), ColumnMapping({"body": "Issue"})
    assert saved.merged(stated).columns == {"body": "Issue", "kind": "Type"}
