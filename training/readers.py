"""Reads a table file of any supported format into a frame of text, each row under its line number.

Owns formats and compression; knows nothing of tickets, articles or what a column means.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
import pandas as pd
import pyarrow
import pyarrow.parquet
from openpyxl.utils.exceptions import InvalidFileException

from features.errors import HistoryError
from training.encodings import decode
from training.records import cell_text, frame_of_records, frame_of_rows, refuse_repeated

_DELIMITERS = ",;\t|"
_SNIFFED_RECORDS = 50
_LONGEST_FIELD = 2**31 - 1
_SEPARATOR_LINE = re.compile(r'^"?sep=(?P<separator>[,;\t|])"?$', re.IGNORECASE)
# Follows the last line of a file; where it is not read as a record of its own, a quote was left open.
_END_OF_FILE = "\x1eend of file\x1e"
ENDINGS = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json", ".xlsx")
_FOREIGN_STARTS = {
    b"PK\x03\x04": "an Excel or zip file",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
    b"%PDF": "a PDF",
}


def read_table(path: Path, *, encoding: str | None = None) -> pd.DataFrame:
    """Read a CSV, TSV, Parquet, JSON lines, JSON or Excel file, plain or gzipped, as text.

    Every column holds strings, an empty one where the file has nothing: `NA` and `None` stay words.
    The index `line` is the line where the row starts (CSV, JSON lines), its number in the sheet (Excel),
    or the record's number plus one. `frame.attrs["warnings"]` holds sentences on what had to be guessed.

    Raises HistoryError for a file that is missing, empty, broken or of an unknown format.
    """
    ending = _ending(path)
    try:
        frame = _reader(ending, encoding)(_content(path))
    except HistoryError as error:
        raise HistoryError(f"'{path.name}' cannot be used: {error}") from None
    if frame.empty:
        raise HistoryError(f"'{path.name}' holds a header and no rows. Export it again with its tickets or articles.")
    return frame


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".gzip"):
        suffixes.pop()
    ending = suffixes[-1] if suffixes else ""
    if not path.exists():
        raise HistoryError(f"The file '{path}' does not exist.")
    if path.is_dir():
        raise HistoryError(f"'{path}' is a folder. Name the file in it: {', '.join(ENDINGS)}, plain or .gz.")
    if ending not in ENDINGS:
        hint = " Save it as .xlsx." if ending in (".xls", ".xlsm", ".ods") else ""
        raise HistoryError(
            f"'{path.name}' has the unknown ending '{ending}'.{hint} Known are {', '.join(ENDINGS)}, plain or .gz."
        )
    return ending


def _reader(ending: str, encoding: str | None) -> Callable[[bytes], pd.DataFrame]:
    if ending in (".csv", ".tsv"):
        return lambda content: _read_delimited(content, encoding=encoding, delimiter="\t" if ending == ".tsv" else None)
    if ending in (".jsonl", ".ndjson", ".json"):
        return lambda content: _read_json(content, encoding=encoding)
    return _read_parquet if ending == ".parquet" else _read_excel


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b") or path.suffix.lower() in (".gz", ".gzip"):
            content = gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise HistoryError("it is no gzip file, or was cut off. Compress or copy it again.") from None
    except OSError as error:
        raise HistoryError(f"it cannot be read ({error.strerror}).") from None
    if not content.strip():
        raise HistoryError("it is empty.")
    return content


def _refuse_binary(content: bytes) -> None:
    for start, kind in _FOREIGN_STARTS.items():
        if content.startswith(start):
            raise HistoryError(f"it is {kind} under the ending of a text file. Rename it or export it again.")


def _read_delimited(content: bytes, *, encoding: str | None, delimiter: str | None) -> pd.DataFrame:
    _refuse_binary(content)
    decoded = decode(content, encoding=encoding)
    lines = list(io.StringIO(decoded.text, newline=""))
    skipped = 0
    stated = _SEPARATOR_LINE.match(lines[0].strip("\r\n")) if lines else None
    if stated:
        delimiter, skipped = stated["separator"], 1
    records = _records(lines[skipped:], delimiter=delimiter or _sniff(lines[skipped:]), first_line=skipped + 1)
    frame = frame_of_rows(records)
    frame.attrs["warnings"] = (*((decoded.warning,) if decoded.warning else ()), *frame.attrs["warnings"])
    return frame


def _sniff(lines: Sequence[str]) -> str:
    """Return the delimiter under which most records have as many fields as the header, and the header most."""

    def rank(delimiter: str) -> tuple[bool, float, int]:
        rows = csv.reader(lines[: 20 * _SNIFFED_RECORDS], delimiter=delimiter)
        with _unlimited_fields():
            widths = [len(row) for row, _ in zip(rows, range(_SNIFFED_RECORDS), strict=False) if row]
        header = widths[0] if widths else 0
        return header > 1, sum(width == header for width in widths) / max(1, len(widths)), header

    return max(_DELIMITERS, key=rank)


def _records(lines: Sequence[str], *, delimiter: str, first_line: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it starts on; raise HistoryError where a quote is never closed."""
    with _unlimited_fields():
        rows = csv.reader([*lines, _END_OF_FILE], delimiter=delimiter)
        start = first_line
        for row in rows:
            if row == [_END_OF_FILE]:
                return
            if row and row[-1].endswith(_END_OF_FILE):
                raise HistoryError(f'line {start} opens a quote that is never closed. Close it, or double it ("").')
            if any(row):
                yield start, row
            start = first_line + rows.line_num


@contextmanager
def _unlimited_fields() -> Iterator[None]:
    """Lift the csv module's limit on a field, which is one for the whole process, for as long as a file is read."""
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _read_json(content: bytes, *, encoding: str | None) -> pd.DataFrame:
    _refuse_binary(content)
    decoded = decode(content, encoding=encoding)
    is_list = decoded.text.lstrip().startswith("[")
    frame = frame_of_records(_listed(decoded.text) if is_list else _json_lines(decoded.text))
    frame.attrs["warnings"] = (decoded.warning,) if decoded.warning else ()
    return frame


def _json_lines(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for line, row in enumerate(io.StringIO(text), start=1):
        if row.strip():
            yield line, _as_object(_parsed(row, where=f"line {line}"), where=f"line {line}")


def _listed(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, row in enumerate(_parsed(text, where="the list"), start=1):
        yield number + 1, _as_object(row, where=f"entry {number} of the list")


def _parsed(text: str, *, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise HistoryError(f"{where} is no valid JSON: {error.msg} (column {error.colno}).") from None
    except (RecursionError, ValueError):
        raise HistoryError(f"{where} is nested too deeply, or holds a number of thousands of digits.") from None


def _as_object(row: object, *, where: str) -> Mapping[str, object]:
    if not isinstance(row, dict):
        raise HistoryError(f'{where} is no JSON object. Expected one such as {{"id": "1", "body": "..."}} a row.')
    return row


def _read_parquet(content: bytes) -> pd.DataFrame:
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError):
        raise HistoryError("it is no valid Parquet file, or was cut off. Export it again.") from None
    refuse_repeated(table.column_names)
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    return frame_of_records(
        ((number + 1, {name: row[name] for name in names}) for number, row in enumerate(rows, start=1)), columns=names
    )


def _read_excel(content: bytes) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions that hold no data
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            rows = next(filter(None, map(_sheet_rows, book.worksheets)), [])
            book.close()
    except (zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, KeyError, ValueError, OSError, EOFError):
        raise HistoryError("it is no valid Excel workbook, or was cut off. Save it again as .xlsx.") from None
    return frame_of_rows(iter(rows))


def _sheet_rows(sheet: Any) -> list[tuple[int, list[str]]]:
    """Return the rows of a sheet that hold something, without the empty cells at their ends."""
    sheet.reset_dimensions()  # what a program states as the size of its sheet is often wrong
    rows = []
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [cell_text(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            rows.append((number, cells))
    return rows
