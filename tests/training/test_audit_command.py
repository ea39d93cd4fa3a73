"""The verb `audit-labels`, as a data scientist calls it, and what it says and writes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from features.errors import EncoderError, HistoryError
from training.audit_command import audit_labels
from training.label_effect import Difference, FaultsEffect, Treatment
from training.label_report import effect_sentences

Run: TypeAlias = Callable[..., Result]
_RECIPE = 'name = "tiny"\nleast_tickets_per_label = 5\nneighbours = false\n[boosted]\nrounds = 10\n[split]\nfolds = 3\n'
_TOPICS = {
    "network": ("vpn", "tunnel", "접속이"),
    "=printer": ("paper", "toner", "용지가"),
    "hr": ("leave", "payslip", "연차"),
}
_FILLERS = ("please", "again", "오늘", "자꾸", "the", "desk", "since", "안돼요", "and", "now")


def _rows() -> list[dict[str, object]]:
    """Return tickets of three topics under columns of their own; every twentieth bears another topic's label."""
    random = np.random.default_rng(4)
    rows: list[dict[str, object]] = []
    for number in range(180):
        topic = number % 3
        words = [*random.choice(list(_TOPICS.values())[topic], 3), *random.choice(_FILLERS, 4)]
        label = list(_TOPICS)[(topic + (number % 20 == 7)) % 3]
        part = "test" if number % 5 == 0 else "train"
        rows.append({"Number": f"HD-{number}", "Text": " ".join(words), "Service": label, "part": part})
    return rows


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the verb in a folder with a history and a small recipe."""
    monkeypatch.chdir(tmp_path)
    lines = (json.dumps(row, ensure_ascii=False) for row in _rows())
    (tmp_path / "tickets.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(_RECIPE, encoding="utf-8")
    app = typer.Typer()
    app.command()(audit_labels)
    columns = ("--map", "id=Number", "--map", "body=Text", "--map", "category=Service", "--recipe", "tiny.toml")

    def run_(*options: str) -> Result:
        return CliRunner().invoke(app, ["tickets.jsonl", *columns, *options], catch_exceptions=False)

    return run_


def test_suspected_labels_are_said_and_written(run: Run) -> None:
    """The summary names the most suspected tickets; the file has all of them, with both labels and why."""
    done = run("--out", "suspected.csv")
    assert done.exit_code == 0
    assert "category: 180 tickets, 3 labels" in done.stdout
    with Path("suspected.csv").open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    wrong = {f"HD-{number}" for number in range(7, 180, 20)}
    assert len(wrong & {row["id"] for row in written[: 2 * len(wrong)]}) >= len(wrong) - 2
    first = written[0]
    assert first["id"] in done.stdout
    assert float(first["probability_suggested"]) > float(first["probability_given"])
    assert f"give '{first['suggested'].removeprefix(chr(39))}'" in first["why"]
    # What a spreadsheet would take for a formula is made plain text.
    assert {row["given"] for row in written} <= {"network", "'=printer", "hr"}


def test_everything_but_the_tickets_is_json(run: Run) -> None:
    """One JSON object holds the estimates with their intervals, label by label, and the effect where asked for."""
    printed: dict[str, Any] = json.loads(run("--json", "--effect", "--split-column", "part").stdout)
    assert printed["tickets"] == 180
    value, low, high = printed["wrong"]
    assert low <= value <= high
    assert printed["ceiling"] == pytest.approx([1 - value, 1 - high, 1 - low])
    assert set(printed["labels"]) == set(_TOPICS)
    assert printed["effect"]["train"] + printed["effect"]["test"] == 180
    assert printed["effect"]["test"] >= 36
    assert set(printed["effect"]["treatments"]) == {"left out", "corrected"}
    assert "HD-7" not in json.dumps(printed)


def test_a_target_that_the_history_lacks_is_refused(run: Run) -> None:
    """What cannot be looked at is an error with a sentence, before anything is trained."""
    with pytest.raises(HistoryError, match="no ticket of the history has a label"):
        run("--target", "tier")


def test_an_encoder_that_cannot_be_had_is_refused(run: Run) -> None:
    """One that is asked for by name and is not there is an error, as in training."""
    with pytest.raises(EncoderError, match="missing-encoder"):
        run("--encoder", "./missing-encoder")


@pytest.mark.parametrize(
    ("accuracy", "macro_f1", "verdict"),
    [
        ((0.02, 0.01, 0.03), (0.01, -0.01, 0.03), "It helps here."),
        ((0.0, -0.01, 0.01), (0.03, 0.01, 0.05), "It helps here."),
        ((-0.02, -0.03, -0.01), (0.0, -0.01, 0.01), "It does harm here."),
        ((0.02, 0.01, 0.03), (-0.02, -0.03, -0.01), "It does harm here."),
        ((0.01, -0.01, 0.03), (0.01, -0.01, 0.03), "It does not help here: chance alone moves as much."),
    ],
)
def test_the_verdict_is_what_the_intervals_say(
    accuracy: tuple[float, float, float], macro_f1: tuple[float, float, float], verdict: str
) -> None:
    """Help is claimed where an interval lies above zero and none below; what chance could have done is no help."""
    treatment = Treatment("left out", Difference(*accuracy), Difference(*macro_f1))
    (sentence,) = effect_sentences(FaultsEffect(700, 40, 300, 0.81, 0.79, (treatment,)))
    assert sentence.endswith(verdict)
    assert "With 40 suspected of 700 training labels left out" in sentence
    assert f"{accuracy[0]:+.3f} [{accuracy[1]:+.3f}, {accuracy[2]:+.3f}]" in sentence
