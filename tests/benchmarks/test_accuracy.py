"""The benchmark as it is run: on invented tickets in the place of the public ones."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_THINGS = {
    "41": ["printer", "toner", "paper tray"],
    "42": ["vpn", "tunnel", "token"],
    "43": ["laptop", "screen", "dock"],
}
_TROUBLES = ["does not start", "is broken again", "has to be replaced", "shows an error", "was lost on the train"]


def _run(workdir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "benchmarks/accuracy.py", "--recipe", "fast", "--workdir", str(workdir), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of the public data sets, with tickets and articles that nobody sent."""
    folder = tmp_path_factory.mktemp("datasets")
    (folder / "endava_tickets_en").mkdir()
    draw = random.Random(0)
    for part, count in (("train", 90), ("test", 30)):
        path = folder / "endava_tickets_en" / f"business_service_{part}.csv.gz"
        with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["title", "body", "business_service"])
            for number in range(count):
                service = draw.choice([*_THINGS])
                thing = draw.choice(_THINGS[service])
                body = f"the {thing} in room {number} {draw.choice(_TROUBLES)} since {draw.randint(1, 28)} May"
                rows.writerow([f"{thing} {number}", body, service])
    (folder / "wixqa_en").mkdir()
    articles = [
        {"id": f"a{number}", "title": things[0], "body": f"What to do when a {', a '.join(things)} fails."}
        for number, things in enumerate(_THINGS.values())
    ]
    questions = [{"question": f"my {thing} is dead", "article_ids": ["a0"]} for thing in _THINGS["41"]]
    for name, lines in (("articles", articles), ("questions", questions)):
        text = "\n".join(map(json.dumps, lines))
        (folder / "wixqa_en" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def first(invented: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of cells, and a run that filled it."""
    workdir = tmp_path_factory.mktemp("work")
    return workdir, _run(
        workdir,
        *("--datasets", str(invented), "--sets", "endava_business_service,wixqa_en"),
        *("--rivals", "linear_svc,bm25", "--json"),
    )


def test_json_holds_figures_by_set_and_method(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """One object on standard output, and nothing else there."""
    _, done = first
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {name: list(methods) for name, methods in report.items()} == {
        "endava_business_service": ["ours", "linear_svc"],
        "wixqa_en": ["ours", "bm25"],
    }
    labelled, searched = report["endava_business_service"]["ours"], report["wixqa_en"]["ours"]
    assert {"accuracy", "macro_f1", "calibration_error", "log_loss", "training_seconds", "size_bytes"} <= set(labelled)
    assert {"recall_at_1", "recall_at_5", "mrr_at_10", "milliseconds"} <= set(searched)
    assert labelled["accuracy"] > 0.8
    assert searched["recall_at_1"] == 1.0
    low, high = labelled["intervals"]["accuracy"]
    assert low <= labelled["accuracy"] <= high


def test_ours_learns_from_all_but_its_evidence(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Of ninety past tickets about a twentieth is set apart; a rival learns from all."""
    _, done = first
    methods = json.loads(done.stdout)["endava_business_service"]
    assert methods["linear_svc"]["fitted_count"] == 90
    assert 82 <= methods["ours"]["fitted_count"] < 90


def test_a_second_run_makes_nothing_and_tells_the_same(
    first: tuple[Path, subprocess.CompletedProcess[str]], invented: Path
) -> None:
    """Every cell is there; the tables hold them, and name ours beside the best rival."""
    workdir, _ = first
    both = ("--datasets", str(invented), "--sets", "endava_business_service", "--rivals", "linear_svc")
    again = _run(workdir, *both)
    assert again.returncode == 0, again.stderr
    assert "2 of 2 cells are there." in again.stderr
    assert "[1/" not in again.stderr
    for text in ("## endava_business_service", "| **ours** |", "| linear_svc |", "over linear_svc", "2 of 2 cells."):
        assert text in again.stdout


def test_a_report_names_what_is_missing(first: tuple[Path, subprocess.CompletedProcess[str]], invented: Path) -> None:
    """Cells of another seed do not stand in for those that were not made."""
    workdir, _ = first
    options = ("--datasets", str(invented), "--sets", "wixqa_en", "--rivals", "none", "--seed", "5")
    report = _run(workdir, *options, "--only-report")
    assert "Not measured: ours (1 of 1 cells)." in report.stdout
    assert "0 of 1 cells." in report.stdout


def test_names_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    """The message holds the names that there are."""
    for option in ("--sets", "--rivals"):
        done = _run(tmp_path, option, "linear_svm")
        assert done.returncode == 2
        assert "'linear_svm' is none of" in done.stderr
