"""Histories and knowledge bases are read into checked rows."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.errors import HistoryError, InvalidRowsError, RecipeError, RowProblem
from features.history import ArticleRow, ColumnMapping, HistoryRow
from training.datasets import fingerprint, read_articles, read_history
from training.event_log import EventLog
from training.labels import LabelRestriction
from training.recipe import TierRecipe

_NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _file(folder: Path, *rows: list[str], name: str = "history.csv") -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_every_field_is_read_into_its_type(tmp_path: Path) -> None:
    """A row holds what its columns say, mapped and typed; times are in UTC."""
    header = ["No", "Title", "Description", "channel", "Caller", "Opened", "Area", "priority", "KB", "resolved_at"]
    header += ["reassignments", "csat", "floor"]
    values = [
        "17.0",
        "VPN",
        "it drops\n again",
        " mail ",
        "jin.park",
        "2026-05-14T09:12:00+09:00",
        " network_x000D_",
        "1.0",
    ]
    path = _file(tmp_path, header, [*values, "KB-1; KB-2", "2026-05-15T00:00:00Z", "2", "4.5", "3"])
    mapping = {"id": "No", "subject": "Title", "body": "Description", "requester": "Caller", "created_at": "Opened"}
    mapping |= {"category": "Area", "article_ids": "KB", "attributes.floor": "floor"}
    table = read_history(path, mapping=ColumnMapping(mapping), now=_NOW)
    assert table.rows == (
        HistoryRow(
            id="17",
            subject="VPN",
            body="it drops\n again",
            channel="mail",
            requester="jin.park",
            created_at=datetime(2026, 5, 14, 0, 12, tzinfo=UTC),
            attributes={"floor": 3.0},
            category="network",
            priority="1",
            article_ids=("KB-1", "KB-2"),
            resolved_at=datetime(2026, 5, 15, tzinfo=UTC),
            reassignments=2,
            csat=4.5,
        ),
    )
    assert table.present_targets == ("category", "priority")
    assert table.warnings == ()
    assert isinstance(table.rows[0].reassignments, int)


def test_a_sign_for_nothing_is_no_date_and_no_number(tmp_path: Path) -> None:
    """Where an export writes a question mark or a word for nothing, the field is empty and the row is good."""
    path = _file(tmp_path, ["body", "resolved_at", "csat"], ["a", "?", "N/A"], ["b", "2026-05-14T00:00:00Z", "4"])
    assert [(row.resolved_at is None, row.csat) for row in read_history(path).rows] == [(True, None), (False, 4.0)]


def test_a_row_without_an_id_is_named_by_its_line(tmp_path: Path) -> None:
    """Rows need no id of their own."""
    table = read_history(_file(tmp_path, ["id", "body"], ["", "first\nline"], ["x", "b"], ["", "c"]))
    assert [row.id for row in table.rows] == ["row-2", "x", "row-5"]
    assert table.lines == (2, 4, 5)


def _broken(folder: Path) -> Path:
    return _file(
        folder,
        ["Number", "Text", "Opened", "resolved_at", "reassignments", "csat"],
        ["1", "good", "2026-05-14", "2026-05-15", "0", "4"],
        ["2", " ", "2026-05-14", "", "", ""],
        ["3", "early", "1970-01-01", "", "", ""],
        ["4", "late", "2027-01-01", "", "", ""],
        ["5", "before", "2026-05-14", "2026-05-13", "", ""],
        ["6", "word", "soon", "", "-1", "good"],
        ["1", "another text", "2026-05-14", "", "1.5", ""],
        ["1", "good ", "2026-05-14", "", "", ""],
    )


_BROKEN_MAPPING = ColumnMapping({"id": "Number", "body": "Text", "created_at": "Opened"})
_BROKEN_REPORT = (
    RowProblem(3, "Text", "", "is empty, and so is the subject"),
    RowProblem(4, "Opened", "1970-01-01", "lies before 1990"),
    RowProblem(5, "Opened", "2027-01-01", "lies in the future"),
    RowProblem(6, "resolved_at", "2026-05-13", "lies before the creation"),
    RowProblem(7, "Opened", "soon", "is no date, or none written as the others of the column (year first)"),
    RowProblem(7, "csat", "good", "is no number"),
    RowProblem(7, "reassignments", "-1", "is below zero"),
    RowProblem(8, "Number", "1", "is the id of an earlier row with another text"),
    RowProblem(8, "reassignments", "1.5", "is no whole number"),
)


def test_rows_that_break_the_checks_are_all_reported(tmp_path: Path) -> None:
    """Every failing value comes with its line, the customer's column, the value and the reason."""
    with pytest.raises(InvalidRowsError) as failure:
        read_history(_broken(tmp_path), mapping=_BROKEN_MAPPING, now=_NOW)
    assert set(failure.value.report) == set(_BROKEN_REPORT)
    assert [problem.line for problem in failure.value.report] == sorted(problem.line for problem in _BROKEN_REPORT)
    assert str(failure.value) == (
        "6 of the 8 rows of 'history.csv' break the checks: "
        "line 3, column 'Text': '' is empty, and so is the subject; "
        "line 4, column 'Opened': '1970-01-01' lies before 1990; "
        "line 5, column 'Opened': '2027-01-01' lies in the future; and 6 more. "
        "Mend them, or go on without them with --drop-invalid; --report FILE writes all of them to a file."
    )


def test_rows_that_break_the_checks_can_be_dropped(tmp_path: Path) -> None:
    """Without them the rest is read, and it is recorded how many went."""
    table = read_history(_broken(tmp_path), mapping=_BROKEN_MAPPING, drop_invalid=True, now=_NOW)
    assert [row.id for row in table.rows] == ["1"]
    assert (table.read_count, table.invalid_count, table.duplicates_count) == (8, 6, 1)
    assert set(table.report) == set(_BROKEN_REPORT)


def test_a_history_of_broken_rows_is_an_error(tmp_path: Path) -> None:
    """Dropping every row leaves nothing to learn from."""
    with pytest.raises(HistoryError, match=r"'history\.csv' has no valid row among its 1"):
        read_history(_file(tmp_path, ["id", "body"], ["1", " "]), drop_invalid=True)


def test_an_empty_text_is_blamed_on_the_column_that_the_file_has(tmp_path: Path) -> None:
    """Where only the subject is mapped it is the subject that is empty."""
    path = _file(tmp_path, ["id", "Title"], ["1", ""], ["2", "b"])
    table = read_history(path, mapping=ColumnMapping({"subject": "Title"}), drop_invalid=True)
    assert table.report[0].column == "Title"


def test_a_text_is_never_shown_in_a_report(tmp_path: Path) -> None:
    """Of a text that is too long the length is reported, not its words."""
    path = _file(tmp_path, ["id", "body"], ["1", "secret " * 200_000], ["2", "b"])
    table = read_history(path, drop_invalid=True)
    assert table.report == (RowProblem(2, "body", "1,400,000 characters", "has more than 1,000,000 characters"),)


def test_defaults_and_restrictions_take_labels_out(tmp_path: Path) -> None:
    """A priority that nobody chose, or that says nothing for requests, is no label."""
    rows = [["a", "Medium", "0"], ["b", "High", "0"], ["c", "High", "1"]]
    path = _file(tmp_path, ["body", "priority", "type"], *rows)
    table = read_history(
        path, defaults={"priority": "medium"}, restrictions=[LabelRestriction("priority", "type", "0")]
    )
    assert [row.priority for row in table.rows] == [None, "High", None]
    assert (table.default_counts, table.restricted_counts) == ({"priority": 1}, {"priority": 1})


def test_a_default_of_no_target_is_refused(tmp_path: Path) -> None:
    """A default is stated for a target."""
    with pytest.raises(RecipeError, match="Unknown target 'channel'"):
        read_history(_file(tmp_path, ["body"], ["a"]), defaults={"channel": "mail"})


def test_asked_for_columns_are_kept_beside_the_rows(tmp_path: Path) -> None:
    """A column such as that of a given split comes along for the rows that are left."""
    path = _file(tmp_path, ["id", "body", "part"], ["1", "a", "test"], ["2", "", "test"], ["3", "c", "train"])
    table = read_history(path, keep_columns=["part"], drop_invalid=True)
    assert table.kept_columns == {"part": ("test", "train")}
    with pytest.raises(HistoryError, match="Did you mean 'part'"):
        read_history(path, keep_columns=["parts"])


def test_doubtful_times_are_said(tmp_path: Path) -> None:
    """That times are read as UTC, or in one of two orders, is a warning."""
    path = _file(tmp_path, ["body", "created_at"], ["a", "01/05/2026 09:12"], ["b", "02/05/2026"])
    first, second = read_history(path, now=_NOW).warnings
    assert first.startswith("The dates of 'created_at' can be read day first and month first: they are read day first.")
    assert second.startswith("Times of 'created_at' without an offset from UTC: 1; they are read as UTC.")


def test_attributes_of_a_json_object_and_of_columns_join(tmp_path: Path) -> None:
    """A column of JSON objects gives attributes, and mapped columns are laid over them; a broken object is reported."""
    rows = [["a", '{"site": "Busan", "floor": 1}', "4"], ["b", "", ""], ["c", "Busan", "5"]]
    path = _file(tmp_path, ["body", "attributes", "attributes.floor"], *rows)
    table = read_history(path, drop_invalid=True)
    assert [dict(row.attributes) for row in table.rows] == [{"site": "Busan", "floor": 4.0}, {}]
    assert table.report == (RowProblem(4, "attributes", "Busan", 'is no JSON object such as {"floor": 3}'),)


def test_articles_are_read(tmp_path: Path) -> None:
    """An article has its tags and its audience, which is everyone where none is given."""
    path = _file(
        tmp_path,
        ["id", "title", "body", "tags", "audience", "updated_at"],
        ["KB-1", "Reset a password", "steps", "login; 비밀번호", "", "2026-02-11T00:00:00Z"],
        ["KB-2", "Phishing", "", "", "security", ""],
        ["KB-2", "Phishing", "", "", "security", ""],
        name="articles.csv",
    )
    table = read_articles(path, now=_NOW)
    assert table.rows == (
        ArticleRow(
            id="KB-1",
            title="Reset a password",
            body="steps",
            tags=("login", "비밀번호"),
            updated_at=datetime(2026, 2, 11, tzinfo=UTC),
        ),
        ArticleRow(id="KB-2", title="Phishing", audience="security"),
    )
    assert (table.read_count, table.duplicates_count) == (3, 1)


def test_articles_without_a_title_are_reported(tmp_path: Path) -> None:
    """An article without a title is invalid, and dropped when asked."""
    path = _file(tmp_path, ["id", "title", "body"], ["1", "", "steps"], ["2", "b", ""])
    with pytest.raises(InvalidRowsError, match="line 2, column 'title': '' is empty"):
        read_articles(path)
    assert read_articles(path, drop_invalid=True).invalid_count == 1


def test_a_fingerprint_tells_rows_apart() -> None:
    """The same rows in the same order have one fingerprint; any change and any other order is another."""
    rows = [HistoryRow(id="1", body="a", attributes={"x": 1.0, "y": "z"}), HistoryRow(id="2", body="b")]
    same = [replace(rows[0], attributes={"y": "z", "x": 1.0}), rows[1]]
    assert fingerprint(rows) == fingerprint(same)
    assert len({fingerprint(rows), fingerprint(rows[::-1]), fingerprint([rows[0], replace(rows[1], body="c")])}) == 3


def test_a_history_needs_no_text(tmp_path: Path) -> None:
    """Tickets of fields alone are read; those with the same fields stay apart, and only an id given twice repeats."""
    path = _file(tmp_path, ["id", "product", "category"], ["1", "a", "x"], ["2", "a", "x"], ["2", "a", "x"])
    table = read_history(path)
    assert [(row.id, row.body, row.product) for row in table.rows] == [("1", "", "a"), ("2", "", "a")]
    assert table.duplicates_count == 1
    path = _file(tmp_path, ["id", "site", "category"], ["1", "Busan", "x"])
    assert read_history(path, mapping=ColumnMapping({"attributes.site": "site"})).rows[0].attributes["site"] == "Busan"
    with pytest.raises(HistoryError, match="No column holds the body or the subject"):
        read_history(path)


_EVENTS = [
    ["no", "step", "state", "team", "place", "category"],
    ["A", "0", "New", "Desk", "Seoul", "vpn"],
    ["A", "1", "Resolved", "Network", "Busan", "wifi"],
    ["B", "0", "New", "Desk", "", "mail"],
    ["B", "1", "Resolved", "Desk", "Jeju", "mail"],
    ["C", "0", "New", "Vendor", "Seoul", ""],
]
_OF_EVENTS = ColumnMapping({"id": "no", "group": "team", "product": "place", "attributes.said": "category"})


def test_a_log_of_events_becomes_tickets_with_tiers(tmp_path: Path) -> None:
    """The first event is the ticket, the last one labels it, and the solving group has the tier."""
    mapping = _OF_EVENTS.merged(ColumnMapping({"category": "category"}))
    table = read_history(
        _file(tmp_path, *_EVENTS),
        mapping=mapping,
        events=EventLog("step", (("state", "resolved"),)),
        tiers=TierRecipe(groups={"L1": ("desk",), "L2": ("network", "vendor")}),
        restrictions=[LabelRestriction("tier", "place", "Seoul")],
    )
    assert table.rows == (
        HistoryRow("A", product="Seoul", attributes={"said": "vpn"}, category="wifi", group="Network", tier="L2"),
        HistoryRow("B", attributes={"said": "mail"}, category="mail", group="Desk"),
        HistoryRow("C", product="Seoul", group="Vendor", tier="L2"),
    )
    assert table.lines == (2, 4, 6)
    assert table.columns["category"] == "category (last event)"
    assert (table.read_count, table.restricted_counts) == (3, {"tier": 1})


def test_tiers_are_told_before_labels_are_taken_out(tmp_path: Path) -> None:
    """A tier that was told is a label like others: its default is no label."""
    table = read_history(
        _file(tmp_path, *_EVENTS),
        mapping=_OF_EVENTS,
        events=EventLog("step"),
        tiers=TierRecipe(by_reassignments=True),
        defaults={"tier": "1"},
    )
    assert [row.tier for row in table.rows] == ["2", None, None]
    assert table.default_counts == {"tier": 2}


def test_tiers_follow_tickets_that_are_left(tmp_path: Path) -> None:
    """Rows that are left out take their events along: the others keep their own tiers."""
    events = [[*row, "2026-05-01" if row[0] != "A" else "1970-01-01"] for row in _EVENTS[1:]]
    table = read_history(
        _file(tmp_path, [*_EVENTS[0], "created_at"], *events),
        mapping=_OF_EVENTS,
        events=EventLog("step"),
        tiers=TierRecipe(groups={"1": ("Desk", "Network"), "2": ("Vendor",)}),
        drop_invalid=True,
        now=_NOW,
    )
    assert [(row.id, row.tier) for row in table.rows] == [("B", "1"), ("C", "2")]
