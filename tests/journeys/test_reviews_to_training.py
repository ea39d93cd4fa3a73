"""From a lead's corrections to a model that has learned them: exported from the database, trained on, scored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

import triage
from features.bundle import ModelBundle
from features.tickets import Ticket
from serving.storage.identifiers import time_ordered_id
from serving.storage.intake import Closing, FinalValue, SetBy
from serving.storage.reviewing import Answer, Review, ReviewAction
from serving.storage.sql import SqlStorage, open_storage
from tests.connected_helpdesk import write_connections
from tests.review_desk import MODEL, make_item
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

_DATA = Path(__file__).resolve().parents[2] / "data"
_CONNECTION = "zendesk-main"
# Trains in seconds, on what a handful of tickets can teach.
_RECIPE = 'name = "tiny"\nleast_tickets_per_label = 4\n[boosted]\nrounds = 10\n[split]\nfolds = 2\n'
_PLACES = ("north gate", "basement", "roof", "east wing", "south gate", "annex", "garage", "court", "ramp", "level 2")


def _told(*words: str) -> dict[str, Any]:
    # On a busy machine LightGBM's threads wait for each other twenty times as long as they compute.
    with threadpool_limits(limits=1):
        done = CliRunner().invoke(triage.app, [*words, "--json"])
    assert done.exit_code == 0, (words, done.output, done.exception)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlStorage]:
    """The database of a service with one connection, in a folder with a history and a recipe."""
    monkeypatch.setenv("TRIAGE_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TRIAGE_CONNECTIONS", str(tmp_path / "connections.toml"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(_RECIPE, encoding="utf-8")
    lines = (_DATA / "sample_tickets.jsonl").read_text(encoding="utf-8").splitlines()[::6]
    wanted = ("id", "subject", "body", "created_at", "category")
    rows = [json.loads(line) for line in lines]
    kept = [json.dumps({name: row[name] for name in wanted}, ensure_ascii=False) for row in rows]
    (tmp_path / "tickets.jsonl").write_text("\n".join(kept), encoding="utf-8")
    with SimulatedZendesk().running() as helpdesk:
        write_connections(tmp_path / "connections.toml", helpdesk)
        with closing(open_storage(f"sqlite:///{tmp_path / 'var' / 'triage.db'}")) as storage:
            yield storage


def _correct(storage: SqlStorage, number: int, *, text: str, category: str) -> None:
    """Let a lead put the suggested category of a ticket right."""
    now = datetime.now(UTC) - timedelta(hours=1)
    item = make_item(number, connection=_CONNECTION, created_at=now)
    storage.queue.add([item])
    storage.originals.keep(_CONNECTION, ticket_id=item.ticket_id, content={"subject": text, "body": text}, at=now)
    review = Review(
        id=time_ordered_id(now),
        item_id=item.id,
        connection=_CONNECTION,
        ticket_id=item.ticket_id,
        by="lead",
        at=now,
        action=ReviewAction.CORRECT,
        answers={"category": Answer("network", category)},
        model=MODEL,
    )
    assert storage.reviews.record(review)


def test_what_a_lead_corrects_is_learned(storage: SqlStorage, tmp_path: Path) -> None:
    """A category that the history lacks is learned from ten corrections; what is ours and untouched teaches nothing."""
    for number, place in enumerate(_PLACES):
        _correct(storage, number, text=f"The parking barrier at the {place} stays shut", category="parking")
    own = FinalValue("network", SetBy.US, is_confirmed=False)
    first = json.loads((tmp_path / "tickets.jsonl").read_text(encoding="utf-8").splitlines()[0])
    storage.closings.record(Closing(_CONNECTION, first["id"], datetime.now(UTC), {"category": own}, "3"))
    exported = _told("export", "--connection", _CONNECTION, "--since", "30d", "--reviews", "reviews.jsonl")
    assert exported == {"reviews": 11}

    options = ("--history", "tickets.jsonl", "--recipe", "tiny.toml", "--no-register")
    before = _told("train", *options, "--output", "before")
    after = _told("train", *options, "--reviews", "reviews.jsonl", "--output", "after")
    counts = after["tickets"]
    assert (counts["reviews_lead"], counts["reviews_unconfirmed"]) == (10, 1)
    assert counts["train"] == before["tickets"]["train"] + 10
    assert [counts[part] for part in ("read", "evidence", "test")] == [
        before["tickets"][part] for part in ("read", "evidence", "test")
    ]
    asked = Ticket(id="new", subject="Barrier", body="The barrier of the parking at the west gate is stuck")
    labels = [
        ModelBundle.load(tmp_path / name).score([asked])[0].predictions["category"].label
        for name in ("before", "after")
    ]
    assert labels[0] != "parking"
    assert labels[1] == "parking"
