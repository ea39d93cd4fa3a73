"""What makes a row of a history, of reviews or of a knowledge base usable: pandera schemas derived from the row types.

The only module that knows pandera. Training uses it; serving does not.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaErrors

from features.history import ArticleRow, HistoryRow, ReviewRow
from features.taxonomy import TARGET_NAMES

LONGEST_TEXT_CHARACTERS = 1_000_000
LONGEST_LABEL_CHARACTERS = 200
LONGEST_ID_CHARACTERS = 500
EARLIEST_DATE = datetime(1990, 1, 1, tzinfo=UTC)
# Local times read as UTC may lie some hours ahead.
_CLOCK_TOLERANCE = timedelta(days=1)
_LONGEST_CHARACTERS = {
    "id": LONGEST_ID_CHARACTERS,
    "duplicate_of": LONGEST_ID_CHARACTERS,
    "ticket_id": LONGEST_ID_CHARACTERS,
    "value": LONGEST_LABEL_CHARACTERS,
    "subject": LONGEST_TEXT_CHARACTERS,
    "body": LONGEST_TEXT_CHARACTERS,
    "title": LONGEST_TEXT_CHARACTERS,
    "resolution": LONGEST_TEXT_CHARACTERS,
    **dict.fromkeys(TARGET_NAMES, LONGEST_LABEL_CHARACTERS),
}
DATE_TYPE = pd.DatetimeTZDtype(unit="us", tz="UTC")
_COLUMN_TYPES: Mapping[type, Any] = {str: "str", datetime: DATE_TYPE, int: "float64", float: "float64"}

Schema: TypeAlias = pandera.DataFrameSchema
RowType: TypeAlias = type[HistoryRow] | type[ArticleRow] | type[ReviewRow]


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A row that breaks a check: the line it is indexed by, the field at fault and the reason in words."""

    line: int
    field: str
    reason: str


def history_schema(*, now: datetime) -> Schema:
    """Return the schema of a frame of history rows; `now` is the moment after which no date may lie."""
    return pandera.DataFrameSchema(
        _columns(HistoryRow, now=now),
        checks=[
            _frame_check(_has_text, field="body", reason="is empty, and so is the subject"),
            _frame_check(_not_before_creation("resolved_at"), field="resolved_at", reason="lies before the creation"),
            _frame_check(
                _not_before_creation("first_response_at"), field="first_response_at", reason="lies before the creation"
            ),
        ],
    )


def article_schema(*, now: datetime) -> Schema:
    """Return the schema of a frame of article rows; `now` is the moment after which no date may lie."""
    columns = _columns(ArticleRow, now=now)
    columns["title"].checks.append(_check(lambda titles: titles.str.strip() != "", reason="is empty"))
    return pandera.DataFrameSchema(columns)


def review_schema(*, now: datetime) -> Schema:
    """Return the schema of a frame of review rows; `now` is the moment after which no date may lie."""
    columns = _columns(ReviewRow, now=now)
    columns["ticket_id"].checks.append(_check(lambda ids: ids != "", reason="is empty"))
    columns["value"].checks.append(_check(lambda values: values != "", reason="is empty"))
    columns["target"].checks.append(_check(lambda names: names.isin(TARGET_NAMES), reason="is no target"))
    columns["weight"].checks.append(_check(lambda weights: weights > 0, reason="is not above zero"))
    columns["inclusion_probability"].checks.append(
        _check(lambda chances: (chances > 0) & (chances <= 1), reason="is not above 0 and at most 1")
    )
    return pandera.DataFrameSchema(columns)


def failed_checks(frame: pd.DataFrame, schema: Schema) -> list[FailedCheck]:
    """Return every check that a row of the frame breaks; its index holds the lines."""
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        return [failure for error in errors.schema_errors for failure in _failures(error)]
    return []


def column_types(row_type: RowType) -> dict[str, Any]:
    """Return the type of a frame's column for every field of the row type that holds a single value."""
    hints = get_type_hints(row_type)
    plain = {name: _plain_type(hint) for name, hint in hints.items()}
    types = {name: str if _is_enum(kind) else kind for name, kind in plain.items()}
    return {name: _COLUMN_TYPES[kind] for name, kind in types.items() if kind is not None and kind in _COLUMN_TYPES}


def _is_enum(kind: type | None) -> bool:
    return kind is not None and issubclass(kind, StrEnum)


def _columns(row_type: RowType, *, now: datetime) -> dict[str, pandera.Column]:
    hints = get_type_hints(row_type)
    required = {
        field.name for field in fields(row_type) if field.default is MISSING and field.default_factory is MISSING
    }
    return {
        name: pandera.Column(
            column_type,
            checks=_field_checks(name, _plain_type(hints[name]), now=now),
            nullable=type(None) in get_args(hints[name]),
            required=name in required,
            name=name,
        )
        for name, column_type in column_types(row_type).items()
    }


def _plain_type(hint: object) -> type | None:
    """Return the type that a hint such as `int | None` or `int` allows, None for one of many values."""
    if get_origin(hint) in (types.UnionType, Union):
        (hint,) = (option for option in get_args(hint) if option is not type(None))
    return hint if isinstance(hint, type) else None


def _field_checks(name: str, kind: type | None, *, now: datetime) -> list[pandera.Check]:
    checks = []
    if name == "id":
        checks += [
            _check(lambda ids: ids != "", reason="is empty"),
            _check(lambda ids: ~ids.duplicated(), reason="is the id of an earlier row with another text"),
        ]
    if name in _LONGEST_CHARACTERS:
        longest = _LONGEST_CHARACTERS[name]
        checks.append(_check(lambda texts: texts.str.len() <= longest, reason=f"has more than {longest:,} characters"))
    if kind is datetime:
        latest = now + _CLOCK_TOLERANCE
        checks += [
            _check(lambda dates: dates >= EARLIEST_DATE, reason=f"lies before {EARLIEST_DATE.year}"),
            _check(lambda dates: dates <= latest, reason="lies in the future"),
        ]
    if kind is not None and issubclass(kind, StrEnum):
        known = [member.value for member in kind]
        checks.append(_check(lambda words: words.isin(known), reason=f"is none of: {', '.join(known)}"))
    if kind is int:
        checks += [
            _check(lambda numbers: numbers % 1 == 0, reason="is no whole number"),
            _check(lambda numbers: numbers >= 0, reason="is below zero"),
        ]
    return checks


def _check(holds: Callable[[pd.Series], pd.Series], *, reason: str) -> pandera.Check:
    # One failing value is kept for pandera's own message: ours come from the outcome for each row.
    return pandera.Check(holds, error=reason, n_failure_cases=1)


def _frame_check(holds: Callable[[pd.DataFrame], pd.Series], *, field: str, reason: str) -> pandera.Check:
    return pandera.Check(holds, name=field, error=reason, n_failure_cases=1)


def _has_text(frame: pd.DataFrame) -> pd.Series:
    filled = [frame[name].str.strip() != "" for name in ("subject", "body") if name in frame]
    if not filled:  # a history without text is learned from its fields
        return pd.Series(True, index=frame.index)
    return pd.concat(filled, axis=1).any(axis=1)


def _not_before_creation(name: str) -> Callable[[pd.DataFrame], pd.Series]:
    def holds(frame: pd.DataFrame) -> pd.Series:
        if name not in frame or "created_at" not in frame:
            return pd.Series(True, index=frame.index)
        return ~(frame[name] < frame["created_at"])

    return holds


def _failures(error: pandera.errors.SchemaError) -> list[FailedCheck]:
    if error.check_output is None:  # the frame itself has a wrong shape: a mistake of the caller, not of a row
        raise error
    field = error.check.name if isinstance(error.schema, pandera.DataFrameSchema) else error.schema.name
    passed = error.check_output
    return [FailedCheck(int(line), str(field), str(error.check.error)) for line in passed.index[~passed.astype(bool)]]
