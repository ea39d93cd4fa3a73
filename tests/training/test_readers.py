"""Files of every supported format become frames of text under their line numbers."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.readers import read_table

# What a CSV file can hold: no NUL, which is taken out on purpose, and no half surrogate pairs.
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
_ROWS = [{"id": "1", "body": "the VPN drops"}, {"id": "2", "body": "프린터가 안 됩니다"}]


def _csv_bytes(rows: list[list[str]], *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    return buffer.getvalue().encode(encoding)


@given(st.lists(st.tuples(_TEXT, _TEXT), min_size=1, max_size=8))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_survives_a_csv_file(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    """Whatever text stands in a cell, line breaks and quotes included, is read as it was written."""
    path = tmp_path / "any.csv"
    path.write_bytes(_csv_bytes([["first", "second"], *([one + ".", two] for one, two in rows)]))
    frame = read_table(path)
    assert frame.to_numpy().tolist() == [[one + ".", two] for one, two in rows]


@given(st.lists(st.dictionaries(st.sampled_from(["id", "body", "title"]), _TEXT, min_size=1), min_size=1, max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_survives_json_lines(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    """Whatever text stands in a JSON line is read as it was written; a missing field is empty."""
    path = tmp_path / "any.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    frame = read_table(path)
    assert frame.to_dict("records") == [{name: row.get(name, "") for name in frame.columns} for row in rows]


def test_a_row_is_named_by_the_line_where_it_starts(tmp_path: Path) -> None:
    """A field of several lines moves the rows after it down."""
    path = tmp_path / "lines.csv"
    path.write_text('id,body\n1,"one\ntwo\r\nthree"\n\n2,short\n', encoding="utf-8", newline="")
    assert read_table(path).index.tolist() == [2, 6]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_records(tmp_path: Path, delimiter: str) -> None:
    """Commas, semicolons, tabs and bars are told apart, though the text holds the others."""
    path = tmp_path / "export.csv"
    rows = [["id", "body"], ["1", "a, b; c | d\te"], ["2", "again, again; and | so\ton"]]
    path.write_bytes(_csv_bytes(rows, delimiter=delimiter))
    assert read_table(path).to_numpy().tolist() == rows[1:]


def test_a_stated_separator_line_is_obeyed(tmp_path: Path) -> None:
    """The line `sep=;` that some spreadsheets write names the delimiter and is no header."""
    path = tmp_path / "export.csv"
    path.write_text("sep=;\nid;body\n1;a,b,c\n", encoding="utf-8")
    frame = read_table(path)
    assert frame.to_dict("records") == [{"id": "1", "body": "a,b,c"}]
    assert frame.index.tolist() == [3]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_every_format_gives_the_same_rows(tmp_path: Path, ending: str, gzipped: bool) -> None:
    """CSV, TSV, JSON lines, JSON, Parquet and Excel, plain and gzipped, hold the same tickets."""
    plain = tmp_path / f"history{ending}"
    frame = pd.DataFrame(_ROWS)
    if ending in (".csv", ".tsv"):
        frame.to_csv(plain, index=False, sep="\t" if ending == ".tsv" else ",")
    elif ending == ".parquet":
        frame.to_parquet(plain)
    elif ending == ".xlsx":
        frame.to_excel(plain, index=False)
    else:
        frame.to_json(plain, orient="records", lines=ending != ".json", force_ascii=False)
    path = plain
    if gzipped:
        path = tmp_path / f"history{ending}.gz"
        path.write_bytes(gzip.compress(plain.read_bytes()))
    read = read_table(path)
    assert read.to_dict("records") == _ROWS
    assert read.index.tolist() == ([1, 2] if ending in (".jsonl", ".ndjson") else [2, 3])


def test_words_for_nothing_stay_words(tmp_path: Path) -> None:
    """`NA`, `None` and `null` are text that someone wrote; only an empty cell is empty."""
    path = tmp_path / "words.csv"
    path.write_text("id,body\nNA,None\nnull,\n", encoding="utf-8")
    assert read_table(path).to_numpy().tolist() == [["NA", "None"], ["null", ""]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp949", "euc-kr"])
def test_korean_files_are_read_in_whatever_encoding(tmp_path: Path, encoding: str) -> None:
    """A Korean export reads the same in UTF-8, UTF-16 and the encodings of Korean Windows."""
    path = tmp_path / "korean.csv"
    path.write_bytes(_csv_bytes([["번호", "내용"], ["1", "메일이 안 옵니다. 확인 부탁드려요"]], encoding=encoding))
    frame = read_table(path)
    assert frame.to_dict("records") == [{"번호": "1", "내용": "메일이 안 옵니다. 확인 부탁드려요"}]
    assert any("cp949" in warning for warning in frame.attrs["warnings"]) == (encoding in ("cp949", "euc-kr"))


def test_western_files_are_read_in_cp1252(tmp_path: Path) -> None:
    """Accents and curly quotes of Western Windows are not taken for Hangul."""
    path = tmp_path / "western.csv"
    path.write_bytes(_csv_bytes([["id", "body"], ["1", "Le café “Élan” est fermé, désolé"]], encoding="cp1252"))
    assert read_table(path)["body"].tolist() == ["Le café “Élan” est fermé, désolé"]


def test_a_few_broken_bytes_do_not_change_the_encoding(tmp_path: Path) -> None:
    """UTF-8 with a broken byte stays UTF-8, and the loss is said."""
    path = tmp_path / "broken.csv"
    path.write_bytes("id,body\n1,네트워크가 느립니다 정말로요".encode() + b"\xff\n")
    frame = read_table(path)
    assert frame["body"].tolist() == ["네트워크가 느립니다 정말로요\ufffd"]
    assert frame.attrs["warnings"] == (
        "The file is not plain UTF-8: it was read as utf-8. Characters that could not be read: 1.",
    )


def test_a_stated_encoding_is_used(tmp_path: Path) -> None:
    """Who knows the encoding can say so."""
    path = tmp_path / "stated.csv"
    path.write_bytes("id,body\n1,日本語\n".encode("shift_jis"))
    assert read_table(path, encoding="shift_jis")["body"].tolist() == ["日本語"]


def test_nul_characters_are_taken_out(tmp_path: Path) -> None:
    """NUL bytes in a text file and escaped ones in JSON are no part of a ticket."""
    (tmp_path / "nul.csv").write_bytes(b"id,body\n1,a\0b\n")
    (tmp_path / "nul.jsonl").write_text('{"id": 1, "body": "a\\u0000b\\ud800"}', encoding="utf-8")
    assert read_table(tmp_path / "nul.csv")["body"].tolist() == ["ab"]
    assert read_table(tmp_path / "nul.jsonl")["body"].tolist() == ["ab?"]


def test_short_rows_are_filled_up_and_said(tmp_path: Path) -> None:
    """A row with fewer fields than the header is read, and a warning names the first."""
    path = tmp_path / "short.csv"
    path.write_text("id,body,category\n1,a,x\n2,b\n3\n", encoding="utf-8")
    frame = read_table(path)
    assert frame.to_numpy().tolist() == [["1", "a", "x"], ["2", "b", ""], ["3", "", ""]]
    assert frame.attrs["warnings"] == (
        "Rows with fewer fields than the header: 2 (first: line 3); what lacks reads as empty.",
    )


def test_fields_longer_than_the_usual_limit_are_read(tmp_path: Path) -> None:
    """A field of more than 131,072 characters is read, and the limit of the csv module is as before."""
    path = tmp_path / "long.csv"
    path.write_text(f"id,body\n1,{'x' * 200_000}\n", encoding="utf-8")
    before = csv.field_size_limit()
    assert len(read_table(path)["body"].iat[0]) == 200_000
    assert csv.field_size_limit() == before


def test_nested_json_becomes_dotted_columns(tmp_path: Path) -> None:
    """An object within a row gives columns such as `requester.email`; lists stay JSON."""
    path = tmp_path / "nested.jsonl"
    row = {"id": 7, "requester": {"email": "a@haneul.example"}, "tags": ["vpn", "한글"], "score": 3.0, "open": True}
    path.write_text(json.dumps(row) + "\n\n" + json.dumps({"id": None, "score": 0.5}), encoding="utf-8")
    frame = read_table(path)
    assert frame.to_dict("records") == [
        {"id": "7", "requester.email": "a@haneul.example", "tags": '["vpn", "한글"]', "score": "3", "open": "true"},
        {"id": "", "requester.email": "", "tags": "", "score": "0.5", "open": ""},
    ]
    assert frame.index.tolist() == [1, 3]


def test_excel_cells_keep_what_they_say(tmp_path: Path) -> None:
    """Numbers, dates and gaps of a sheet become text; empty rows and sheets are passed over; rows keep their number."""
    book = openpyxl.Workbook()
    sheet = book.create_sheet("tickets")
    for row in (["id", "opened", "body"], [1, datetime(2026, 5, 14, 9, 12), "down"], [], [2.5, None, "=1+"]):  # noqa: DTZ001
        sheet.append(row)
    book.save(tmp_path / "book.xlsx")
    frame = read_table(tmp_path / "book.xlsx")
    assert frame.index.tolist() == [2, 4]
    assert frame["id"].tolist() == ["1", "2.5"]
    assert frame["opened"].tolist() == ["2026-05-14T09:12:00", ""]


def test_an_unnamed_column_gets_its_number_as_name(tmp_path: Path) -> None:
    """The unnamed first column of many exports does not stop the reading."""
    path = tmp_path / "unnamed.csv"
    path.write_text(",body\n0,a\n", encoding="utf-8")
    assert read_table(path).columns.tolist() == ["column 1", "body"]
