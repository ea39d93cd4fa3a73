"""The schemas of histories and articles, derived from their row types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from pandera.errors import SchemaError

from features.history import ArticleRow, HistoryRow
from features.history_checks import FailedCheck, article_schema, column_types, failed_checks, history_schema

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def _history(**columns: list[Any]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    columns.setdefault("id", [f"{number}" for number in range(count)])
    columns.setdefault("body", ["text"] * count)
    types = column_types(HistoryRow)
    lines = pd.Index(range(2, count + 2), name="line")
    return pd.DataFrame({name: pd.Series(cells, index=lines, dtype=types[name]) for name, cells in columns.items()})


def _failed(frame: pd.DataFrame) -> list[FailedCheck]:
    return failed_checks(frame, history_schema(now=_NOW))


def test_every_single_valued_field_has_a_column() -> None:
    """The schemas know all fields of the row types but lists and attributes."""
    assert set(history_schema(now=_NOW).columns) == set(HistoryRow.__dataclass_fields__) - {"attributes", "article_ids"}
    assert set(article_schema(now=_NOW).columns) == set(ArticleRow.__dataclass_fields__) - {"tags"}


def test_a_good_history_passes() -> None:
    """Labels, dates and numbers may be missing, and columns may be too."""
    frame = _history(
        category=["network", None],
        created_at=[_NOW - _DAY, None],
        resolved_at=[_NOW, _NOW],
        reassignments=[2, None],
        csat=[4.5, None],
    )
    assert _failed(frame) == []


def test_a_row_needs_a_subject_or_a_body() -> None:
    """A ticket without any text is no example; spaces are no text."""
    frame = _history(subject=["x", " ", ""], body=["", "x", "\n"])
    assert _failed(frame) == [FailedCheck(4, "body", "is empty, and so is the subject")]


def test_ids_are_there_once() -> None:
    """An id is not empty, and no two rows that are left share one."""
    assert _failed(_history(id=["a", "", "a"])) == [
        FailedCheck(3, "id", "is empty"),
        FailedCheck(4, "id", "is the id of an earlier row with another text"),
    ]


@pytest.mark.parametrize("name", ["created_at", "resolved_at", "first_response_at"])
def test_no_date_is_impossible(name: str) -> None:
    """No date lies before 1990, or after the present by more than a time zone."""
    frame = _history(**{name: [datetime(1989, 12, 31, tzinfo=UTC), _NOW + 2 * _DAY, _NOW + _DAY / 2, None]})
    assert _failed(frame) == [
        FailedCheck(2, name, "lies before 1990"),
        FailedCheck(3, name, "lies in the future"),
    ]


@pytest.mark.parametrize("name", ["resolved_at", "first_response_at"])
def test_nothing_happens_to_a_ticket_before_it_was_created(name: str) -> None:
    """A ticket is answered and resolved at or after its creation."""
    frame = _history(**{"created_at": [_NOW, _NOW, None], name: [_NOW - _DAY, _NOW, _NOW]})
    assert _failed(frame) == [FailedCheck(2, name, "lies before the creation")]


@pytest.mark.parametrize("name", ["reassignments", "reopened"])
def test_counts_are_whole_and_not_negative(name: str) -> None:
    """How often something happened is a whole number from zero up."""
    assert _failed(_history(**{name: [1.5, -1, 0]})) == [
        FailedCheck(2, name, "is no whole number"),
        FailedCheck(3, name, "is below zero"),
    ]


def test_texts_and_labels_have_a_greatest_length() -> None:
    """A body of a million characters passes, one more does not; a label is no text."""
    frame = _history(body=["x" * 1_000_000, "x" * 1_000_001], category=["y" * 200, "y" * 201])
    assert {(failure.line, failure.field, failure.reason) for failure in _failed(frame)} == {
        (3, "body", "has more than 1,000,000 characters"),
        (3, "category", "has more than 200 characters"),
    }


def test_an_article_needs_a_title() -> None:
    """An article without a title cannot be shown."""
    frame = pd.DataFrame({"id": ["1", "2"], "title": ["Reset a password", " "]}, dtype="str")
    assert failed_checks(frame, article_schema(now=_NOW)) == [FailedCheck(1, "title", "is empty")]


def test_a_frame_of_another_shape_is_the_callers_mistake() -> None:
    """A column of a wrong type is no failing row, so it is raised."""
    frame = pd.DataFrame({"id": ["1"], "body": ["a"], "csat": ["good"]}, dtype="str")
    with pytest.raises(SchemaError):
        _failed(frame)
