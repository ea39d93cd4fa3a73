"""Makes a frame of text out of the records of a file, each under its line number.

Owns what a cell looks like as text and which tables are refused; knows no file format.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

import pandas as pd

from features.errors import HistoryError


def frame_of_rows(rows: Iterator[tuple[int, list[str]]]) -> pd.DataFrame:
    """Return the frame of (line, cells) pairs, of which the first is the header.

    A row with fewer cells than the header is filled up with empty ones and counted in a warning.
    """
    header = next(rows, None)
    if header is None:
        raise HistoryError("it is empty.")
    names = [name.strip() or f"column {number}" for number, name in enumerate(header[1], start=1)]
    refuse_repeated(names)
    lines, records, short = [], [], []
    for line, row in rows:
        if len(row) > len(names):
            row = _cut(row, width=len(names), line=line)
        elif len(row) < len(names):
            short.append(line)
            row = row + [""] * (len(names) - len(row))
        lines.append(line)
        records.append(row)
    frame = _frame(dict(zip(names, zip(*records, strict=True), strict=True)) if records else {}, lines)
    frame.attrs["warnings"] = _short_rows_warning(short)
    return frame


def frame_of_records(
    records: Iterable[tuple[int, Mapping[str, object]]], *, columns: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the frame of (line, record) pairs; a nested record's fields get names such as `requester.email`."""
    lines: list[int] = []
    cells: dict[str, list[str]] = {name: [] for name in columns}
    for line, record in records:
        for name, value in _flattened(record):
            column = cells.setdefault(name, [])
            column.extend([""] * (len(lines) - len(column)))
            column[len(lines) :] = [cell_text(value)]
        lines.append(line)
    filled = {name: column + [""] * (len(lines) - len(column)) for name, column in cells.items()}
    frame = _frame(filled, lines)
    frame.attrs["warnings"] = ()
    return frame


def cell_text(value: object) -> str:
    """Return a cell as text: nothing as '', 3.0 as '3', dates in ISO form, lists as JSON."""
    if value is None or value != value:  # the latter is a missing number
        return ""
    if isinstance(value, str):
        return _sendable(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, bytes):
        return _sendable(value.decode("utf-8", "replace"))
    if isinstance(value, (list, tuple, dict)):
        return _sendable(json.dumps(value, ensure_ascii=False, default=str))
    return str(value)


def refuse_repeated(names: Sequence[str]) -> None:
    """Raise HistoryError where two columns have one name."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise HistoryError(f"its header names the column '{repeated[0]}' twice. Give each column a name of its own.")


def _frame(cells: Mapping[str, Sequence[str]], lines: list[int]) -> pd.DataFrame:
    return pd.DataFrame(cells, index=pd.Index(lines, name="line", dtype="int64"), dtype="str")


def _cut(row: list[str], *, width: int, line: int) -> list[str]:
    if any(row[width:]):
        raise HistoryError(
            f"line {line} has {len(row)} fields, the header {width}. "
            "Put quotes around fields that hold the delimiter or a line break."
        )
    return row[:width]


def _short_rows_warning(lines: list[int]) -> tuple[str, ...]:
    if not lines:
        return ()
    return (
        f"Rows with fewer fields than the header: {len(lines):,} (first: line {lines[0]}); what lacks reads as empty.",
    )


def _flattened(record: Mapping[str, object], *, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flattened(value, prefix=f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}".strip(), value


def _sendable(text: str) -> str:
    """Return text without NUL characters and half surrogate pairs, which no file or database takes."""
    if text.isascii():
        return text.replace("\0", "")
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
