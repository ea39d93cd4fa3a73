"""Corrections as labels: which word stands, and that none of them reaches the parts that are held out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sparse

from features.errors import HistoryError, InvalidRowsError
from features.history import HistoryRow, Label, LabelSource, ReviewRow
from training.candidates import BoostedModel, Candidate, FeatureMatrices, MarginModel, RatioModel
from training.datasets import HistoryTable
from training.fit import Trained, fit_bundle
from training.ordinal import OrdinalModel
from training.recipe import BoostedRecipe, LinearRecipe, Recipe, SplitRecipe
from training.review_files import ReviewTable, read_reviews
from training.reviews import MOST_WEIGHT, Learned, Reviews, learned_from, weight_of
from training.splits import Split, SplitKind

NOW = datetime(2026, 5, 14, 9, 0, tzinfo=UTC)
ROWS = [HistoryRow(id=f"T-{number}", body=f"words of ticket {number}", category="network") for number in range(4)]
# Two to learn from, one as evidence, one to test.
SPLIT = Split(np.array([0, 1]), np.array([2]), np.array([3]), np.array([], np.int64), SplitKind.GIVEN)


def said(ticket_id: str, value: str = "account", *, source: LabelSource = LabelSource.LEAD, **more: Any) -> ReviewRow:
    return ReviewRow(ticket_id, more.pop("target", "category"), value, source, **more)


def learn(*rows: ReviewRow) -> Learned:
    reviews = Reviews.of(rows)
    merged = reviews.beside(ROWS)
    texts = [row.body for row in merged]
    return learned_from(reviews, merged, split=SPLIT, texts=texts, history_count=len(ROWS))


def labels(learned: Learned) -> list[str | None]:
    return [row.category for row in learned.rows]


def test_a_review_goes_before_the_history_where_it_is_learned_from() -> None:
    """In the training part the lead's label stands; the evidence and the test keep what their history says."""
    learned = learn(said("T-0"), said("T-2"), said("T-3"))
    assert labels(learned) == ["account", "network", "network", "network"]
    assert (learned.counts["reviews_lead"], learned.counts["reviews_held_out"]) == (1, 2)
    assert learned.split.train.tolist() == [0, 1]


def test_an_audit_may_serve_thresholds_and_never_the_test() -> None:
    """What was drawn at random and answered blind stands in the evidence, unweighted; the test is left alone."""
    audits = [said(f"T-{number}", source=LabelSource.AUDIT, inclusion_probability=0.5) for number in (2, 3)]
    learned = learn(*audits)
    assert labels(learned) == ["network", "network", "account", "network"]
    assert (learned.counts["reviews_audit_in_evidence"], learned.counts["reviews_held_out"]) == (1, 1)
    assert not learned.weights


@pytest.mark.parametrize(
    ("rows", "standing"),
    [
        ([said("T-0", "lead"), said("T-0", "close", source=LabelSource.PERSON_AT_CLOSE, at=NOW)], "lead"),
        ([said("T-0", "audit", source=LabelSource.AUDIT, at=NOW), said("T-0", "earlier")], "audit"),
        (
            [said("T-0", "later", at=NOW + timedelta(1)), said("T-0", "audit", source=LabelSource.AUDIT, at=NOW)],
            "later",
        ),
        ([said("T-0", "ours", source=LabelSource.UNCONFIRMED, at=NOW), said("T-0", "lead")], "lead"),
    ],
)
def test_the_higher_word_stands_and_of_equals_the_later(rows: Sequence[ReviewRow], standing: str) -> None:
    """A lead and an audit go before a person at close, who goes before nothing but the history."""
    assert labels(learn(*rows))[0] == standing


def test_what_is_our_own_is_no_label_in_any_part() -> None:
    """A value that we wrote and nobody touched is taken out of the history, wherever its ticket is."""
    learned = learn(*(said(row.id, "network", source=LabelSource.UNCONFIRMED) for row in ROWS))
    assert labels(learned) == [None] * 4
    assert learned.counts["reviews_unconfirmed"] == 4
    assert len(learned.rows) == 4


def test_a_ticket_that_no_history_holds_is_learned_from() -> None:
    """It joins the training part, unless it has no text or says what a ticket held out says."""
    learned = learn(
        said("new", body="the printer is out of toner again", language="en"),
        said("bare"),
        said("copy", body="Words of ticket 3"),
    )
    assert learned.split.train.tolist() == [0, 1, 4]
    assert [row.id for row in learned.rows[4:]] == ["new", "bare", "copy"]
    assert labels(learned)[4:] == ["account", None, None]
    assert learned.counts["reviews_left_out"] == 2
    assert (learned.split.evidence.tolist(), learned.split.test.tolist()) == ([2], [3])


def test_a_rare_draw_weighs_more_within_bounds() -> None:
    """A label counts by how rarely its ticket was drawn, up to a bound; the others count once."""
    learned = learn(said("T-0", inclusion_probability=0.5), said("T-1", target="group", inclusion_probability=0.01))
    assert learned.weights["category"].tolist() == [2, 1, 1, 1]
    assert learned.weights["group"].tolist() == [1, MOST_WEIGHT, 1, 1]
    assert weight_of(Label("account")) == 1


# --- the file ---------------------------------------------------------------------------------------------------------


def _written(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "reviews.jsonl"
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    return path


RECORD = {
    "ticket_id": "T-1",
    "target": "category",
    "value": "계정  관리",
    "source": "person at close",
    "at": "2026-05-14T08:00:00.123456+00:00",
    "weight": 1.0,
    "inclusion_probability": 0.25,
    "body": "비밀번호가 안 됩니다",
}


def test_a_file_is_read_with_its_provenance(tmp_path: Path) -> None:
    """Every column comes back typed, the label as a history's is read; a file without a review is one, too."""
    (row,) = read_reviews(_written(tmp_path, RECORD), now=NOW).rows
    assert (row.value, row.source, row.inclusion_probability) == ("계정 관리", LabelSource.PERSON_AT_CLOSE, 0.25)
    assert row.label().at == datetime(2026, 5, 14, 8, 0, 0, 123456, tzinfo=UTC)
    assert read_reviews(_written(tmp_path)) == ReviewTable()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"target": "colour"}, "is no target"),
        ({"source": "a guess"}, "is none of: history"),
        ({"value": " "}, "is empty"),
        ({"inclusion_probability": 0}, "is not above 0 and at most 1"),
        ({"weight": "heavy"}, "is no number"),
        ({"at": "2027-01-01T00:00:00+00:00"}, "lies in the future"),
    ],
)
def test_a_row_that_cannot_be_right_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    """The line, the column and the reason are told."""
    with pytest.raises(InvalidRowsError, match=f"line 2, column '{next(iter(change))}'.*{reason}"):
        read_reviews(_written(tmp_path, RECORD, RECORD | change), now=NOW)


def test_another_table_is_no_file_of_reviews(tmp_path: Path) -> None:
    """A history in its place is refused with the command that makes reviews."""
    with pytest.raises(HistoryError, match="triage export --connection NAME --reviews"):
        read_reviews(_written(tmp_path, {"id": "1", "body": "VPN"}))


# --- the model --------------------------------------------------------------------------------------------------------

_RECIPE = Recipe(
    name="tiny", least_tickets_per_label=5, boosted=BoostedRecipe(rounds=10, columns=100), split=SplitRecipe(folds=2)
)
_PARTS = ["train"] * 60 + ["evidence"] * 20 + ["test"] * 20


def _trained(reviews: Sequence[ReviewRow] | None) -> Trained:
    random = np.random.default_rng(5)
    rows = [
        HistoryRow(
            id=f"T-{number}",
            body=" ".join(random.choice([["vpn", "wifi", "tunnel"], ["toner", "paper", "print"]][number % 2], 4)),
            category=["network", "printer"][number % 2],
        )
        for number in range(100)
    ]
    table = HistoryTable(
        rows=tuple(rows),
        lines=tuple(range(2, 102)),
        read_count=100,
        invalid_count=0,
        duplicates_count=0,
        report=(),
        present_targets=("category",),
        warnings=(),
    )
    given = None if reviews is None else ReviewTable(tuple(reviews))
    return fit_bundle(table, None, reviews=given, recipe=_RECIPE, seed=1, given_split=_PARTS)


def test_reviews_teach_a_new_label_and_leave_the_held_out_parts_alone() -> None:
    """A label known from reviews alone is learned; evidence and test are those without reviews, ticket for ticket."""
    new = [
        said(f"new-{number}", "payroll", body=f"payslip salary bonus month {number}", inclusion_probability=0.5)
        for number in range(8)
    ]
    held_out = [said(f"T-{number}", "payroll") for number in range(60, 100)]
    plain, taught = _trained(None), _trained([*new, *held_out])
    assert plain.bundle.classifiers["category"].target.labels == ("network", "printer")
    assert taught.bundle.classifiers["category"].target.labels == ("network", "payroll", "printer")
    parts = taught.bundle.manifest.parts
    assert (parts["train"], parts["evidence"], parts["test"]) == (68, 20, 20)
    assert (parts["reviews_lead"], parts["reviews_held_out"]) == (8, 40)
    names = [one.labels for one in (plain.test_evidence["category"], taught.test_evidence["category"])]
    actual = [one.actual.tolist() for one in (plain.test_evidence["category"], taught.test_evidence["category"])]
    told = [[known[number] for number in numbers] for known, numbers in zip(names, actual, strict=True)]
    assert told[0] == told[1]
    assert plain.bundle.manifest.data_fingerprint != taught.bundle.manifest.data_fingerprint


@pytest.mark.parametrize(
    "candidate",
    [
        MarginModel(LinearRecipe()),
        RatioModel(LinearRecipe()),
        BoostedModel(BoostedRecipe(rounds=20), np.array([0], np.int32)),
        OrdinalModel(LinearRecipe()),
    ],
    ids=lambda candidate: candidate.name,
)
@pytest.mark.parametrize("heavier", [0, 1])
def test_a_heavier_label_wins_where_tickets_are_alike(candidate: Candidate, heavier: int) -> None:
    """Of the same ticket with two labels, each candidate tells the one that weighs more."""
    same = sparse.csr_matrix(np.ones((40, 1)))
    actual = np.repeat([0, 1], 20).astype(np.int32)
    tickets = FeatureMatrices(["vpn"] * 40, same, same, weights=np.where(actual == heavier, 3.0, 1.0))
    scores = candidate.fit(tickets, actual, label_count=2, seed=0).scores(tickets)
    assert (scores.argmax(axis=1) == heavier).all()


def test_no_review_is_no_change() -> None:
    """An export without a single review trains the same model as none."""
    plain, empty = _trained(None), _trained([])
    one, other = (trained.test_evidence["category"].probabilities for trained in (plain, empty))
    assert np.array_equal(one, other)
    assert replace(plain.bundle.manifest, created_at="", parts={}) == replace(
        empty.bundle.manifest, created_at="", parts={}
    )
