"""Shows the rows that break the checks: the value as far as it may be shown, a table to read, a file to keep."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from features.errors import HistoryError, RowProblem
from features.redaction import redact

LONGEST_VALUE_CHARACTERS = 60
_HEADER = ("line", "column", "value", "reason")
# A spreadsheet runs a cell that starts so.
_FORMULA = re.compile(r"^[=+\-@\t\r](?!\d+(?:\.\d+)?$)")


def shown_value(cell: str) -> str:
    """Return a cell's value in at most 60 characters, without personal data."""
    # A long text is cut here to save work, well behind the last character that can show.
    text = redact(" ".join(cell[: 4 * LONGEST_VALUE_CHARACTERS].split()))
    return text if len(text) <= LONGEST_VALUE_CHARACTERS else text[: LONGEST_VALUE_CHARACTERS - 1] + "…"


def render_report(report: Sequence[RowProblem], *, limit: int = 20) -> str:
    """Return the first problems as an aligned table, with a line that counts what was left out."""
    if not report:
        return "Every row passes the checks.\n"
    rows = [_HEADER, *((f"{row.line}", row.column, f"'{row.value}'", row.reason) for row in report[:limit])]
    widths = [max(_display_width(row[place]) for row in rows) for place in range(len(_HEADER))]
    lines = ["  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if len(report) > limit:
        lines.append(f"... and {len(report) - limit:,} more; --report FILE writes all of them.")
    counts = Counter((problem.column, problem.reason) for problem in report).most_common(limit)
    lines += ["", *(f"{count:>7,} x {column}: {reason}" for (column, reason), count in counts)]
    return "\n".join(lines) + "\n"


def write_report(report: Sequence[RowProblem], path: Path) -> None:
    """Write every problem as CSV; raise HistoryError where the file cannot be written."""
    write_rows(((row.line, row.column, row.value, row.reason) for row in report), path, header=_HEADER)


def write_rows(rows: Iterable[Sequence[object]], path: Path, *, header: Sequence[str]) -> None:
    """Write rows as CSV that spreadsheets read and do not run; raise HistoryError where the file cannot be written."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows([_inert(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise HistoryError(
            f"The report '{path}' cannot be written ({error.strerror}). Name a file in a folder that exists."
        ) from None


def _inert(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _display_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _display_width(text))
