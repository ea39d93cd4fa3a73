"""Which column of a file holds which field."""

from __future__ import annotations

import pytest

from features.errors import HistoryError
from features.history import TICKET_FIELDS, ColumnMapping
from training.columns import columns_of_fields, existing_column, unread_columns


def _found(mapping: dict[str, str], *columns: str) -> dict[str, str]:
    return columns_of_fields(ColumnMapping(mapping), columns=columns, known_fields=TICKET_FIELDS)


def test_a_field_is_read_from_the_column_of_its_own_name() -> None:
    """What is not mapped is found by its name; columns that are no field are left alone."""
    assert _found({}, "body", "priority", "sla", "attributes.floor") == {
        "body": "body",
        "priority": "priority",
        "attributes.floor": "attributes.floor",
    }


def test_a_mapped_column_is_not_read_a_second_time() -> None:
    """A column mapped to one field is not also the field of its own name."""
    assert _found({"priority": "urgency", "attributes.where": "site"}, "urgency", "site", "body") == {
        "priority": "urgency",
        "attributes.where": "site",
        "body": "body",
    }


def test_a_mapping_wins_over_the_own_name() -> None:
    """A field that is mapped is not read from the column of its name."""
    assert _found({"body": "text"}, "body", "text") == {"body": "text"}


def test_a_missing_column_without_a_near_one_lists_the_columns() -> None:
    """Where nothing is alike no guess is made."""
    with pytest.raises(HistoryError, match=r"^The file has no column 'zzz'\. Its columns are: body, title\.$"):
        existing_column("zzz", columns=("body", "title"))


def test_an_unread_column_with_a_fields_name_is_said() -> None:
    """A column named as a field in other letters is pointed out with the option that reads it."""
    columns = ("Subject", "body")
    assert unread_columns(_found({}, *columns), columns=columns, known_fields=TICKET_FIELDS) == (
        "The column 'Subject' is not read. If it is the subject, add --map subject=Subject",
    )
