"""Exported reviews: whose word each label is, what is left out, and no personal data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.answers import ModelIdentity
from features.errors import HistoryError
from features.history import REVIEW_FIELDS
from serving.review_export import READER, ExportedReviews, export_reviews
from serving.storage.identifiers import time_ordered_id
from serving.storage.intake import (
    Closing,
    Effect,
    EffectState,
    FieldEffect,
    FieldStatus,
    FinalValue,
    SetBy,
    requester_sha256,
)
from serving.storage.outcomes import Feedback, FeedbackKind
from serving.storage.reviewing import Answer, Review, ReviewAction
from serving.storage.sql import SqlStorage, open_storage
from tests.review_desk import MODEL, START, make_audit, make_item

SAID = "결제팀 담당자님, 010-1234-5678 로 전화 주세요. 비밀번호는 hunter2!x 입니다. 메일은 mina@customer.example"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqlStorage]:
    storage = open_storage(f"sqlite:///{tmp_path / 'triage.db'}")
    yield storage
    storage.close()


def keep_review(storage: SqlStorage, number: int, given: str | None, *, is_audit: bool = False, **more: Any) -> Review:
    """Keep what a lead answered of an item's category."""
    made = make_audit(number, inclusion_probability=0.25) if is_audit else make_item(number)
    storage.queue.add([made])
    review = Review(
        id=time_ordered_id(START + timedelta(seconds=number)),
        item_id=made.id,
        connection=made.connection,
        ticket_id=made.ticket_id,
        by="lee@helpdesk.example",
        at=START,
        action=ReviewAction.AUDIT if is_audit else ReviewAction.CORRECT,
        answers={"category": Answer("network", given, was_shown=more.pop("was_shown", not is_audit))},
        model=MODEL,
    )
    assert storage.reviews.record(review)
    return review


def keep_text(storage: SqlStorage, number: int, text: str) -> None:
    content = {"subject": text, "body": text, "requester": "mina@customer.example"}
    requester = requester_sha256("mina@customer.example")
    storage.originals.keep("helpdesk", ticket_id=f"HD-{number}", content=content, at=START, requester_sha256=requester)


def keep_feedback(storage: SqlStorage, number: int, what: FeedbackKind, **values: Any) -> None:
    key = f"{what}-{number}"
    storage.outcomes.feedback.record(Feedback(key, "page", "helpdesk", f"HD-{number}", what, values, "agent-7", START))


def export(storage: SqlStorage, folder: Path, **more: Any) -> tuple[ExportedReviews, list[dict[str, Any]]]:
    file = folder / "reviews.jsonl"
    since = more.get("since", START - timedelta(days=1))
    done = export_reviews("helpdesk", storage=storage, since=since, file=file, clock=lambda: START)
    return done, [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_review_is_a_label_with_its_provenance(storage: SqlStorage, tmp_path: Path) -> None:
    """What a lead chose stands beside what was suggested; who she is and what is personal in the text is not told."""
    keep_review(storage, 1, "account")
    keep_text(storage, 1, SAID)
    done, (row,) = export(storage, tmp_path)
    assert done == ExportedReviews(1, {"lead": 1})
    assert tuple(row) == REVIEW_FIELDS
    assert (row["ticket_id"], row["target"], row["value"], row["suggested"]) == (
        "HD-1",
        "category",
        "account",
        "network",
    )
    assert (row["source"], row["at"], row["model_version"], row["language"]) == ("lead", START.isoformat(), "3", "en")
    assert "결제팀" in row["body"]
    written = (tmp_path / "reviews.jsonl").read_text(encoding="utf-8")
    assert not [secret for secret in ("5678", "hunter2", "customer.example", "lee@") if secret in written]
    assert [view.viewed_by for view in storage.originals.views("helpdesk", ticket_id="HD-1")] == [READER]


def test_only_a_blind_answer_is_an_audits(storage: SqlStorage, tmp_path: Path) -> None:
    """An audit keeps the chance with which it was drawn; one answered after a look is a lead's opinion."""
    keep_review(storage, 1, "account", is_audit=True)
    keep_review(storage, 2, "account", is_audit=True, was_shown=True)
    _, rows = export(storage, tmp_path)
    assert [(row["source"], row["inclusion_probability"]) for row in rows] == [("audit", 0.25), ("lead", 0.25)]


def test_what_is_no_answer_is_left_out(storage: SqlStorage, tmp_path: Path) -> None:
    """ "Cannot tell", what was undone, what is older and what is another connection's are no labels."""
    keep_review(storage, 1, None)
    undone = keep_review(storage, 2, "account")
    storage.reviews.undo(undone.id, by=undone.by, at=START)
    keep_feedback(storage, 3, FeedbackKind.ARTICLE_HELPED, article_id="KB-1")
    storage.closings.record(Closing("other", "HD-4", START, {"kind": FinalValue("request", SetBy.PERSON, True)}))
    assert export(storage, tmp_path) == (ExportedReviews(), [])
    keep_review(storage, 5, "account")
    assert export(storage, tmp_path, since=START + timedelta(hours=1))[1] == []


def test_a_final_value_is_a_label_where_a_person_set_it(storage: SqlStorage, tmp_path: Path) -> None:
    """Ours and untouched is told as unconfirmed, and so is one of which nobody knows whose it is."""
    values = {
        "category": FinalValue("hardware", SetBy.PERSON, is_confirmed=True),
        "group": FinalValue("service-desk", SetBy.US, is_confirmed=False),
        "kind": FinalValue("incident", SetBy.UNKNOWN, is_confirmed=True),
    }
    storage.closings.record(Closing("helpdesk", "HD-1", START, values, "3"))
    done, rows = export(storage, tmp_path)
    sources = {row["target"]: row["source"] for row in rows}
    assert sources == {"category": "person at close", "group": "unconfirmed", "kind": "unconfirmed"}
    assert done.by_source == {"person at close": 1, "unconfirmed": 2}


def test_feedback_is_a_persons_word_but_for_what_we_wrote(storage: SqlStorage, tmp_path: Path) -> None:
    """A correction is a label; a final value that is the one we wrote is not."""
    written = FieldEffect("priority", "high", "", "2", FieldStatus.WRITTEN)
    model = ModelIdentity("ticket-triage", "3")
    storage.effects.claim(
        Effect("m", "helpdesk", "HD-1", "m", "d", model, START, fields=(written,), state=EffectState.WRITTEN)
    )
    keep_feedback(storage, 1, FeedbackKind.CORRECTED, category="account")
    keep_feedback(storage, 1, FeedbackKind.FINAL_VALUES, priority="High", kind="request", reassignments=2)
    _, rows = export(storage, tmp_path)
    told = {row["target"]: (row["value"], row["source"]) for row in rows}
    assert told["category"] == ("account", "person at close")
    assert told["kind"] == ("request", "person at close")
    assert told["priority"] == ("High", "unconfirmed")
    assert len({row["reviewer"] for row in rows}) == 1
    assert rows[0]["reviewer"] not in ("", "agent-7")


def test_a_forgotten_ticket_is_left_out(storage: SqlStorage, tmp_path: Path) -> None:
    """Nothing that was said of a forgotten ticket is exported; it is counted."""
    for number in (1, 2):
        keep_review(storage, number, "account")
    keep_text(storage, 1, SAID)
    storage.originals.forget(requester_sha256("mina@customer.example"), at=START)
    done, rows = export(storage, tmp_path)
    assert (done.labels, done.forgotten, [row["ticket_id"] for row in rows]) == (1, 1, ["HD-2"])
    assert (rows[0]["subject"], rows[0]["body"]) == ("", "")


def test_a_file_is_whole_or_not_there(storage: SqlStorage, tmp_path: Path) -> None:
    """A folder that cannot be written to is named with what to do."""
    with pytest.raises(HistoryError, match="cannot be written"):
        export(storage, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
