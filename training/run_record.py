"""What a training run leaves behind in writing: parameters, metrics and tags under names that a registry allows.

Knows nothing of the registry itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import features
from training import plots
from training.gates import Scorecard

if TYPE_CHECKING:
    from features.evidence import Evidence
    from training.fit import Trained

METRICS_FILE = "metrics.json"
# The columns of a table that the registered model scores: a ticket of POST /v1/score, flat.
TICKET_COLUMNS = (
    "id",
    "subject",
    "body",
    "channel",
    "product",
    "group",
    "language",
    "created_at",
    "requester_id",
    "requester_email",
    "requester_organization",
    "attributes",
    "requester_attributes",
)
EXAMPLE_TICKETS = (
    {
        "id": "T-1",
        "subject": "VPN 접속이 안 됩니다",
        "body": "오늘 아침부터 재택에서 VPN에 연결되지 않습니다. 어제까지는 됐습니다.",
        "channel": "portal",
        "created_at": "2026-05-14T09:12:00+09:00",
        "requester_organization": "Sales",
    },
    {
        "id": "T-2",
        "subject": "Printer on the second floor",
        "body": "It prints blank pages since the toner was changed.",
        "channel": "mail",
        "created_at": "2026-05-14T10:40:00+09:00",
        "attributes": '{"site": "Busan", "floor": 2}',
    },
)
_SCORING_PACKAGES = ("lightgbm", "numpy", "scipy")
_PACKAGES = ("ticket-triage", *_SCORING_PACKAGES, "scikit-learn", "pandas", "pandera", "matplotlib", "mlflow")
_LONGEST_LABEL = 120
_LONGEST_PARAMETER = 6000
_NOT_ALLOWED = re.compile(r"[^\w.\- ]")
_PLAIN_FIGURES = ("tickets", "labels", "accuracy", "macro_f1", "log_loss", "calibration_error", "majority")


@dataclass(frozen=True, slots=True)
class DataSource:
    """A table that a model was trained on: the name of its file, its role, fingerprint and number of rows."""

    file_name: str
    role: str
    fingerprint: str
    row_count: int


def parameters(manifest: Any, *, options: Mapping[str, str]) -> dict[str, str]:
    """Return the recipe's values, the seed and the options of the run, flat and as text."""
    named = {f"recipe.{name}": value for name, value in _flat(manifest.recipe)}
    named |= {"seed": manifest.seed} | {f"option.{name}": value for name, value in options.items()}
    named |= {f"tickets.{name}": count for name, count in manifest.parts.items()}
    return {name: _text(value)[:_LONGEST_PARAMETER] for name, value in named.items()}


def _flat(values: Mapping[str, Any], *, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, before=f"{before}{allowed_name(str(name))}.")
        else:
            yield f"{before}{allowed_name(str(name))}", value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def flat_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return every figure of a run under a flat name, as in 'category/ko/accuracy' or 'category/label/hr/f1'."""
    flat: dict[str, float] = {}
    for target, figures in metrics.items():
        if target == "articles":
            flat |= {f"articles/{name}": value for name, value in _with_baseline(figures)}
        else:
            flat |= {f"{target}/{name}": value for name, value in _of_target(figures)}
    return {name: float(value) for name, value in flat.items() if math.isfinite(value)}


def _of_target(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield from _with_baseline({name: figures[name] for name in (*_PLAIN_FIGURES, "baseline") if name in figures})
    for name, (low, high) in figures.get("intervals", {}).items():
        yield f"{name}_low", low
        yield f"{name}_high", high
    for language, part in figures.get("per_language", {}).items():
        yield from ((f"{allowed_name(language)}/{name}", value) for name, value in _with_baseline(part))
    labels = figures.get("per_label", {})
    for safe, part in zip(distinct_names(labels), labels.values(), strict=True):
        yield from ((f"label/{safe}/{name}", value) for name, value in part.items())
    for part_name in ("scale", "without_near_duplicates"):
        yield from ((f"{part_name}/{name}", value) for name, value in _with_baseline(figures.get(part_name, {})))
    for name, weight in figures.get("pool_weights", {}).items():
        yield f"pool_weight/{allowed_name(name)}", weight


def _with_baseline(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield from ((name, value) for name, value in figures.items() if isinstance(value, int | float))
    yield from ((f"baseline_{name}", value) for name, value in figures.get("baseline", {}).items())


def allowed_name(name: str) -> str:
    """Return a name with letters of any script, digits, and `_-. ` alone: what MLflow takes as a part of a name."""
    safe = _NOT_ALLOWED.sub("_", name.strip())[:_LONGEST_LABEL].strip()
    return safe if safe.strip(". ") else f"_{safe}"


def distinct_names(names: Iterable[str]) -> list[str]:
    """Return allowed names, with a number where two would be the same."""
    taken: dict[str, int] = {}
    distinct = []
    for name in names:
        safe = allowed_name(name)
        taken[safe] = taken.get(safe, 0) + 1
        while taken[safe] > 1 and f"{safe}-{taken[safe]}" in taken:
            taken[safe] += 1
        unique = safe if taken[safe] == 1 else f"{safe}-{taken[safe]}"
        taken.setdefault(unique, 1)
        distinct.append(unique)
    return distinct


def version_tags(trained: Trained) -> dict[str, str]:
    """Return what tells one registered version from another."""
    manifest = trained.bundle.manifest
    return {
        "created_at": manifest.created_at,
        "data_fingerprint": manifest.data_fingerprint,
        "feature_version": str(manifest.feature_version),
        "product_version": manifest.product_version,
        "code_version": code_version(),
        "recipe": str(manifest.recipe.get("name", "")),
        "seed": str(manifest.seed),
        "targets": ",".join(target.name for target in trained.bundle.targets),
        "has_articles": str(trained.bundle.articles is not None).lower(),
        "train_tickets": str(manifest.parts.get("train", 0)),
    }


def scorecard(trained: Trained) -> Scorecard:
    """Return the figures of a run as the gates read them.

    The fingerprint of a target's test part is the SHA-256 of the labels that people gave and of the languages,
    in order: two versions with the same answered for the same tickets.
    """
    parts = trained.test_evidence
    return Scorecard(trained.bundle.manifest.metrics, {target: _fingerprint(part) for target, part in parts.items()})


def _fingerprint(evidence: Evidence) -> str:
    named = [evidence.labels[number] for number in evidence.actual]
    content = json.dumps([named, [str(language) for language in evidence.languages]], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def run_files(trained: Trained) -> dict[str, bytes]:
    """Return the files of a run by name: figures of the test part, recipe, environment and drawings."""
    card = scorecard(trained)
    left_out = [
        {"target": each.target, "label": each.label, "tickets": each.tickets_count} for each in trained.excluded
    ]
    tables: dict[str, object] = {
        METRICS_FILE: {"metrics": card.metrics, "test_fingerprints": card.test_fingerprints},
        "recipe.json": trained.bundle.manifest.recipe,
        "environment.json": environment(),
        "warnings.json": {"warnings": trained.warnings, "labels_left_out": left_out},
    }
    if trained.searched is not None:
        trials = [each.as_json() for each in trained.searched.trials]
        tables["search.json"] = {**trained.searched.as_json(), "all_trials": trials}
    written = {name: json.dumps(table, ensure_ascii=False, indent=1).encode() for name, table in tables.items()}
    return written | {f"figures/{name}.png": plots.png(figure) for name, figure in plots.figures(trained).items()}


def environment() -> dict[str, Any]:
    """Return the versions of Python, of the system and of the packages that decide what a model becomes."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "code_version": code_version(),
        "packages": {name: found for name in _PACKAGES if (found := _installed(name))},
    }


def scoring_requirements() -> list[str]:
    """Return the packages that scoring takes, at the versions that are installed here."""
    return [f"{name}=={found}" for name in ("mlflow", "pandas", *_SCORING_PACKAGES) if (found := _installed(name))]


def code_version() -> str:
    """Return the git commit of this code, marked where it was changed since, or an empty text outside a repository."""
    folder = Path(features.__file__).resolve().parents[1]
    if not (folder / ".git").exists():
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
