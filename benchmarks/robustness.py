"""What becomes of a prediction when the ticket is typed badly: the same label, or none, never another unattended.

    python benchmarks/robustness.py [--seeds 3] [--first-seed 1] [--json] [--product FOLDER] [--against FILE]

One model, recipe `balanced`, is trained on the Korean inquiries and as many English tickets of ../shared/datasets.
Every test ticket is then perturbed in each way of `perturbations.py` and scored again. Its label is compared with
the one that the same model gave the ticket as it was written:

same        the same label
abstains    another label, its probability below .5: nothing is suggested
suggested   another label, its probability at least .5
unattended  another label, at least as probable as where the evidence part shows 5 % errors in this language: what a
            lead who promises 5 % would let run; the worst that can happen

Intervals are Wilson's, 95 %. --product measures another checkout of the product with this script; --against prints
the figures of such a run (its --json) beside these, with a paired interval of the difference.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import os
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from numpy.typing import NDArray
from perturbations import ENGLISH, KOREAN, Perturbation

if TYPE_CHECKING:
    from features.bundle import ModelBundle
    from features.evidence import Evidence
    from features.history import HistoryRow
    from features.predictions import Prediction
    from training.datasets import HistoryTable

ROOT = Path(__file__).resolve().parents[1]
DATASETS = ROOT.parent / "shared" / "datasets"
SUGGEST_FROM = 0.5
ERROR_PROMISED = 0.05
TEST_SHARE = 0.15
UNCHANGED = "as written"
# Which letters of the outcomes make a figure.
FIGURES = {"same": "sS", "abstains": "aA", "suggested": "oO", "unattended": "uU", "right": "SAOU"}
_WAYS: Mapping[str, Mapping[str, Perturbation]] = {"ko": KOREAN, "en": ENGLISH}
_DRAWS = 1000
# For each language and way one letter a ticket.
Outcomes: TypeAlias = dict[str, dict[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many splits are trained on (default: 3)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--tickets", type=int, default=10_000, help="most test tickets of a language and seed")
    parser.add_argument("--json", action="store_true", help="print every outcome as JSON instead of a table")
    parser.add_argument("--product", type=Path, default=ROOT, help="the checkout that is measured (default: this one)")
    parser.add_argument("--against", type=Path, help="the --json of another run, printed as 'before'")
    options = parser.parse_args()
    if not DATASETS.is_dir():
        sys.exit("The datasets are not here: they are expected in ../shared/datasets, beside the repository.")
    sys.path.insert(0, str(options.product.resolve()))
    outcomes: Outcomes = {language: {} for language in _WAYS}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        print(f"Seed {seed} ...", file=sys.stderr, flush=True)
        for language, found in measure(seed, most=options.tickets).items():
            for way, codes in found.items():
                outcomes[language][way] = outcomes[language].get(way, "") + codes
    before = json.loads(options.against.read_text(encoding="utf-8")) if options.against else None
    print(json.dumps(outcomes) if options.json else "\n".join(as_markdown(outcomes, before)))


# --- one model ----------------------------------------------------------------------------------------------------


def measure(seed: int, *, most: int) -> Outcomes:
    """Return for each language and way one letter a test ticket: `-` where it changed nothing, else its outcome's.

    The letter is a capital where the label is the one that a person gave.
    """
    from training.fit import fit_bundle
    from training.recipe import load_recipe

    history = _both_languages()
    is_test = _drawn_for_test([row.category for row in history.rows], seed=seed)
    words = ["test" if tested else "train" for tested in is_test]
    bundle = fit_bundle(history, None, recipe=load_recipe("balanced"), seed=seed, given_split=words).bundle
    outcomes = {}
    for language, ways in _WAYS.items():
        tested = [row for row, test in zip(history.rows, is_test, strict=True) if test and row.id.startswith(language)]
        rows, unattended_from = tested[:most], _unattended_from(bundle.evidence["category"], language)
        written = _predicted(bundle, [row.body for row in rows])
        outcomes[language] = {UNCHANGED: _codes(rows, written, written, unattended_from)}
        for way, perturbed in ways.items():
            draw = random.Random(f"{way} {seed}")
            bodies = [perturbed(row.body, draw) for row in rows]
            codes = _codes(rows, written, _predicted(bundle, bodies), unattended_from)
            changed = [body != row.body for body, row in zip(bodies, rows, strict=True)]
            outcomes[language][way] = "".join(
                code if different else "-" for code, different in zip(codes, changed, strict=True)
            )
    return outcomes


def _both_languages() -> HistoryTable:
    """Return the Korean inquiries and as many English tickets of the part that is given for training."""
    from training.datasets import read_history

    with (DATASETS / "aivle_inquiry_ko" / "inquiries.csv").open(encoding="utf-8-sig", newline="") as file:
        korean = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    english_file = DATASETS / "endava_tickets_en" / "business_service_train.csv.gz"
    with gzip.open(english_file, "rt", encoding="utf-8", newline="") as file:
        english = [(f"{row['title']}\n{row['body']}", row["business_service"]) for row in csv.DictReader(file)]
    chosen = random.Random(0).sample(english, len(korean))
    tickets = [
        {"id": f"{language}-{number}", "body": body, "category": f"{language} {label}"}
        for language, pairs in (("ko", korean), ("en", chosen))
        for number, (body, label) in enumerate(pairs)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.jsonl"
        path.write_text("\n".join(json.dumps(ticket) for ticket in tickets), encoding="utf-8")
        return read_history(path, drop_invalid=True)


def _drawn_for_test(labels: Sequence[str | None], *, seed: int) -> list[bool]:
    """Draw the test part, of each label the same share."""
    places: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(str(label), []).append(place)
    draw = random.Random(seed)
    drawn = {
        place for of_label in places.values() for place in draw.sample(of_label, round(TEST_SHARE * len(of_label)))
    }
    return [place in drawn for place in range(len(labels))]


def _unattended_from(evidence: Evidence, language: str) -> float:
    """Return the lowest probability from which on at most 5 % of the evidence in a language is wrong."""
    own = np.flatnonzero([evidence.labels[number].startswith(language) for number in evidence.actual])
    order = own[np.argsort(-evidence.confidence[own], kind="stable")]
    errors = np.cumsum(~evidence.right[order]) / np.arange(1, len(order) + 1)
    kept = np.flatnonzero(errors <= ERROR_PROMISED)
    return float(evidence.confidence[order[kept[-1]]]) if len(kept) else 1.0


def _predicted(bundle: ModelBundle, bodies: Sequence[str]) -> list[Prediction]:
    from features.tickets import Ticket

    tickets = [Ticket(id=str(number), body=body) for number, body in enumerate(bodies)]
    return [scored.predictions["category"] for scored in bundle.score(tickets, with_reasons=False)]


def _codes(
    rows: Sequence[HistoryRow],
    written: Sequence[Prediction],
    perturbed: Sequence[Prediction],
    unattended_from: float,
) -> str:
    codes = []
    for row, before, after in zip(rows, written, perturbed, strict=True):
        code = "s"
        if before.label != after.label:
            code = "a" if after.probability < SUGGEST_FROM else "o" if after.probability < unattended_from else "u"
        codes.append(code.upper() if after.label == row.category else code)
    return "".join(codes)


# --- the report ---------------------------------------------------------------------------------------------------


def as_markdown(outcomes: Outcomes, before: Outcomes | None) -> list[str]:
    lines = []
    for language, ways in outcomes.items():
        lines += [
            f"### {language}",
            "",
            f"| | tickets | {' | '.join(FIGURES)} |",
            f"|---|---:|{'---:|' * len(FIGURES)}",
        ]
        for way, codes in ways.items():
            was = None if before is None else before[language].get(way)
            cells = [_cell(codes, was, letters) for letters in FIGURES.values()]
            lines.append(f"| {way} | {len(codes) - codes.count('-')} | {' | '.join(cells)} |")
        lines.append("")
    return lines


def _cell(codes: str, before: str | None, letters: str) -> str:
    """Return a share in percent with its interval, and what it was before with the interval of the difference."""
    now = [code in letters for code in codes if code != "-"]
    low, high = _wilson(sum(now), len(now))
    shown = f"{100 * float(np.mean(now)):.1f} ({100 * low:.1f}–{100 * high:.1f})" if now else "–"
    if not now or before is None or len(before) != len(codes):
        return shown
    was = [code in letters for code, same in zip(before, codes, strict=True) if same != "-"]
    low, high = _paired(np.array(now, float) - np.array(was, float))
    return f"{100 * float(np.mean(was)):.1f} → {shown}, {100 * low:+.1f} to {100 * high:+.1f}"


def _wilson(count: int, total: int) -> tuple[float, float]:
    if not total:
        return 0.0, 1.0
    share, reach = count / total, 1.96**2 / total
    middle, half = share + reach / 2, 1.96 * math.sqrt((share * (1 - share) + reach / 4) / total)
    return (middle - half) / (1 + reach), (middle + half) / (1 + reach)


def _paired(differences: NDArray[np.float64]) -> tuple[float, float]:
    draws = np.random.default_rng(0).integers(0, len(differences), (_DRAWS, len(differences)))
    low, high = np.quantile(differences[draws].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    main()
