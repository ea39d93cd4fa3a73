"""What the tier told from a log of events is worth: our recipe beside plain models of the same fields.

    python benchmarks/tiers.py [--recipe balanced] [--latest N] [--seed 0] [--json]

The incidents of uci_incident_log, without any text: the fields of each one's first event predict whether the first
group solves it (1), the second (2) or a later one (3). Split by time: the latest 15 % are the test. The rivals are
logistic regression over the same fields one-hot, and LightGBM over them as categories, both at their defaults. They
see everything but the test part, the evidence part included, which our recipe leaves to the thresholds; what they are
worth on our training part alone stands beside it, since incidents change and the latest ones tell most.

Fields are those that somebody states when an incident is opened. Left out: whatever says how it went on, the state and
the group of the first event, who reported it, and `sys_created_by`, which is empty where the outcome is a good one.

Reads ../shared/datasets.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from features.evidence import Evidence
from features.history import TICKET_FIELDS, ColumnMapping, HistoryRow
from training.calibration import calibration_error
from training.datasets import HistoryTable, read_history
from training.evaluation import macro_f1
from training.event_log import EventLog
from training.fit import fit_bundle
from training.progress import Progress
from training.recipe import TierRecipe, load_recipe
from training.splits import split_history

DATASETS = Path(__file__).resolve().parents[2] / "shared" / "datasets"
FIELDS = (
    *("contact_type", "location", "category", "category.1", "u_symptom", "cmdb_ci"),
    *("impact", "urgency", "priority", "opened_by"),
)
RESAMPLES = 1000


def read_incidents(*, latest: int | None = None) -> HistoryTable:
    """Return the incidents with the tier told from the groups that held them, and no other target."""
    mapping = {"id": "number", "created_at": "opened_at", "group": "assignment_group"}
    mapping |= {"reassignments": "reassignment_count", **{f"attributes.{field}": field for field in FIELDS}}
    history = read_history(
        DATASETS / "uci_incident_log" / "events.csv.gz",
        mapping=ColumnMapping(mapping).checked(TICKET_FIELDS),
        events=EventLog("sys_mod_count", (("ident_state", "Resolved"),)),
        tiers=TierRecipe(by_reassignments=True),
    )
    rows = sorted(history.rows, key=lambda row: (row.created_at is not None, row.created_at))
    rows = [replace(row, group=None) for row in rows[-latest if latest else 0 :]]
    return replace(history, rows=tuple(rows), lines=tuple(range(len(rows))))


def compare(history: HistoryTable, *, recipe: str, seed: int) -> dict[str, Any]:
    """Return the figures of our recipe and of the rivals on the same test part."""
    rows = history.rows
    split = split_history(rows, texts=[""] * len(rows), labels=[row.tier for row in rows], seed=seed)
    train, known, test = (
        [rows[place] for place in places if rows[place].tier is not None]
        for places in (split.train, np.concatenate([split.train, split.evidence]), split.test)
    )
    started = time.perf_counter()
    trained = fit_bundle(history, None, recipe=load_recipe(recipe), seed=seed, progress=Progress(is_shown=True))
    ours = trained.test_evidence["tier"]
    actual = np.array([ours.labels.index(str(row.tier)) for row in test])
    if not np.array_equal(actual, ours.actual):
        raise AssertionError("The rivals would be tested on other tickets than our recipe.")
    results = {"ours": _figures(ours) | {"seconds": time.perf_counter() - started}}
    for name, fit, seen in (
        ("logistic_regression", _logistic_regression, known),
        ("lightgbm", _lightgbm, known),
        ("logistic_regression_same_part", _logistic_regression, train),
        ("lightgbm_same_part", _lightgbm, train),
    ):
        started = time.perf_counter()
        rival = replace(ours, probabilities=fit(seen, test, seed=seed))
        results[name] = _figures(rival) | {
            "seconds": time.perf_counter() - started,
            "ours_ahead": {"accuracy": _ahead(ours, rival), "log_loss": _ahead(ours, rival, by_loss=True)},
        }
    shares = np.bincount(actual, minlength=len(ours.labels)) / len(actual)
    by_count = sum(str(min(int(row.reassignments or 0) + 1, 3)) != row.tier for row in rows if row.tier is not None)
    return {
        "tickets": {
            "train": len(train),
            "train_and_evidence": len(known),
            "test": len(test),
            "without_tier": _without_tier(rows),
        },
        "shares_of_tiers": shares.tolist(),
        "majority": float(shares.max()),
        "labels_other_than_by_count": by_count / (len(rows) - _without_tier(rows)),
        **results,
    }


def _without_tier(rows: tuple[HistoryRow, ...]) -> int:
    return sum(row.tier is None for row in rows)


def _logistic_regression(known: list[HistoryRow], test: list[HistoryRow], *, seed: int) -> NDArray[np.float64]:
    encoder = OneHotEncoder(handle_unknown="ignore").fit(_cells(known))
    model = LogisticRegression(max_iter=1000, random_state=seed)
    model.fit(encoder.transform(_cells(known)), [row.tier for row in known])
    return np.asarray(model.predict_proba(encoder.transform(_cells(test))))


def _lightgbm(known: list[HistoryRow], test: list[HistoryRow], *, seed: int) -> NDArray[np.float64]:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(_cells(known))
    model = LGBMClassifier(n_jobs=1, random_state=seed, verbosity=-1)
    categories = list(range(len(FIELDS)))
    model.fit(encoder.transform(_cells(known)), [row.tier for row in known], categorical_feature=categories)
    return np.asarray(model.booster_.predict(encoder.transform(_cells(test)), num_threads=1))


def _cells(rows: list[HistoryRow]) -> NDArray[np.object_]:
    return np.array([[str(row.attributes.get(field, "")) for field in FIELDS] for row in rows], dtype=object)


def _figures(evidence: Evidence) -> dict[str, float]:
    return {
        "accuracy": float(evidence.right.mean()),
        "macro_f1": macro_f1(evidence.predicted.astype(np.int32), evidence.actual, label_count=len(evidence.labels)),
        "log_loss": float(_losses(evidence).mean()),
        "calibration_error": calibration_error(evidence.confidence, evidence.right),
    }


def _losses(evidence: Evidence) -> NDArray[np.float64]:
    return -np.log(np.maximum(evidence.probabilities[np.arange(len(evidence.actual)), evidence.actual], 1e-15))


def _ahead(ours: Evidence, rival: Evidence, *, by_loss: bool = False) -> list[float]:
    """Return the 95 % bootstrap interval of our paired difference to a rival; of losses less is better."""
    differences = _losses(ours) - _losses(rival) if by_loss else ours.right.astype(float) - rival.right
    chosen = np.random.default_rng(0).integers(0, len(differences), (RESAMPLES, len(differences)))
    return [float(edge) for edge in np.percentile(differences[chosen].mean(axis=1), (2.5, 97.5))]


def _table(results: dict[str, Any]) -> str:
    """Return the figures of each method as Markdown, and the rest as lines."""
    names = ("accuracy", "macro_f1", "log_loss", "calibration_error", "seconds")
    methods = [name for name, value in results.items() if isinstance(value, dict) and "accuracy" in value]
    lines = [f"{name}: {value}" for name, value in results.items() if name not in methods]
    lines += ["", f"| method | {' | '.join(names)} | ours ahead in accuracy |", "|---" * (len(names) + 2) + "|"]
    for method in methods:
        figures = results[method]
        ahead = figures.get("ours_ahead", {}).get("accuracy")
        shown = f"[{ahead[0]:+.4f}, {ahead[1]:+.4f}]" if ahead else ""
        lines.append(f"| {method} | {' | '.join(f'{figures[name]:.4f}' for name in names)} | {shown} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="balanced")
    parser.add_argument("--latest", type=int, help="only so many of the latest incidents")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not DATASETS.is_dir():
        sys.exit("The datasets are not here: they are expected in ../shared/datasets, beside the repository.")
    results = compare(read_incidents(latest=options.latest), recipe=options.recipe, seed=options.seed)
    print(json.dumps(results) if options.json else _table(results))


if __name__ == "__main__":
    main()
