"""Files that cannot be used, each with the sentence that says why and what to do."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pandas as pd
import pytest

from features.errors import HistoryError
from features.history import ColumnMapping
from training.datasets import read_articles, read_history
from training.readers import read_table


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"body": ["a"]}).to_parquet(buffer)
    return buffer.getvalue()


def _workbook(rows: list[list[str]]) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_excel(buffer, index=False, header=False)
    return buffer.getvalue()


_BAD_FILES: list[tuple[str, bytes, str]] = [
    ("empty.csv", b"", "'empty.csv' cannot be used: it is empty."),
    ("blank.csv", b"\n \n\n", "it is empty."),
    ("only_marks.csv", b"\xef\xbb\xbf", "it is empty."),
    ("header.csv", b"id,body\n", "'header.csv' holds a header and no rows."),
    ("empty.json", b"[]", "holds a header and no rows."),
    ("history.pages", b"x", "unknown ending '.pages'. Known are .csv, .tsv, .parquet"),
    ("history.xls", b"x", "unknown ending '.xls'. Save it as .xlsx."),
    ("history", b"x", "unknown ending ''."),
    ("plain.csv.gz", b"id,body\n1,a\n", "it is no gzip file, or was cut off."),
    ("cut.csv.gz", gzip.compress(b"id,body\n" + b"1,abc\n" * 99)[:-12], "it is no gzip file, or was cut off."),
    ("broken.parquet", b"PAR1 and nothing more", "it is no valid Parquet file, or was cut off."),
    ("cut.parquet", _parquet()[:-20], "it is no valid Parquet file, or was cut off."),
    ("broken.xlsx", b"not a workbook", "it is no valid Excel workbook, or was cut off."),
    ("cut.xlsx", _workbook([["id"], ["1"]])[:-300], "it is no valid Excel workbook, or was cut off."),
    ("blank.xlsx", _workbook([]), "it is empty."),
    ("really_excel.csv", _workbook([["id"], ["1"]]), "it is an Excel or zip file under the ending of a text file."),
    ("really_parquet.jsonl", _parquet(), "it is a Parquet file under the ending of a text file."),
    ("line.jsonl", b'{"id": 1}\n{"id": 2\n', "line 2 is no valid JSON: "),
    ("list.jsonl", b'{"id": 1}\n\n"two"\n', "line 3 is no JSON object."),
    ("entry.json", b'[{"id": 1}, 2]', "entry 2 of the list is no JSON object."),
    ("open.json", b'[{"id": 1}', "the list is no valid JSON: "),
    ("deep.jsonl", b'{"a": ' + b"[" * 100_000, "line 1 is nested too deeply"),
    ("digits.jsonl", b'{"a": ' + b"9" * 5_000 + b"}", "a number of thousands of digits"),
    ("twice.csv", b"id,body,body\n1,a,b\n", "its header names the column 'body' twice."),
    ("more.csv", b'id,body\n1,"a\nb"\n2,b,c\n', "line 4 has 3 fields, the header 2. Put quotes around fields"),
    ("quote.csv", b'id,body\n1,a\n2,"b\n3,c\n', "line 3 opens a quote that is never closed."),
    ("picture.csv", bytes(range(1, 256)) * 20, "it is no text in a known encoding"),
]


@pytest.mark.parametrize(("name", "content", "message"), _BAD_FILES, ids=[bad[0] for bad in _BAD_FILES])
def test_a_bad_file_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """Every bad file gives a HistoryError whose message names the file and says what is wrong with it."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HistoryError) as failure:
        read_table(path)
    assert message in str(failure.value)
    assert name in str(failure.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is said."""
    with pytest.raises(HistoryError, match=r"The file '.*nowhere\.csv' does not exist\."):
        read_table(tmp_path / "nowhere.csv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder is told from a file."""
    with pytest.raises(HistoryError, match=r"is a folder\. Name the file in it"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("encoding", "message"), [("utf-9", "the encoding 'utf-9' is unknown"), ("ascii", "line 2 is not valid ascii")]
)
def test_a_wrong_stated_encoding_is_refused(tmp_path: Path, encoding: str, message: str) -> None:
    """An encoding that is unknown, or that the bytes are not in, is said with the line."""
    path = tmp_path / "korean.csv"
    path.write_text("id,body\n1,안녕하세요\n", encoding="utf-8")
    with pytest.raises(HistoryError, match=message):
        read_table(path, encoding=encoding)


def test_a_missing_column_is_named_with_the_likely_one(tmp_path: Path) -> None:
    """A mapped column that the file lacks is an error with its columns and the one that was meant."""
    path = tmp_path / "history.csv"
    path.write_text("Number,Description\n1,down\n", encoding="utf-8")
    with pytest.raises(HistoryError) as failure:
        read_history(path, mapping=ColumnMapping({"body": "Descripton"}))
    assert str(failure.value) == (
        "The file has no column 'Descripton'. Did you mean 'Description'? Its columns are: Number, Description."
    )


def test_a_history_without_text_says_how_to_map_it(tmp_path: Path) -> None:
    """A file of which no column is the subject or the body cannot be learned from."""
    path = tmp_path / "history.csv"
    path.write_text("Number,Description\n1,down\n", encoding="utf-8")
    with pytest.raises(HistoryError, match=r"No column holds the body or the subject\. State it with --map body="):
        read_history(path)


def test_articles_without_titles_say_how_to_map_them(tmp_path: Path) -> None:
    """A knowledge base needs a column of titles."""
    path = tmp_path / "articles.csv"
    path.write_text("id,body\n1,steps\n", encoding="utf-8")
    with pytest.raises(HistoryError, match=r"No column holds the title\. State it with --map title=COLUMN"):
        read_articles(path)
