"""What one ticket costs: in process, and over HTTP beside an empty endpoint and `mlflow models serve`.

    python benchmarks/serving.py [--json] [--requests 1000] [--var-dir FOLDER]

The model is the registered champion in FOLDER (--model-folder is the same option), trained there first where there
is none: recipe `fast` on it_service_tickets_en with the articles of wixqa_en, from ../shared/datasets; without those
sets on the sample tickets in data/. Tickets sent are of the test part, of the sample all of them.

In process a ticket is scored with its reasons, five articles and five similar tickets. Over HTTP each server runs
alone, three rounds in turned order, and is loaded by a process of its own over 1 and 32 connections; ours records
every answer in SQLite before it is given, which is counted afterwards. Shown are medians of the rounds. In the first
round 200 tickets are put to ours and to MLflow's server, alone and in batches: labels must be the same and
probabilities within 1e-6, or else the exit status is 1; it is 2 where nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, NoReturn

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

# First of all, since this file has the name of a package there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from side_by_side.answers import beside_each_other
from side_by_side.servers import BenchmarkError, Row, Server, empty, mlflow, ours, put_load, running
from side_by_side.workload import ROOT, Registered, Workload, find_or_train, find_workload, say

from features.bundle import ModelBundle
from features.errors import TriageError
from features.tickets import Ticket
from serving.storage.sql import open_storage
from training.registry import DEFAULT_MODEL_NAME, download_bundle

DATASETS = ROOT.parent / "shared" / "datasets"
CONNECTIONS = (1, 32)
ROUNDS = 3
TICKETS_COMPARED = 200
BATCH = 50
_WARM_UP = 200
# Answers of nothing are quick: more of them make a time that can be read.
_EMPTY_FACTOR = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--requests", type=int, default=1000, help="tickets in each measurement (default: 1000)")
    parser.add_argument("--var-dir", "--model-folder", type=Path, help="folder with a registered model, or for one")
    parser.add_argument("--datasets", type=Path, default=DATASETS)
    options = parser.parse_args()
    if not 100 <= options.requests <= 100_000:
        parser.error("--requests: expected a whole number from 100 to 100000")
    # So that servers end with us when we are asked to.
    signal.signal(signal.SIGTERM, _stopped)
    try:
        report = measure(options)
    except (BenchmarkError, TriageError) as error:
        sys.exit(_failed(str(error)))
    print(json.dumps(report, indent=2) if options.json else as_markdown(report))
    if not report["same_answers"]["same"]:
        sys.exit(1)


def _stopped(*_: object) -> NoReturn:
    raise SystemExit(143)


def _failed(words: str) -> int:
    print(f"Nothing measured. {words}", file=sys.stderr)
    return 2


def measure(options: argparse.Namespace) -> dict[str, Any]:
    workload = find_workload(options.datasets)
    var_dir = (options.var_dir or ROOT / "var" / "benchmark" / workload.name).resolve()
    registered = find_or_train(var_dir, workload)
    load_before = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=var_dir, ignore_cleanup_errors=True) as scratch:
        uri, folder = registered.tracking_uri, Path(scratch) / "bundle"
        bundle = ModelBundle.load(download_bundle(registered.version, into=folder, tracking_uri=uri))
        model = _described(bundle, registered, workload)
        in_process = _in_process(bundle, workload, count=options.requests)
        del bundle  # the servers have the machine's memory to themselves
        http, same_answers = _over_http(registered, workload, folder=Path(scratch), count=options.requests)
    return {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_before": round(load_before[0], 2),
            **{name: version_of(name) for name in ("mlflow", "fastapi", "uvicorn", "numpy")},
        },
        "model": model,
        "in_process": in_process,
        "http": http,
        "same_answers": same_answers,
    }


# --- in process ---------------------------------------------------------------------------------------------------


def _in_process(bundle: ModelBundle, workload: Workload, *, count: int) -> dict[str, Any]:
    say(f"In process: {count} tickets ...")
    chosen = [Ticket(id=row["id"], subject=row["subject"], body=row["body"]) for row in workload.part(0, count)]
    warm_up = [Ticket(id=row["id"], subject=row["subject"], body=row["body"]) for row in workload.part(count, _WARM_UP)]
    for ticket in warm_up:
        bundle.score([ticket])
    milliseconds, scored = [], []
    for ticket in chosen:
        started_at = time.perf_counter()
        answered = bundle.score([ticket], with_reasons=True, article_count=5, similar_count=5)
        milliseconds.append((time.perf_counter() - started_at) * 1e3)
        scored += answered
    reasons = [len(prediction.reasons) for one in scored for prediction in one.predictions.values()]
    return {
        **_percentiles(milliseconds, (50, 95, 99)),
        "tickets": count,
        "reasons_per_target": round(float(np.mean(reasons)), 2),
        "articles_per_ticket": round(float(np.mean([len(one.articles) for one in scored])), 2),
        "similar_tickets_per_ticket": round(float(np.mean([len(one.similar_tickets) for one in scored])), 2),
    }


def _described(bundle: ModelBundle, registered: Registered, workload: Workload) -> dict[str, Any]:
    return {
        "tickets_sent": workload.name,
        "version": registered.version,
        "registered_at": registered.created_at,
        "targets": [target.name for target in bundle.targets],
        "training_tickets": bundle.manifest.parts.get("train"),
        "articles": 0 if bundle.articles is None else len(bundle.articles),
        "past_tickets": 0 if bundle.similar_tickets is None else len(bundle.similar_tickets),
    }


def _percentiles(milliseconds: Sequence[float], shares: Sequence[int]) -> dict[str, float]:
    return {f"p{share}_ms": round(float(np.percentile(milliseconds, share)), 3) for share in shares}


# --- over HTTP ----------------------------------------------------------------------------------------------------


def _over_http(
    registered: Registered, workload: Workload, *, folder: Path, count: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    rounds: list[dict[str, dict[int, dict[str, float]]]] = []
    answers: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for turn in range(ROUNDS):
        var_dir = folder / f"var-{turn}"
        uri, version = registered.tracking_uri, registered.version
        servers = [
            ours(tracking_uri=uri, version=version, var_dir=var_dir),
            empty(),
            mlflow(tracking_uri=uri, model_name=DEFAULT_MODEL_NAME, version=version),
        ]
        figures: dict[str, dict[int, dict[str, float]]] = {}
        for server in servers[turn:] + servers[:turn]:
            say(f"Round {turn + 1} of {ROUNDS}: {server.name} ...")
            with running(server, folder=folder) as port:
                figures[server.name] = _loaded(server, port, workload, count=count)
                if turn == 0 and server.name != "empty":
                    answers[server.name] = _answers(server, port, workload.part(0, TICKETS_COMPARED))
        _check_recorded(var_dir, expected=len(CONNECTIONS) * (_WARM_UP + count) + 2 * TICKETS_COMPARED * (turn == 0))
        rounds.append(figures)
    return _medians(rounds), beside_each_other(answers["ours"], answers["mlflow"])


def _loaded(server: Server, port: int, workload: Workload, *, count: int) -> dict[int, dict[str, float]]:
    """Return the figures for each number of connections; the tickets of one are not those of another."""
    figures = {}
    start = 0
    for connections in CONNECTIONS:
        rows = workload.part(start, _WARM_UP + count)
        start += len(rows)
        bodies = [server.one(row) for row in rows]
        put_load(port, server.path, bodies=bodies[:_WARM_UP], connections=connections)
        times = _EMPTY_FACTOR if server.name == "empty" else 1
        seen = put_load(port, server.path, bodies=bodies[_WARM_UP:] * times, connections=connections)
        figures[connections] = {
            "requests_per_second": len(seen.milliseconds) / seen.seconds,
            **_percentiles(seen.milliseconds, (50, 99)),
        }
    return figures


def _check_recorded(var_dir: Path, *, expected: int) -> None:
    storage = open_storage(f"sqlite:///{(var_dir / 'triage.db').as_posix()}")
    try:
        recorded = storage.count_scored()
    finally:
        storage.close()
    if recorded != expected:
        raise BenchmarkError(f"'ours' answered {expected} tickets but recorded {recorded}.")


def _answers(server: Server, port: int, rows: Sequence[Row]) -> dict[str, list[dict[str, Any]]]:
    """Return the answers to tickets sent one after another, and to the same sent in batches."""
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    alone = put_load(
        port, server.path, bodies=[server.one(row) for row in rows], connections=1, keeps_answers=True
    ).answers
    together = put_load(
        port, server.batch_path, bodies=[server.many(batch) for batch in batches], connections=1, keeps_answers=True
    ).answers
    return {
        name: [answer for reply in replies for answer in server.answers_of(json.loads(reply))]
        for name, replies in {"alone": alone, "in_batches": together}.items()
    }


def _medians(rounds: Sequence[dict[str, dict[int, dict[str, float]]]]) -> dict[str, Any]:
    """Return each server's medians over the rounds, and ours beside the others'."""
    report: dict[str, Any] = {}
    for name in ("ours", "empty", "mlflow"):
        report[name] = {}
        for number in CONNECTIONS:
            seen = [figures[name][number] for figures in rounds]
            medians = {key: round(float(np.median([each[key] for each in seen])), 3) for key in seen[0]}
            every = [round(each["requests_per_second"], 1) for each in seen]
            report[name][str(number)] = {**medians, "requests_per_second_by_round": every}
    for connections in map(str, CONNECTIONS):
        for name in ("ours", "mlflow"):
            for other in ("empty", "mlflow"):
                mine, theirs = (report[each][connections]["requests_per_second"] for each in (name, other))
                if name != other:
                    report[name][connections][f"times_{other}"] = round(mine / theirs, 3)
    return report


# --- the report ---------------------------------------------------------------------------------------------------


def as_markdown(report: dict[str, Any]) -> str:
    machine, model, alone = report["machine"], report["model"], report["in_process"]
    lines = [
        f"{model['tickets_sent']}, version {model['version']}: {model['training_tickets']} training tickets, "
        f"{model['past_tickets']} past tickets, {model['articles']} articles, targets {', '.join(model['targets'])}. "
        f"{machine['cores']} cores, load {machine['load_before']} before. In process a ticket has "
        f"{alone['reasons_per_target']} reasons, {alone['articles_per_ticket']} articles and "
        f"{alone['similar_tickets_per_ticket']} similar tickets.",
        "",
        "| | connections | requests/s | p50 ms | p95 ms | p99 ms | times the empty endpoint | times MLflow |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        f"| in process | | | {alone['p50_ms']} | {alone['p95_ms']} | {alone['p99_ms']} | | |",
    ]
    names = {"ours": "triage serve", "empty": "empty endpoint", "mlflow": "mlflow models serve"}
    for connections in map(str, CONNECTIONS):
        for name, words in names.items():
            figures = report["http"][name][connections]
            cells = [words, connections, f"{figures['requests_per_second']:.0f}", figures["p50_ms"], ""]
            cells += [figures["p99_ms"], figures.get("times_empty", ""), figures.get("times_mlflow", "")]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    same = report["same_answers"]
    lines += [
        "",
        f"{same['tickets']} tickets, ours and MLflow's: {'the same' if same['same'] else 'NOT THE SAME'}.",
        "",
        "| | labels that differ | largest difference of a probability | tickets with other articles, similar tickets "
        "or reasons |",
        "|---|---:|---:|---:|",
    ]
    for name, words in (
        ("alone", "alone, ours and MLflow's"),
        ("in_batches", f"in batches of {BATCH}, ours and MLflow's"),
        ("alone_and_in_batches", "ours, alone and in batches"),
    ):
        found = same[name]
        lines.append(
            f"| {words} | {found['labels_differing']} | {found['largest_probability_difference']:.1e} "
            f"| {found['other_parts_differing']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
