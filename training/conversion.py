"""Converts the text columns of a file into the values of a row type's fields, and says what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from typing import Any, get_type_hints

import pandas as pd

from features.errors import RowProblem
from features.history_checks import RowType
from features.taxonomy import TARGET_NAMES
from training.cells import (
    attribute_column,
    attributes_of,
    is_blank,
    label_of,
    list_of,
    number_of,
    without_trailing_zero,
)
from training.columns import ATTRIBUTE_PREFIX
from training.dates import DateColumn, parse_dates
from training.row_reports import shown_value

# Text of people, which is kept as it was written.
_FREE_TEXT = frozenset({"subject", "body", "title", "resolution"})


@dataclass(frozen=True, slots=True)
class ConvertedColumns:
    """A list of values for every field that has a column; None, or the field's default, where a cell is empty."""

    values: dict[str, list[Any]]
    problems: list[RowProblem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def converted_columns(
    cells: pd.DataFrame, columns: Mapping[str, str], *, row_type: RowType, now: datetime
) -> ConvertedColumns:
    """Return the values of the fields in `columns` (field to column of `cells`); rows without an id get `row-LINE`."""
    converted = ConvertedColumns(values={})
    for name, column in columns.items():
        if not name.startswith(ATTRIBUTE_PREFIX):
            read = _column_reader(name, row_type=row_type, now=now)
            converted.values[name] = read(converted, column, cells)
    ids = converted.values.get("id", [""] * len(cells))
    converted.values["id"] = [own or f"row-{line}" for own, line in zip(ids, cells.index, strict=True)]
    _add_attributes(converted, cells, columns)
    return converted


_Reader = Callable[[ConvertedColumns, str, pd.DataFrame], list[Any]]


def _column_reader(name: str, *, row_type: RowType, now: datetime) -> _Reader:
    """Return how the cells of a field are read, which follows from its type."""
    hint = get_type_hints(row_type)[name]
    if name in TARGET_NAMES:
        return _each(label_of)
    if hint == datetime | None:
        return lambda converted, column, cells: _dates(converted, column, cells, now=now)
    if hint in (int | None, float | None, float):
        return _numbers
    if hint == tuple[str, ...]:
        return _each(lambda cell: list_of(cell, spaces_separate=name == "article_ids"))
    if name == "attributes":
        return _attribute_objects
    if name in _FREE_TEXT:
        return _each(lambda cell: "" if cell.isspace() else cell)
    default = next(row_field.default for row_field in fields(row_type) if row_field.name == name)
    fallback = "" if default is MISSING else str(default)
    tidy = without_trailing_zero if name == "id" else str
    return _each(lambda cell: tidy(cell.strip()) or fallback)


def _each(convert: Callable[[str], Any]) -> _Reader:
    """Return a reader that converts cell by cell, each distinct text once."""

    def read(_: ConvertedColumns, column: str, cells: pd.DataFrame) -> list[Any]:
        texts = cells[column].tolist()
        known = {text: convert(text) for text in set(texts)}
        return [known[text] for text in texts]

    return read


def _numbers(converted: ConvertedColumns, column: str, cells: pd.DataFrame) -> list[Any]:
    texts = cells[column].tolist()
    numbers = [number_of(text) for text in texts]
    wrong = [place for place, text in enumerate(texts) if numbers[place] is None and not is_blank(text)]
    _add_problems(converted, wrong, column=column, cells=cells, reason="is no number")
    return numbers


def _dates(converted: ConvertedColumns, column: str, cells: pd.DataFrame, *, now: datetime) -> list[Any]:
    dates = parse_dates(["" if is_blank(text) else text for text in cells[column].tolist()], now=now)
    known = any(dates.values)
    reason = f"is no date, or none written as the others of the column ({dates.order.value})" if known else "is no date"
    _add_problems(converted, dates.unreadable, column=column, cells=cells, reason=reason)
    converted.warnings.extend(_date_warnings(dates, column=column))
    return list(dates.values)


def _date_warnings(dates: DateColumn, *, column: str) -> list[str]:
    warnings = []
    if dates.also_fits:
        warnings.append(
            f"The dates of '{column}' can be read {dates.order.value} and {dates.also_fits.value}: they are read "
            f"{dates.order.value}. Write them as 2026-05-14 to be sure."
        )
    if dates.without_offset_count:
        warnings.append(
            f"Times of '{column}' without an offset from UTC: {dates.without_offset_count:,}; they are read as UTC. "
            "Write them as 2026-05-14T09:12:00+09:00 to be sure."
        )
    return warnings


def _attribute_objects(converted: ConvertedColumns, column: str, cells: pd.DataFrame) -> list[Any]:
    texts = cells[column].tolist()
    attributes = [attributes_of(text) for text in texts]
    wrong = [place for place, found in enumerate(attributes) if found is None]
    _add_problems(converted, wrong, column=column, cells=cells, reason='is no JSON object such as {"floor": 3}')
    return attributes


def _add_attributes(converted: ConvertedColumns, cells: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Lay the columns mapped as `attributes.NAME` over the attributes that the rows already have."""
    named = {
        name.removeprefix(ATTRIBUTE_PREFIX): attribute_column(cells[column].tolist())
        for name, column in columns.items()
        if name.startswith(ATTRIBUTE_PREFIX)
    }
    if not named:
        return
    before = converted.values.get("attributes", [None] * len(cells))
    converted.values["attributes"] = [
        {**(own or {}), **{name: value for name, value in zip(named, row, strict=True) if value is not None}}
        for own, row in zip(before, zip(*named.values(), strict=True), strict=True)
    ]


def _add_problems(
    converted: ConvertedColumns, places: Sequence[int], *, column: str, cells: pd.DataFrame, reason: str
) -> None:
    texts, lines = cells[column].tolist(), cells.index.tolist()
    converted.problems.extend(RowProblem(lines[place], column, shown_value(texts[place]), reason) for place in places)
