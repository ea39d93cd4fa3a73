"""Whether a promise is kept, and what it buys: ours beside thresholds picked by precision and a constant.

    python benchmarks/promise.py [--sets NAMES] [--resplits 200] [--recipe NAME] [--json]

Each set is scored once, on the test part of its given split or out of fold; scores are kept under
var/benchmarks/promise. Each resplit chooses thresholds on one half of the scored tickets and tries them on the other.

given       share of the resplits in which a promise was made at all
kept        share of these in which no more than promised was wrong on the other half
unattended  mean share of the other half that ran unattended, 0 where no promise was made
oracle      the largest share that could have run with the error promised, with all labels of the other half known

Each label by its precision: for each label the lowest threshold with which it is precise enough on the first half, as
products do that show precision and coverage by class. Constant: .8 for all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# First of all, since files of this folder have the names of packages there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from fixed_scores import add_options, halves, scoring_of

from features.decisions import Policy, effective_policy, runs_unattended
from features.evidence import Evidence
from features.promises import Division, Promise
from features.vectorizer import FloatArray

PROMISES = (0.10, 0.05, 0.02)
CONSTANT = 0.8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way of choosing thresholds came to over all resplits of a set."""

    set: str
    promise: float
    way: str
    given: float
    kept: float | None
    unattended: float
    oracle: float


def ours_together(evidence: Evidence, largest_error: float) -> Policy:
    return effective_policy(evidence, Promise(largest_error))


def ours_each_label(evidence: Evidence, largest_error: float) -> Policy:
    return effective_policy(evidence, Promise(largest_error, division=Division.EACH_LABEL))


def by_precision(evidence: Evidence, largest_error: float) -> Policy:
    """Return for each label the lowest threshold with which it is precise enough on the evidence."""
    found = {}
    for number, label in enumerate(evidence.labels):
        inside = evidence.predicted == number
        order = np.argsort(-evidence.confidence[inside], kind="stable")
        confidence, wrong = evidence.confidence[inside][order], ~evidence.right[inside][order]
        precise = np.flatnonzero(np.cumsum(wrong) <= largest_error * np.arange(1, len(wrong) + 1))
        if len(precise):
            found[label] = float(confidence[precise[-1]])
    return Policy(suggest_from=0.0, autofill_from_by_label=found)


def constant(_evidence: Evidence, _largest_error: float) -> Policy:
    return Policy(autofill_from=CONSTANT)


WAYS: Mapping[str, Callable[[Evidence, float], Policy]] = {
    "ours": ours_together,
    "ours, each label": ours_each_label,
    "each label by its precision": by_precision,
    "constant .8": constant,
}


def outcomes(name: str, scores: Evidence, *, resplits: int, seed: int) -> Iterator[Outcome]:
    """Yield what each way came to for each promise."""
    parts = [halves(scores, np.random.default_rng([seed, number])) for number in range(resplits)]
    for promise in PROMISES:
        best = float(np.mean([oracle(second, promise) for _, second in parts]))
        for way, choose in WAYS.items():
            tried = np.array([_tried(choose(first, promise), second) for first, second in parts])
            yield _outcome(name, promise, way, tried, best)


def _tried(policy: Policy, second: Evidence) -> tuple[float, float, float]:
    """Return whether any label may run, the share that does, and the share of it that is wrong."""
    runs = runs_unattended(second, policy)
    is_given = any(policy.threshold_of(label) is not None for label in second.labels)
    return float(is_given), float(runs.mean()), float((~second.right[runs]).mean()) if runs.any() else 0.0


def _outcome(name: str, promise: float, way: str, tried: FloatArray, best: float) -> Outcome:
    given = tried[:, 0] > 0
    kept = float((tried[given, 2] <= promise).mean()) if given.any() else None
    return Outcome(name, promise, way, float(given.mean()), kept, float(tried[:, 1].mean()), best)


def oracle(evidence: Evidence, largest_error: float) -> float:
    """Return the largest share of the surest tickets with no more wrong than that."""
    order = np.argsort(-evidence.confidence, kind="stable")
    allowed = np.flatnonzero(np.cumsum(~evidence.right[order]) <= largest_error * np.arange(1, len(order) + 1))
    return (int(allowed[-1]) + 1) / len(order) if len(allowed) else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--resplits", type=int, default=200, metavar="N")
    options = parser.parse_args()
    scoring = scoring_of(options)
    found = [
        outcome
        for name in options.sets
        for outcome in outcomes(name, scoring.scores(name), resplits=options.resplits, seed=options.seed)
    ]
    print(json.dumps(_as_json(found)) if options.json else _markdown(found))


def _as_json(found: list[Outcome]) -> dict[str, object]:
    """Return, by set and promise, our figures with those of the other ways beside them."""
    told: dict[str, dict[str, dict[str, object]]] = {}
    for outcome in found:
        of_promise = told.setdefault(outcome.set, {}).setdefault(f"{outcome.promise:.2f}", {"beside": {}})
        figures = {key: value for key, value in asdict(outcome).items() if key not in ("set", "promise", "way")}
        if outcome.way == "ours":
            of_promise.update(figures)
        else:
            of_promise["beside"][outcome.way] = figures  # type: ignore[index]
    return dict(told)


def _markdown(found: list[Outcome]) -> str:
    lines = ["| set | promise | way | given | kept | unattended | oracle |", "|---|---:|---|---:|---:|---:|---:|"]
    for each in found:
        kept = "" if each.kept is None else f"{each.kept:.1%}"
        shares = f"{each.unattended:.1%} | {each.oracle:.1%}"
        lines.append(f"| {each.set} | {each.promise:.0%} | {each.way} | {each.given:.0%} | {kept} | {shares} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
