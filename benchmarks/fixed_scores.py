"""Scores of the public sets, made once by one of our recipes and kept: what promises are measured on.

Each set is scored on the test part of its given split, or out of fold. The scores are kept by recipe, encoder, seed and
size of a trial; whoever changes the model and wants new ones asks for fresh ones. The sets need none: the claims that
are measured on the scores are to hold whatever the model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from head_to_head import ours
from head_to_head.fingerprints import ROOT
from head_to_head.ticket_sets import TICKET_SETS, Fold, TicketSet

from features.evidence import Evidence
from training.recipe_options import NO_ENCODER

SETS: Mapping[str, str] = {
    "it_service": "it_service_tickets_en",
    "endava_business_service": "endava_business_service",
    "aivle_inquiry": "aivle_inquiry_ko",
}
RECIPE = "fast"
DATASETS = ROOT.parent / "shared" / "datasets"
WORKDIR = ROOT / "var" / "benchmarks" / "promise"


@dataclass(frozen=True, slots=True)
class Scoring:
    """What the scores were made by, and where they are kept; `limit` keeps a trial to so many tickets of a set."""

    recipe: str = RECIPE
    encoder: str = NO_ENCODER
    seed: int = 0
    limit: int = 0
    datasets: Path = DATASETS
    workdir: Path = WORKDIR
    is_fresh: bool = False

    def scores(self, name: str) -> Evidence:
        """Return the scores of a set, from the file where they are kept or, once, from the recipe."""
        kind = "-".join([name, Path(self.recipe).stem, Path(self.encoder).name, str(self.seed), str(self.limit)])
        path = self.workdir / f"{kind}.npz"
        if self.is_fresh or not path.exists():
            product = ours.product_of(self.recipe, encoder=self.encoder, folder=self.workdir).with_little_evidence()
            path.parent.mkdir(parents=True, exist_ok=True)
            made = self._made(name, product)
            np.savez_compressed(path, allow_pickle=False, names=np.array(made.labels), **made.to_arrays())
        with np.load(path) as kept:
            return Evidence.from_arrays(kept["names"].tolist(), kept)

    def _made(self, name: str, product: ours.Product) -> Evidence:
        tickets = TICKET_SETS[SETS[name]](self.datasets, limit=self.limit)
        parts = [self._fold(tickets, fold, product) for fold in tickets.folds]
        places = np.concatenate([fold.test for fold in tickets.folds])
        return Evidence(tickets.labels, np.concatenate(parts), tickets.actual[places], tickets.languages_of(places))

    def _fold(self, tickets: TicketSet, fold: Fold, product: ours.Product) -> ours.Floats:
        print(f"Scoring {tickets.name}, {fold.name}", file=sys.stderr)
        return ours.label(tickets, fold, product=product, seed=self.seed).probabilities


def halves(evidence: Evidence, random: np.random.Generator) -> tuple[Evidence, Evidence]:
    """Return the tickets in two halves, drawn at random."""
    order = random.permutation(len(evidence.actual))
    middle = len(order) // 2
    return part(evidence, order[:middle]), part(evidence, order[middle:])


def part(evidence: Evidence, places: ours.Integers) -> Evidence:
    """Return some tickets of the evidence."""
    return Evidence(
        evidence.labels, evidence.probabilities[places], evidence.actual[places], evidence.languages[places]
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Offer which sets are read and what scores them."""
    parser.add_argument("--sets", type=names_of(tuple(SETS)), default=tuple(SETS), help=", ".join(SETS))
    parser.add_argument("--recipe", default=RECIPE, help=f"one that ships or a file; {RECIPE} by default")
    parser.add_argument("--encoder", default=NO_ENCODER, metavar="NAME|DIR|none", help="text encoder; none by default")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="a trial on N tickets a set, kept apart")
    parser.add_argument("--fresh", action="store_true", help="score anew what is kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--datasets", type=Path, default=DATASETS)
    parser.add_argument("--workdir", type=Path, default=WORKDIR)


def scoring_of(options: argparse.Namespace) -> Scoring:
    """Return what the options ask for."""
    if not options.datasets.is_dir():
        sys.exit("The datasets are not here: they are expected in ../shared/datasets, beside the repository.")
    return Scoring(
        recipe=options.recipe,
        encoder=options.encoder,
        limit=options.limit,
        datasets=options.datasets,
        workdir=options.workdir,
        is_fresh=options.fresh,
    )


def names_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Return what reads a list of known names."""

    def names(text: str) -> tuple[str, ...]:
        given = tuple(filter(None, (name.strip() for name in text.split(","))))
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None or not given:
            raise argparse.ArgumentTypeError(f"'{unknown or text}' is none of {', '.join(known)}")
        return given

    return names
