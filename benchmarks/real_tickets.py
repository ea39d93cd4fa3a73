"""What training on real tickets is worth beside a plain baseline, and what it costs.

    python benchmarks/real_tickets.py [--sets inquiries,marked,own,several,reasons] [--seeds 5] [--first-seed 0]

inquiries  Korean inquiries: the paired difference to the baseline over seeds, with its interval
marked     48,000 English tickets, the marked test split, recipe `fast`: time, memory, accuracy
own        the same tickets on the product's own split, where no near duplicate crosses
several    several targets at once on one helpdesk's tickets
reasons    how often deleting the first reason hurts the label more than deleting a random part

Reads ../shared/datasets. The baseline is TF-IDF and a linear support-vector machine at its defaults, over words, or
over characters where the texts are Korean; it sees everything but the test part, the evidence part included.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from scipy import stats

from features.bundle import ModelBundle
from features.history import TICKET_FIELDS, ColumnMapping
from features.tickets import Ticket
from training.datasets import HistoryTable, read_history
from training.fit import Trained, fit_bundle
from training.labels import LabelRestriction
from training.progress import Progress
from training.recipe import load_recipe

DATASETS = Path(__file__).resolve().parents[2] / "shared" / "datasets"


def inquiries(seeds: range) -> dict[str, Any]:
    history = _history("aivle_inquiry_ko/inquiries.csv", "body=text", "category=label")
    figures = [_figures(_train(history, seed=seed)) for seed in seeds]
    return {
        "seeds": figures,
        "accuracy_above_baseline": _interval([each["accuracy"] - each["baseline"]["accuracy"] for each in figures]),
        "macro_f1_above_baseline": _interval([each["macro_f1"] - each["baseline"]["macro_f1"] for each in figures]),
    }


def marked(_: range) -> dict[str, Any]:
    history = _history(
        "it_service_tickets_en/tickets.csv.gz", "body=Document", "category=Topic_group", keep=["in_published_test"]
    )
    started = time.perf_counter()
    trained = _train(history, recipe="fast", given=history.kept_columns["in_published_test"])
    return _figures(trained) | {
        "seconds": time.perf_counter() - started,
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def own(_: range) -> dict[str, Any]:
    history = _history("it_service_tickets_en/tickets.csv.gz", "body=Document", "category=Topic_group")
    return _figures(_train(history, recipe="fast"))


def several(_: range) -> dict[str, Any]:
    history = _history(
        "endava_tickets_en/all_tickets.csv",
        "subject=title",
        "group=business_service",
        "kind=ticket_type",
        "priority=urgency",
        "category=category",
        # A request's urgency is always the same: it says nothing there.
        restrictions=[LabelRestriction("priority", "ticket_type", "0")],
    )
    trained = _train(history)
    return {name: _figures(trained, target=name) for name in trained.bundle.classifiers}


def reasons(_: range) -> dict[str, Any]:
    korean = _history("aivle_inquiry_ko/inquiries.csv", "body=text", "category=label")
    english = _history("it_service_tickets_en/tickets.csv.gz", "body=Document", "category=Topic_group", most=8000)
    return {
        name: _deletion_test(_train(history).bundle, [row.ticket() for row in history.rows])
        for name, history in (("aivle_inquiry_ko", korean), ("it_service_tickets_en", english))
    }


SETS = {each.__name__: each for each in (inquiries, marked, own, several, reasons)}


def _deletion_test(bundle: ModelBundle, tickets: list[Ticket], *, wanted: int = 200) -> dict[str, Any]:
    """Return how often deleting the first reason hurts more than deleting another part drawn at random.

    Deletes from the ticket's own text and scores it anew. Tickets of a single part, or without any reason, say
    nothing and are passed over; how many of the latter there were is told.
    """
    draw = random.Random(0)
    draw.shuffle(tickets)
    worse = tried = without = 0
    for ticket in tickets:
        if tried == wanted:
            break
        prediction = bundle.score([ticket])[0].predictions["category"]
        words = sorted({word for word in ticket.body.split() if word.strip()})
        if not prediction.reasons:
            without += 1
            continue
        top = prediction.reasons[0].text
        others = [word for word in words if top.lower() not in word.lower()]
        if not others:
            continue
        tried += 1
        falls = [
            prediction.probability - _probability(bundle, ticket, prediction.label, without=part)
            for part in (top, draw.choice(others))
        ]
        worse += falls[0] > falls[1]
    return {"tickets": tried, "top_reason_hurts_more": worse / tried, "tickets_without_reason": without}


def _probability(bundle: ModelBundle, ticket: Ticket, label: str, *, without: str) -> float:
    words = [word for word in ticket.body.split() if without.lower() not in word.lower()]
    shorter = Ticket(id=ticket.id, body=" ".join(words))
    prediction = bundle.score([shorter], with_reasons=False)[0].predictions["category"]
    return {ranked.label: ranked.probability for ranked in prediction.ranking}[label]


def _history(
    file: str,
    *mapping: str,
    keep: list[str] | None = None,
    restrictions: list[LabelRestriction] | None = None,
    most: int | None = None,
) -> HistoryTable:
    history = read_history(
        DATASETS / file,
        mapping=ColumnMapping.from_options(list(mapping), known_fields=TICKET_FIELDS),
        drop_invalid=True,
        keep_columns=keep or [],
        restrictions=restrictions or [],
    )
    if most is None:
        return history
    from dataclasses import replace

    return replace(history, rows=history.rows[:most], lines=history.lines[:most])


def _train(history: HistoryTable, *, recipe: str = "balanced", seed: int = 0, given: Any = None) -> Trained:
    return fit_bundle(
        history, None, recipe=load_recipe(recipe), seed=seed, given_split=given, progress=Progress(is_shown=True)
    )


def _figures(trained: Trained, *, target: str = "category") -> dict[str, Any]:
    metrics = trained.bundle.manifest.metrics[target]
    kept = ("tickets", "labels", "accuracy", "macro_f1", "log_loss", "calibration_error", "majority", "baseline")
    figures = {name: metrics[name] for name in kept} | {"intervals": metrics["intervals"]}
    if "without_near_duplicates" in metrics:
        figures["without_near_duplicates"] = metrics["without_near_duplicates"]
    return figures


def _interval(differences: list[float]) -> dict[str, float]:
    """Return the mean of paired differences over seeds with Student's 95 % interval."""
    mean, error = float(np.mean(differences)), float(stats.sem(differences))
    reach = float(stats.t.ppf(0.975, len(differences) - 1)) * error
    return {"mean": mean, "low": mean - reach, "high": mean + reach}


def _table(results: dict[str, Any], place: str = "") -> list[str]:
    """Return the figures as lines `name  value`, nested names joined by dots."""
    lines = []
    for name, value in results.items():
        path = f"{place}{name}"
        if isinstance(value, dict):
            lines += _table(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines += [line for number, each in enumerate(value) for line in _table(each, f"{path}.{number}.")]
        else:
            shown = ", ".join(f"{each:.4f}" for each in value) if isinstance(value, list) else value
            lines.append(f"{path:<58} {shown:.4f}" if isinstance(shown, float) else f"{path:<58} {shown}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help="comma-separated; all by default")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds the inquiries are split with")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not DATASETS.is_dir():
        sys.exit("The datasets are not here: they are expected in ../shared/datasets, beside the repository.")
    unknown = [name for name in options.sets.split(",") if name not in SETS]
    if unknown:
        sys.exit(f"Unknown set '{unknown[0]}'. The sets are: {', '.join(SETS)}.")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    results = {name: SETS[name](seeds) for name in options.sets.split(",")}
    print(json.dumps(results) if options.json else "\n".join(_table(results)))


if __name__ == "__main__":
    main()
