"""Reads exported reviews: JSON lines whose columns are the fields of `features.history.ReviewRow`.

Knows nothing of histories; what a review is worth beside one is decided in `training.reviews`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import HistoryError, InvalidRowsError, RowProblem
from features.history import REVIEW_FIELDS, LabelSource, ReviewRow
from features.history_checks import column_types, failed_checks, review_schema
from training.cells import label_of
from training.conversion import converted_columns
from training.readers import read_table
from training.row_reports import shown_value

_NEEDED = ("ticket_id", "target", "value", "source")
# Each is 1 where nothing is said.
_NUMBERS = ("weight", "inclusion_probability")


@dataclass(frozen=True, slots=True)
class ReviewTable:
    """The rows of a file of reviews, in its order."""

    rows: tuple[ReviewRow, ...] = ()


def read_reviews(path: Path, *, now: datetime | None = None) -> ReviewTable:
    """Read exported reviews; a file without any is one, too. No date may lie after `now`, else the present.

    Raises HistoryError for a file or a column that cannot be used, InvalidRowsError for rows that break the checks.
    """
    if path.is_file() and not path.stat().st_size:
        return ReviewTable()
    now, cells = now or datetime.now(UTC), read_table(path)
    _require_columns(cells, path)
    columns = {name: name for name in REVIEW_FIELDS if name in cells.columns}
    converted = converted_columns(cells, columns, row_type=ReviewRow, now=now)
    values = {name: converted.values[name] for name in columns}
    for name in ("value", "suggested"):
        # As labels of a history are read, so that the two are the same word.
        values[name] = [label_of(text) or "" for text in values.get(name, [""] * len(cells))]
    for name in _NUMBERS:
        values[name] = [1.0 if number is None else number for number in values.get(name, [None] * len(cells))]
    frame = pd.DataFrame(
        {
            name: pd.Series(values[name], index=cells.index, dtype=kind)
            for name, kind in column_types(ReviewRow).items()
            if name in values
        }
    )
    broken = [
        RowProblem(failure.line, failure.field, shown_value(str(cells.at[failure.line, failure.field])), failure.reason)
        for failure in failed_checks(frame, review_schema(now=now))
    ]
    _refuse((*converted.problems, *broken), path=path, read_count=len(cells))
    return ReviewTable(tuple(_row(dict(zip(values, row, strict=True))) for row in zip(*values.values(), strict=True)))


def _row(values: dict[str, Any]) -> ReviewRow:
    return ReviewRow(**{**values, "source": LabelSource(values["source"])})


def _require_columns(cells: pd.DataFrame, path: Path) -> None:
    missing = [name for name in _NEEDED if name not in cells.columns]
    if missing:
        raise HistoryError(
            f"'{path.name}' holds no reviews: it lacks {', '.join(missing)}. "
            "Make it with: triage export --connection NAME --reviews FILE.jsonl"
        )


def _refuse(problems: tuple[RowProblem, ...], *, path: Path, read_count: int) -> None:
    if not problems:
        return
    report = tuple(sorted(problems, key=lambda problem: problem.line))
    first, lines = report[0], {problem.line for problem in report}
    raise InvalidRowsError(
        f"{len(lines):,} of the {read_count:,} reviews of '{path.name}' break the checks: line {first.line}, "
        f"column '{first.column}': '{first.value}' {first.reason}. Export them again.",
        report=report,
    )
