"""Reports of rows that break the checks, to read and to keep."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from features.errors import HistoryError, RowProblem
from training.row_reports import render_report, shown_value, write_report

_REPORT = (
    RowProblem(2, "접수일", "내일", "is no date"),
    RowProblem(17, "opened", "soon", "is no date"),
    RowProblem(18, "opened", "later", "is no date"),
)


def test_a_report_is_an_aligned_table() -> None:
    """Columns line up on a terminal, where Hangul is twice as wide."""
    assert render_report(_REPORT) == (
        "line  column  value    reason\n"
        "2     접수일  '내일'   is no date\n"
        "17    opened  'soon'   is no date\n"
        "18    opened  'later'  is no date\n"
        "\n"
        "      2 x opened: is no date\n"
        "      1 x 접수일: is no date\n"
    )


def test_a_long_report_is_cut_and_counted() -> None:
    """What is left out is counted, and the file that holds it named."""
    shown = render_report(_REPORT, limit=1)
    assert "... and 2 more; --report FILE writes all of them." in shown
    assert "'soon'" not in shown


def test_an_empty_report_says_so() -> None:
    """Without problems there is no table."""
    assert render_report(()) == "Every row passes the checks.\n"


def test_a_written_report_holds_every_problem(tmp_path: Path) -> None:
    """The file opens in a spreadsheet: it has a byte-order mark, and no cell of it is run as a formula."""
    path = tmp_path / "report.csv"
    write_report(
        (*_REPORT, RowProblem(19, "id", "=1+1", "is empty"), RowProblem(20, "reopened", "-1", "is below zero")), path
    )
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "column", "value", "reason"]
    assert rows[1] == ["2", "접수일", "내일", "is no date"]
    assert [row[2] for row in rows[4:]] == ["'=1+1", "-1"]
    assert [file.name for file in tmp_path.iterdir()] == ["report.csv"]


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A folder that does not exist is named."""
    with pytest.raises(HistoryError, match=r"The report '.*' cannot be written"):
        write_report(_REPORT, tmp_path / "nowhere" / "report.csv")


def test_a_shown_value_is_short_and_without_personal_data() -> None:
    """At most 60 characters of a value are shown, and no address or number of a person."""
    assert shown_value("mail to jin@haneul.example\nnow") == "mail to [email] now"
    assert "900101" not in shown_value("900101-1234567")
    assert len(shown_value("word " * 1000)) == 60
