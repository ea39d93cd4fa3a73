"""The tickets that are sent, and the registered model that scores them. Knows nothing of servers or of time."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from side_by_side.servers import BIN, BenchmarkError, Row
from training.registry import list_versions

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Workload:
    """The tickets that are sent, and how the model that scores them is trained."""

    name: str
    training: tuple[str, ...]
    rows: Sequence[Row]

    def part(self, start: int, count: int) -> list[Row]:
        """Return so many tickets from a place on, from the beginning again where they do not suffice."""
        return [self.rows[place % len(self.rows)] for place in range(start, start + count)]


@dataclass(frozen=True, slots=True)
class Registered:
    """The registered version that all are asked for."""

    tracking_uri: str
    version: str
    created_at: str


def find_workload(datasets: Path) -> Workload:
    """Return the public sets where both are there, else the sample."""
    tickets = datasets / "it_service_tickets_en" / "tickets.csv.gz"
    articles = datasets / "wixqa_en" / "articles.jsonl"
    if tickets.is_file() and articles.is_file():
        columns = ("--map", "body=Document", "--map", "category=Topic_group", "--split-column", "in_published_test")
        marked = ("--recipe", "fast", "--history", str(tickets), *columns, "--articles", str(articles))
        return Workload("it_service_tickets_en", marked, _shuffled(_marked_tickets(tickets)))
    say(f"it_service_tickets_en and wixqa_en are not both under {datasets}: the project's sample takes their place.")
    data = ROOT / "data"
    sample = data / "sample_tickets.jsonl"
    articles = data / "sample_articles.jsonl"
    training = ("--recipe", str(data / "sample_recipe.toml"), "--history", str(sample), "--articles", str(articles))
    return Workload("sample", training, _shuffled(_sample_tickets(sample)))


def _marked_tickets(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if row["in_published_test"] == "True":
                yield {"id": f"test-{number}", "subject": "", "body": row["Document"]}


def _sample_tickets(path: Path) -> Iterator[Row]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield {"id": f"test-{row['id']}", "subject": row["subject"], "body": row["body"]}


def _shuffled(rows: Iterator[Row]) -> list[Row]:
    given = [row for row in rows if row["subject"].strip() or row["body"].strip()]
    return [given[place] for place in np.random.default_rng(0).permutation(len(given))]


def find_or_train(var_dir: Path, workload: Workload) -> Registered:
    """Return the champion registered in a folder, trained there first where there is none."""
    tracking_uri = f"sqlite:///{(var_dir / 'mlflow.db').as_posix()}"
    found = _champion(tracking_uri)
    if found is None:
        var_dir.mkdir(parents=True, exist_ok=True)
        say(f"No model is registered in {var_dir}: training one on {workload.name} ...")
        environment = {**os.environ, "TRIAGE_VAR_DIR": str(var_dir), "MLFLOW_TRACKING_URI": tracking_uri}
        done = subprocess.run([str(BIN / "triage"), "train", *workload.training], env=environment, stdout=sys.stderr)
        found = _champion(tracking_uri)
        if done.returncode or found is None:
            raise BenchmarkError(f"The model could not be trained (exit status {done.returncode}): see above.")
    say(f"Version {found.version}, registered {found.created_at}, in {var_dir}.")
    return found


def _champion(tracking_uri: str) -> Registered | None:
    for found in list_versions(tracking_uri=tracking_uri):
        if "champion" in found.aliases:
            return Registered(tracking_uri, found.version, found.created_at.isoformat(timespec="seconds"))
    return None


def say(words: str) -> None:
    """Tell the one who waits what is done."""
    print(words, file=sys.stderr, flush=True)
