"""Makes typed, checked columns of a row type out of a file's cells: what histories and articles have in common.

Knows no targets: which labels count is decided in `training.datasets`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from features.errors import HistoryError, InvalidRowsError, RowProblem
from features.history import ArticleRow, ColumnMapping, HistoryRow
from features.history_checks import RowType, Schema, column_types, failed_checks
from training.columns import ATTRIBUTE_PREFIX, columns_of_fields, existing_column, unread_columns
from training.conversion import ConvertedColumns, converted_columns
from training.row_reports import shown_value

# What a row says in words: the columns of which a file needs at least one, and what tells repeated rows.
_TEXT_FIELDS: Mapping[RowType, tuple[str, ...]] = {HistoryRow: ("body", "subject"), ArticleRow: ("title", "body")}
_ESSENTIAL_FIELDS: Mapping[RowType, tuple[str, ...]] = {HistoryRow: ("body", "subject"), ArticleRow: ("title",)}
# A history without any text is learned from these: fields of which a ticket's label may follow.
_SUFFICIENT_FIELDS = frozenset({"attributes", "product", "channel", "organization"})
_WHOLE_NUMBERS = frozenset(name for name, hint in get_type_hints(HistoryRow).items() if hint == int | None)
_PROBLEMS_IN_MESSAGE = 3


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """The rows of a file that pass the checks, column by column.

    `values` holds a list for every field that the file has a column for, `cells` the file's own text
    under its line numbers; both in the file's order. `columns` names the column of each field.
    """

    values: Mapping[str, list[Any]]
    cells: pd.DataFrame
    columns: Mapping[str, str]
    read_count: int
    invalid_count: int
    duplicates_count: int
    report: tuple[RowProblem, ...]
    warnings: tuple[str, ...]


def checked_table(
    cells: pd.DataFrame,
    *,
    file_name: str,
    row_type: RowType,
    schema: Schema,
    mapping: ColumnMapping,
    now: datetime,
    drop_invalid: bool,
    needed_columns: Sequence[str] = (),
) -> CheckedTable:
    """Convert and check the rows of a file, given as `training.readers` reads them.

    Later rows with the id and the text of an earlier one are dropped as duplicates. Raises
    InvalidRowsError for rows that break the checks, unless `drop_invalid` leaves them out, and HistoryError
    for a file that has no valid row or lacks one of `needed_columns`.
    """
    for column in needed_columns:
        existing_column(column, columns=tuple(cells.columns))
    columns = _columns(cells, mapping=mapping, row_type=row_type)
    converted = converted_columns(cells, columns, row_type=row_type, now=now)
    is_repeated = _is_repeated(converted.values, text_fields=_TEXT_FIELDS[row_type])
    frame = _typed_frame(converted.values, lines=cells.index, row_type=row_type)[~is_repeated]
    report = _report(converted, frame, schema=schema, cells=cells[~is_repeated], columns=columns)
    is_valid = ~cells.index.isin([problem.line for problem in report])
    invalid_count = int((~is_valid & ~is_repeated).sum())
    if report and not drop_invalid:
        raise InvalidRowsError(
            _message(file_name, report, invalid_count=invalid_count, read_count=len(cells)), report=report
        )
    kept = is_valid & ~is_repeated
    if not kept.any():
        raise HistoryError(f"'{file_name}' has no valid row among its {len(cells):,}; --report FILE writes why.")
    return CheckedTable(
        values={name: _kept(column, kept, whole=name in _WHOLE_NUMBERS) for name, column in converted.values.items()},
        cells=cells[kept],
        columns=columns,
        read_count=len(cells),
        invalid_count=invalid_count,
        duplicates_count=int(is_repeated.sum()),
        report=report,
        warnings=(*cells.attrs["warnings"], *converted.warnings, *_unread(cells, columns, row_type=row_type)),
    )


def _columns(cells: pd.DataFrame, *, mapping: ColumnMapping, row_type: RowType) -> dict[str, str]:
    available = tuple(cells.columns)
    columns = columns_of_fields(mapping, columns=available, known_fields=_field_names(row_type))
    essential = _ESSENTIAL_FIELDS[row_type]
    has_fields = row_type is HistoryRow and any(
        name in _SUFFICIENT_FIELDS or name.startswith(ATTRIBUTE_PREFIX) for name in columns
    )
    if not has_fields and not any(name in columns for name in essential):
        raise HistoryError(
            f"No column holds the {' or the '.join(essential)}. State it with --map {essential[0]}=COLUMN. "
            f"The file's columns are: {', '.join(available)}."
        )
    return columns


def _unread(cells: pd.DataFrame, columns: Mapping[str, str], *, row_type: RowType) -> tuple[str, ...]:
    return unread_columns(columns, columns=tuple(cells.columns), known_fields=_field_names(row_type))


def _field_names(row_type: RowType) -> tuple[str, ...]:
    return tuple(row_field.name for row_field in fields(row_type))


def _is_repeated(values: Mapping[str, list[Any]], *, text_fields: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which rows have both the id and the text of an earlier row; spaces and line breaks do not count."""
    texts = [[" ".join(text.split()) for text in values[name]] for name in text_fields if name in values]
    seen: set[tuple[str, ...]] = set()
    repeated = []
    for row in zip(values["id"], *texts, strict=True):
        repeated.append(row in seen)
        seen.add(row)
    return np.array(repeated)


def _typed_frame(values: Mapping[str, list[Any]], *, lines: pd.Index, row_type: RowType) -> pd.DataFrame:
    types = column_types(row_type)
    return pd.DataFrame(
        {name: pd.Series(values[name], index=lines, dtype=kind) for name, kind in types.items() if name in values}
    )


def _report(
    converted: ConvertedColumns,
    frame: pd.DataFrame,
    *,
    schema: Schema,
    cells: pd.DataFrame,
    columns: Mapping[str, str],
) -> tuple[RowProblem, ...]:
    """Return the unreadable cells and the broken checks of the rows that are no duplicates, by line."""
    lines = set(cells.index)
    problems = [problem for problem in converted.problems if problem.line in lines]
    for failure in failed_checks(frame, schema):
        # Where neither text may be empty the one that the file has is at fault.
        column = columns.get(failure.field) or columns.get("subject", failure.field)
        cell = str(cells.at[failure.line, column]) if column in cells else ""
        is_text = failure.field in _TEXT_FIELDS[HistoryRow] + _TEXT_FIELDS[ArticleRow]
        value = f"{len(cell):,} characters" if is_text and cell.strip() else shown_value(cell)
        problems.append(RowProblem(failure.line, column, value, failure.reason))
    return tuple(sorted(problems, key=lambda problem: problem.line))


def _message(file_name: str, report: Sequence[RowProblem], *, invalid_count: int, read_count: int) -> str:
    first = "; ".join(
        f"line {problem.line}, column '{problem.column}': '{problem.value}' {problem.reason}"
        for problem in report[:_PROBLEMS_IN_MESSAGE]
    )
    more = f"; and {len(report) - _PROBLEMS_IN_MESSAGE:,} more" if len(report) > _PROBLEMS_IN_MESSAGE else ""
    return (
        f"{invalid_count:,} of the {read_count:,} rows of '{file_name}' break the checks: {first}{more}. "
        "Mend them, or go on without them with --drop-invalid; --report FILE writes all of them to a file."
    )


def _kept(column: list[Any], kept: np.ndarray[Any, np.dtype[np.bool_]], *, whole: bool) -> list[Any]:
    values = [value for value, keep in zip(column, kept, strict=True) if keep]
    return [None if value is None else int(value) for value in values] if whole else values
