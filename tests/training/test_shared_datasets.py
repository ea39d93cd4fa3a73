"""Real public exports are read through the product's own mapping."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from features.history import ColumnMapping
from training.datasets import HistoryTable, read_articles, read_history
from training.event_log import EventLog
from training.labels import LabelRestriction
from training.leaks import find_leaks
from training.recipe import TierRecipe
from training.targets import trainable_targets


def test_korean_inquiries_with_line_breaks_are_read(shared_datasets: Path) -> None:
    """A Korean board whose texts span lines gives all of its tickets and labels."""
    table = read_history(
        shared_datasets / "aivle_inquiry_ko" / "inquiries.csv",
        mapping=ColumnMapping({"body": "text", "category": "label"}),
    )
    assert len(table.rows) == 2954
    assert len({row.category for row in table.rows}) == 6
    assert any("\n" in row.body for row in table.rows)
    assert table.lines[-1] > 2955
    assert (table.invalid_count, table.duplicates_count, table.warnings) == (0, 0, ())


def test_several_targets_and_a_restriction_are_read(shared_datasets: Path) -> None:
    """Labels without a legend become three targets; the priority counts on incidents only."""
    table = read_history(
        shared_datasets / "endava_tickets_en" / "all_tickets.csv",
        mapping=ColumnMapping(
            {"subject": "title", "group": "business_service", "kind": "ticket_type", "priority": "urgency"}
        ),
        restrictions=[LabelRestriction.from_option("priority:ticket_type=0")],
    )
    assert len(table.rows) == 5431
    assert sum(row.priority is not None for row in table.rows) == 576
    assert "urgency" not in table.present_targets
    found = trainable_targets(
        table.rows, minimum_per_class=20, wanted=["group", "kind", "priority"], orders={"priority": ["1", "2", "3"]}
    )
    assert [target.name for target in found.targets] == ["group", "kind", "priority"]
    assert found.targets[2].labels == ("1", "2")


def test_dates_with_the_day_first_are_told(shared_datasets: Path) -> None:
    """A log whose days come first is read so as a whole; events of one incident become one row."""
    table = read_history(
        shared_datasets / "uci_incident_log" / "events.csv.gz",
        mapping=ColumnMapping({"id": "number", "subject": "number", "created_at": "opened_at"}),
        now=datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert table.read_count == 141_712
    assert len(table.rows) == 24_918
    assert table.rows[0].created_at == datetime(2016, 2, 29, 1, 16, tzinfo=UTC)
    months = Counter((row.created_at.year, row.created_at.month) for row in table.rows if row.created_at)
    assert {month for month, _ in months.most_common(3)} == {(2016, 3), (2016, 4), (2016, 5)}
    assert table.report == ()


def test_dates_with_the_month_first_are_told(shared_datasets: Path) -> None:
    """American dates with years of two digits are read as such, and severities are an order."""
    table = read_history(
        shared_datasets / "nasa_pits_en" / "issues.csv.gz",
        mapping=ColumnMapping(
            {
                "id": "TIM_Id",
                "subject": "Subject",
                "body": "Description",
                "priority": "Severity",
                "created_at": "Initiation_Date",
            }
        ),
    )
    assert len(table.rows) == 4025
    assert table.rows[0].created_at == datetime(2007, 3, 25, tzinfo=UTC)
    found = trainable_targets(table.rows, minimum_per_class=10)
    assert found.targets[0].labels == ("2", "3", "4", "5")
    assert [excluded.label for excluded in found.excluded] == ["1"]


def test_knowledge_bases_are_read(shared_datasets: Path) -> None:
    """Articles as JSON lines give ids as text, tags and bodies."""
    korean = read_articles(shared_datasets / "smartstore_faq_ko" / "articles.jsonl")
    english = read_articles(shared_datasets / "wixqa_en" / "articles.jsonl")
    assert (len(korean.rows), len(english.rows)) == (2717, 173)
    assert korean.rows[0].id == "0"
    assert all(row.tags for row in korean.rows[:10])


def test_a_log_of_incidents_gives_tiers(shared_datasets: Path) -> None:
    """The groups that held each incident tell its tier, and the columns that leak the outcome are known."""
    fields = ("category", "impact", "closed_code", "made_sla", "ident_state", "location")
    table = read_history(
        shared_datasets / "uci_incident_log" / "events.csv.gz",
        mapping=ColumnMapping(
            {"id": "number", "created_at": "opened_at", "group": "assignment_group"}
            | {f"attributes.{name}": name for name in fields}
        ),
        events=EventLog("sys_mod_count", (("ident_state", "Resolved"),)),
        tiers=TierRecipe(by_reassignments=True),
        now=datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert Counter(row.tier for row in table.rows) == {"1": 16_224, "2": 5_957, "3": 2_364, None: 373}
    leaks = find_leaks(table.rows, texts=[""] * len(table.rows), columns=table.columns, targets=["tier"])
    assert {leak.name for leak in leaks} == {"closed_code", "made_sla", "ident_state"}


def test_real_histories_are_not_taken_for_leaks(shared_datasets: Path) -> None:
    """Texts as people write them state no label; an impact that stands for the kind of ticket is the one real leak."""
    inquiries = read_history(
        shared_datasets / "aivle_inquiry_ko" / "inquiries.csv",
        mapping=ColumnMapping({"body": "text", "category": "label"}),
    )
    assert _clear_leaks(inquiries) == set()
    issues = read_history(
        shared_datasets / "nasa_pits_en" / "issues.csv.gz",
        mapping=ColumnMapping({"id": "TIM_Id", "subject": "Subject", "body": "Description", "priority": "Severity"}),
    )
    assert _clear_leaks(issues) == set()
    tickets = read_history(
        shared_datasets / "endava_tickets_en" / "all_tickets.csv",
        mapping=ColumnMapping(
            {
                "subject": "title",
                "kind": "ticket_type",
                "attributes.impact": "impact",
                "attributes.sub": "sub_category1",
            }
        ),
    )
    assert _clear_leaks(tickets) == {"impact"}


def _clear_leaks(table: HistoryTable) -> set[str]:
    texts = [f"{row.subject}\n{row.body}" for row in table.rows]
    leaks = find_leaks(table.rows, texts=texts, columns=table.columns, targets=table.present_targets)
    return {leak.name for leak in leaks if leak.is_clear}
