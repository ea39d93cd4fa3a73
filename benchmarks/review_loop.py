"""What the queue's choice of reviews is worth: 300 reviews that it chose against 300 drawn at random.

    python benchmarks/review_loop.py [--sets NAME,NAME] [--seeds 20] [--reviews 300] [--json]

For each seed a model is trained on 1,000 tickets, drawn from the set's training part. Of 2,000 further tickets, drawn
likewise, the queue chooses those that it says are worth most (`serving.oversight.queue_items.worth`); beside it so many
are drawn at random. Both lots get their true label as a lead's review and the model is trained again by the way of
`triage train --reviews`. The accuracy of all three is that on the same test tickets, those with a label that the model
does not know included. What was measured is kept by set, recipe, seed and size, so that a run that was stopped goes on
where it was; `--fresh` measures anew.

The interval is that of the mean difference over seeds, by Student's t: it tells how the choice does on other draws from
the same set, not on other sets.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# First of all, since files of this folder have the names of packages there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from fixed_scores import DATASETS, names_of
from head_to_head.fingerprints import ROOT
from head_to_head.tasks import Integers
from head_to_head.ticket_sets import TICKET_SETS, TicketSet
from scipy import stats

from features.answers import ModelIdentity, answer
from features.bundle import ModelBundle
from features.history import HistoryRow, LabelSource, ReviewRow
from features.predictions import ScoredTicket
from serving.oversight.queue_items import worth
from serving.storage.interface import ScoredEntry, Source
from training.datasets import HistoryTable
from training.fit import fit_bundle
from training.progress import Progress
from training.recipe import Recipe, load_recipe
from training.review_files import ReviewTable

SETS: Mapping[str, str] = {"aivle_inquiry": "aivle_inquiry_ko", "endava_business_service": "endava_business_service"}
WORKDIR = ROOT / "var" / "benchmarks" / "review_loop"
RECIPE = "fast"
HISTORY, POOL, REVIEWS, SEEDS = 1000, 2000, 300, 20
# A part of its own is needed by training, whose figures are not used here.
_EVIDENCE, _OWN_TEST = 50, 50
_BATCH = 256
_MODEL = ModelIdentity("ticket-triage", "1")
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is drawn of a set, and by which recipe it is learned from."""

    recipe: str = RECIPE
    history: int = HISTORY
    pool: int = POOL
    reviews: int = REVIEWS

    def name(self) -> str:
        """Return what tells figures of this size from others."""
        return f"{Path(self.recipe).stem}-{self.history}-{self.pool}-{self.reviews}"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one seed gave: the accuracy before, with the queue's reviews and with random ones."""

    before: float
    queue: float
    random: float
    # How many of the reviewed tickets the first model had wrong.
    wrong_in_queue: int
    wrong_in_random: int
    test_tickets: int
    seconds: float


def measure(tickets: TicketSet, *, size: Size, seed: int) -> Cell:
    """Return what reviews of both kinds are worth on one draw."""
    started, random = time.perf_counter(), np.random.default_rng(seed)
    recipe = load_recipe(size.recipe)
    fold = tickets.folds[seed % len(tickets.folds)]
    drawn = random.permutation(fold.train)
    history = _history(tickets, drawn[: size.history])
    pool = drawn[size.history : size.history + size.pool]
    asked = [tickets.history.rows[place] for place in fold.test]
    first = _trained(history, (), recipe=recipe, seed=seed)
    said = [one for batch in _batches([tickets.history.rows[place] for place in pool]) for one in _scored(first, batch)]
    worths = np.array([worth(_entry(one), [tickets.target]) for one in said])
    chosen = pool[np.argsort(-worths, kind="stable")[: size.reviews]]
    others = random.permutation(pool)[: size.reviews]
    right = dict(zip(pool.tolist(), _right(said, tickets, pool), strict=True))

    def accuracy(bundle: ModelBundle) -> float:
        found = [one for batch in _batches(asked) for one in _scored(bundle, batch, similar_count=0)]
        return float(np.mean(_right(found, tickets, fold.test)))

    def with_reviews(places: Integers) -> float:
        return accuracy(_trained(history, _reviews(tickets, places), recipe=recipe, seed=seed))

    return Cell(
        before=accuracy(first),
        queue=with_reviews(chosen),
        random=with_reviews(others),
        wrong_in_queue=sum(not right[place] for place in chosen.tolist()),
        wrong_in_random=sum(not right[place] for place in others.tolist()),
        test_tickets=len(asked),
        seconds=round(time.perf_counter() - started, 1),
    )


def _history(tickets: TicketSet, places: Integers) -> HistoryTable:
    rows = tuple(tickets.history.rows[place] for place in places)
    lines = tuple(tickets.history.lines[place] for place in places)
    return replace(tickets.history, rows=rows, lines=lines, read_count=len(rows), kept_columns={})


def _trained(history: HistoryTable, reviews: Sequence[ReviewRow], *, recipe: Recipe, seed: int) -> ModelBundle:
    rest = len(history.rows) - _EVIDENCE - _OWN_TEST
    given = ["train"] * rest + ["evidence"] * _EVIDENCE + ["test"] * _OWN_TEST
    table = ReviewTable(tuple(reviews))
    trained = fit_bundle(
        history, None, reviews=table, recipe=recipe, seed=seed, given_split=given, progress=Progress(is_shown=False)
    )
    return trained.bundle


def _reviews(tickets: TicketSet, places: Integers) -> list[ReviewRow]:
    rows = [tickets.history.rows[place] for place in places]
    return [
        ReviewRow(
            ticket_id=row.id,
            target=tickets.target,
            value=getattr(row, tickets.target),
            source=LabelSource.LEAD,
            subject=row.subject,
            body=row.body,
        )
        for row in rows
    ]


def _batches(rows: Sequence[HistoryRow]) -> Iterator[Sequence[HistoryRow]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def _scored(bundle: ModelBundle, rows: Sequence[HistoryRow], *, similar_count: int = 5) -> Sequence[ScoredTicket]:
    used = bundle if similar_count else replace(bundle, similar_tickets=None)
    return used.score([row.ticket() for row in rows], with_reasons=False)


def _entry(scored: ScoredTicket) -> ScoredEntry:
    """Return what the service would keep of a scored ticket, from which the queue tells its worth."""
    told = answer(scored, model=_MODEL)
    return ScoredEntry(
        id=scored.ticket_id,
        ticket_id=scored.ticket_id,
        scored_at=_MOMENT,
        model=_MODEL,
        language=scored.language,
        predictions=told["targets"],
        articles=(),
        similar_tickets=told["similar_tickets"],
        warnings=(),
        caller="",
        source=Source.BATCH,
        duration_seconds=0.0,
    )


def _right(scored: Sequence[ScoredTicket], tickets: TicketSet, places: Integers) -> list[bool]:
    """Return for each ticket whether its label was told; one that the model does not know never is."""
    told = [one.predictions.get(tickets.target) for one in scored]
    return [
        one is not None and one.label == getattr(tickets.history.rows[place], tickets.target)
        for one, place in zip(told, places.tolist(), strict=True)
    ]


# --- cells and figures ------------------------------------------------------------------------------------------------


def cell(tickets: TicketSet, *, size: Size, seed: int, workdir: Path, is_fresh: bool) -> Cell:
    """Return a cell from the file where it is kept or, once, from a measurement."""
    path = workdir / f"{tickets.name}-{size.name()}-{seed}-{tickets.data[:12]}.json"
    if is_fresh or not path.exists():
        made = measure(tickets, size=size, seed=seed)
        print(f"{tickets.name}, seed {seed}: {made}", file=sys.stderr, flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(made)), encoding="utf-8")
        part.replace(path)
    return Cell(**json.loads(path.read_text(encoding="utf-8")))


def figures(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return means over seeds, and the paired differences with their intervals at 95 %."""
    return {
        "seeds": len(cells),
        "test_tickets": cells[0].test_tickets,
        "accuracy_before": _mean([one.before for one in cells]),
        "accuracy_queue": _mean([one.queue for one in cells]),
        "accuracy_random": _mean([one.random for one in cells]),
        "gained_by_queue": _difference([one.queue - one.before for one in cells]),
        "gained_by_random": _difference([one.random - one.before for one in cells]),
        "queue_over_random": _difference([one.queue - one.random for one in cells]),
        "wrong_in_queue": _mean([one.wrong_in_queue for one in cells]),
        "wrong_in_random": _mean([one.wrong_in_random for one in cells]),
        "seconds_a_seed": _mean([one.seconds for one in cells]),
    }


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)


def _difference(values: Sequence[float]) -> dict[str, float | None]:
    mean = float(np.mean(values))
    if len(values) < 2:
        return {"mean": round(mean, 4), "low": None, "high": None}
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=names_of(tuple(SETS)), default=tuple(SETS), help=", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N")
    parser.add_argument("--recipe", default=RECIPE, help=f"one that ships or a file; {RECIPE} by default")
    parser.add_argument("--history", type=int, default=HISTORY, metavar="N", help="tickets to begin with")
    parser.add_argument("--pool", type=int, default=POOL, metavar="N", help="tickets that may be reviewed")
    parser.add_argument("--reviews", type=int, default=REVIEWS, metavar="N")
    parser.add_argument("--fresh", action="store_true", help="measure anew what is kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--datasets", type=Path, default=DATASETS)
    parser.add_argument("--workdir", type=Path, default=WORKDIR)
    options = parser.parse_args()
    if not options.datasets.is_dir():
        sys.exit("The datasets are not here: they are expected in ../shared/datasets, beside the repository.")
    size = Size(options.recipe, options.history, options.pool, options.reviews)
    told = {}
    for name in options.sets:
        tickets = TICKET_SETS[SETS[name]](options.datasets)
        told[name] = figures(
            [
                cell(tickets, size=size, seed=seed, workdir=options.workdir, is_fresh=options.fresh)
                for seed in range(options.seeds)
            ]
        )
    print(json.dumps(told) if options.json else _markdown(told))


def _markdown(told: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| set | figure | value |", "|---|---|---:|"]
    for name, found in told.items():
        lines += [f"| {name} | {figure} | {_shown(value)} |" for figure, value in found.items()]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    between = "" if value["low"] is None else f" ({value['low']:+.4f} to {value['high']:+.4f})"
    return f"{value['mean']:+.4f}{between}"


if __name__ == "__main__":
    main()
