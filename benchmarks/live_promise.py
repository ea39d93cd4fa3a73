"""Whether a broken promise is found in time, a kept one left alone, and drift seen: replays of 1,000 tickets.

    python benchmarks/live_promise.py [--set NAME] [--runs 200] [--recipe NAME] [--json]

The tickets are drawn from the public scores that benchmarks/promise.py keeps; one half is the evidence on which the
promise is made, the other is replayed. Nobody edits anything and audits are truthful. In a breach so many of the
unattended labels are made wrong that their share is the stated one; without one the share is just as promised, which
is the hardest case for false alarms. Drift comes in after a third of the tickets, in three ways: another mix of
labels, new vocabulary (novelty, stated and not scored), and another meaning of the same tickets, which audits alone
can show.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# First of all, since files of this folder have the names of packages there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from fixed_scores import SETS, add_options, halves, part, scoring_of

from features.decisions import Policy, effective_policy, runs_unattended
from features.drift import DriftSignal, DriftWatch
from features.evidence import Evidence
from features.live_error import AuditPlan, LiveError, audit_rate
from features.promises import Promise

TICKETS = 1000
PROMISED, BREACH, WITHIN = 0.10, 0.30, 300
DRIFT_FROM = TICKETS // 3
DRIFT_RUNS = 20


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of one replay: after how many unattended tickets it fell back, and whether the interval held."""

    fallback_after: int | None
    audits: int
    interval_held: bool


@dataclass(frozen=True, slots=True)
class Found:
    """All figures of the benchmark; `drift` is the share of runs in which each was found."""

    set: str
    promised: float
    breach: float
    within: int
    audit_rate: float
    fell_back_in_time: float
    median_fallback_after: float
    interval_held: float
    false_alarms: float
    stated_false_alarms: float
    drift: dict[str, float]
    drift_false_alarms: float


def replay(unattended: int, share: float, *, plan: AuditPlan, random: np.random.Generator) -> Replay:
    """Replay unattended tickets of which just that share is wrong, in any order, audited at random."""
    is_wrong = random.permutation(unattended) < round(share * unattended)
    is_audited = random.random(unattended) < plan.rate
    state, held, fallback = LiveError(PROMISED), True, None
    for place in np.flatnonzero(is_audited):
        state = state.seen(wrong=int(is_wrong[place]), right=int(not is_wrong[place]))
        low, high = state.interval
        held = held and low <= share <= high
        if fallback is None and state.is_breached:
            fallback = int(place) + 1
    return Replay(fallback, state.audits, held)


def drift_found(scores: Evidence, *, way: str, seed: int) -> bool:
    """Return whether drift of one way, or of none, was found in 1,000 tickets, on halves drawn anew."""
    first, second = halves(scores, np.random.default_rng([seed, 4]))
    policy = effective_policy(first, Promise(PROMISED))
    random = np.random.default_rng([seed, 1])
    if way == "concept":
        return _concept_found(second, policy, random)
    places = random.choice(len(second.actual), TICKETS, replace=False)
    novelty = random.random(TICKETS)
    if way == "label":
        rare = np.argsort(np.bincount(second.predicted, minlength=len(second.labels)))[-3]
        weights = np.where(second.predicted == rare, 3.0, 1.0)
        places[DRIFT_FROM:] = random.choice(len(weights), TICKETS - DRIFT_FROM, p=weights / weights.sum())
    if way == "novelty":
        is_new = (np.arange(TICKETS) >= DRIFT_FROM) & (random.random(TICKETS) < 0.2)
        novelty = np.where(is_new, 0.96 + 0.04 * novelty, novelty)
    live = part(second, places)
    watch = DriftWatch.begin(first)
    for label, probability, newness in zip(live.predicted, live.confidence, novelty, strict=True):
        draw = float(random.random())
        watch = watch.seen(live.labels[label], float(probability), novelty=float(newness), draw=draw)
    return bool(watch.found) if way == "none" else DriftSignal(way) in watch.found


def _concept_found(second: Evidence, policy: Policy, random: np.random.Generator) -> bool:
    """Return whether audits find that the commonest unattended label has come to mean another one."""
    plan = audit_rate(1.0, BREACH, WITHIN, promised=PROMISED)
    runs = np.flatnonzero(runs_unattended(second, policy))
    commonest = np.bincount(second.predicted[runs]).argmax()
    state = LiveError(PROMISED)
    for count, place in enumerate(random.choice(runs, TICKETS)):
        changed = count >= DRIFT_FROM and second.predicted[place] == commonest
        is_wrong = bool(changed or not second.right[place])
        if random.random() < plan.rate:
            state = state.seen(wrong=int(is_wrong), right=int(not is_wrong))
        if state.is_breached:
            return count >= DRIFT_FROM
    return False


def measure(name: str, scores: Evidence, *, runs: int, seed: int) -> Found:
    """Return all figures for one set."""
    first, second = halves(scores, np.random.default_rng(seed))
    policy = effective_policy(first, Promise(PROMISED))
    unattended = round(TICKETS * float(runs_unattended(second, policy).mean()))
    plan = audit_rate(unattended, BREACH, WITHIN, promised=PROMISED)
    broken = [
        replay(unattended, BREACH, plan=plan, random=np.random.default_rng([seed, 2, run])) for run in range(runs)
    ]
    kept = [
        replay(unattended, PROMISED, plan=plan, random=np.random.default_rng([seed, 3, run])) for run in range(runs)
    ]
    after = [each.fallback_after if each.fallback_after is not None else TICKETS for each in broken]
    found = {
        way: float(np.mean([drift_found(scores, way=way, seed=seed + run) for run in range(DRIFT_RUNS)]))
        for way in ("label", "novelty", "concept", "none")
    }
    return Found(
        set=name,
        promised=PROMISED,
        breach=BREACH,
        within=WITHIN,
        audit_rate=plan.rate,
        fell_back_in_time=float(np.mean([each <= WITHIN for each in after])),
        median_fallback_after=float(np.median(after)),
        interval_held=float(np.mean([each.interval_held for each in broken])),
        false_alarms=float(np.mean([each.fallback_after is not None for each in kept])),
        stated_false_alarms=1 - LiveError(PROMISED).confidence,
        drift={way: share for way, share in found.items() if way != "none"},
        drift_false_alarms=found["none"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(sets=tuple(SETS)[1:2])
    parser.add_argument("--runs", type=int, default=200, metavar="N")
    options = parser.parse_args()
    scoring = scoring_of(options)
    found = [measure(name, scoring.scores(name), runs=options.runs, seed=options.seed) for name in options.sets]
    told = {each.set: asdict(each) for each in found}
    print(json.dumps(told) if options.json else _markdown(told))


def _markdown(told: dict[str, dict[str, object]]) -> str:
    lines = ["| set | figure | value |", "|---|---|---:|"]
    for name, figures in told.items():
        lines += [f"| {name} | {figure} | {value} |" for figure, value in figures.items() if figure != "set"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
