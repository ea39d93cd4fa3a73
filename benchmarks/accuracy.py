"""Our recipes and the rivals that a user would pick instead, on the same splits of the same public tickets.

    python benchmarks/accuracy.py [--sets NAMES] [--recipe NAME] [--rivals NAMES|none] [--json]

Every fold of a set is a cell for every method, made once and kept under var/benchmarks/accuracy: a run can be ended at
any moment and goes on where it was. A table shows only cells made from the code, the data and the settings of this
moment, and names those that are missing. --learning-curve, --costs and --bilingual are studies of their own and take
the place of the tables; --only-report makes no cell.

Labels: ours learns from the training part of a fold but for 1 % of it, its evidence; rivals learn from all of it.
fastText and FLAML get environments of their own when first needed. Without a GPU the fine-tuned transformer has a
small budget; what it was is said below the table. Data: ../shared/datasets.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# First of all, since files of this folder have the names of packages there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from head_to_head import ours
from head_to_head.bilingual import bilingual
from head_to_head.cells import CellKey, CellStore
from head_to_head.comparison import Comparison
from head_to_head.contests import SET_NAMES, Settings, contests_of
from head_to_head.costs import cost_study
from head_to_head.fingerprints import ROOT
from head_to_head.learning_curve import learning_curve
from head_to_head.manifests import closing_lines, write_manifest
from head_to_head.rivals.interface import Bench
from head_to_head.rivals.known import RIVALS
from head_to_head.runs import make_missing, say
from head_to_head.studies import Study

from features.errors import TriageError
from training.recipe import DEFAULT_RECIPE, SHIPPED
from training.recipe_options import NO_ENCODER

NO_RIVAL = "none"
ENCODER = "intfloat/multilingual-e5-small"


def main() -> None:
    options = _options()
    if not options.datasets.is_dir():
        sys.exit("The datasets are not here: they are expected in ../shared/datasets, beside the repository.")
    store = CellStore(options.workdir / "cells")
    try:
        study = _study(options, store)
    except TriageError as error:
        sys.exit(str(error))
    reasons: dict[CellKey, str] = {}
    try:
        if not options.only_report:
            reasons |= make_missing(study.works, store)
    except KeyboardInterrupt:
        say("\nEnded; what is made stays. The same command goes on from here.")
    name = write_manifest(study.works, store)
    closing = closing_lines(name, study.works, store, reasons)
    if options.json:
        print(json.dumps(study.to_json(), ensure_ascii=False))
        say(closing)
    else:
        print(f"{study.markdown()}\n{closing}")
    if options.figures is not None:
        study.draw(options.figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=_names(SET_NAMES), default=SET_NAMES, help=", ".join(SET_NAMES))
    parser.add_argument("--recipe", help=f"one that ships or a file; {DEFAULT_RECIPE} by default")
    rivals = parser.add_argument("--rivals", type=_names((*RIVALS, NO_RIVAL)), default=tuple(RIVALS))
    rivals.help = f"{', '.join(RIVALS)}, or {NO_RIVAL}; all by default"
    parser.add_argument("--encoder", metavar="NAME|DIR|none", help="text encoder by hub name or folder")
    parser.add_argument("--seed", type=int, default=0, help="of the methods; the folds stay those of seed 0")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="draw figures into a folder too")
    studies = parser.add_mutually_exclusive_group()
    studies.add_argument("--learning-curve", action="store_true", help="200, 1,000 and 5,000 tickets of history")
    studies.add_argument("--costs", action="store_true", help="time, memory and size of every recipe by tickets")
    studies.add_argument("--bilingual", action="store_true", help="one bundle for both languages")
    parser.add_argument("--only-report", action="store_true", help="make no cell, tell what is there")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="a trial on N tickets a set, kept apart")
    parser.add_argument("--datasets", type=Path, default=ROOT.parent / "shared" / "datasets")
    parser.add_argument("--workdir", type=Path, default=ROOT / "var" / "benchmarks" / "accuracy")
    return parser.parse_args()


def _names(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def names(text: str) -> tuple[str, ...]:
        given = tuple(filter(None, (name.strip() for name in text.split(","))))
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None or not given:
            raise argparse.ArgumentTypeError(f"'{unknown or text}' is none of {', '.join(known)}")
        return given

    return names


def _study(options: argparse.Namespace, store: CellStore) -> Study:
    product = ours.product_of(options.recipe or DEFAULT_RECIPE, encoder=options.encoder, folder=options.workdir)
    if product.lacking:
        say(product.lacking)
    # Rivals that are encoders have one, whether or not ours does.
    theirs = ENCODER if options.encoder in (None, NO_ENCODER) else options.encoder
    settings = Settings(
        datasets=options.datasets,
        product=product.with_little_evidence(),
        rivals=[RIVALS[name] for name in options.rivals if name != NO_RIVAL],
        bench=Bench(options.workdir / "rivals", theirs),
        seed=options.seed,
        limit=options.limit,
    )
    if options.costs:
        recipes = [options.recipe] if options.recipe else SHIPPED
        return cost_study(settings, store, recipes=recipes, encoder=options.encoder, encoders=options.workdir)
    if options.bilingual:
        return bilingual(settings, store)
    if options.learning_curve:
        return learning_curve(options.sets, settings, store)
    return Comparison([contest for name in options.sets for contest in contests_of(name, settings)], store)


if __name__ == "__main__":
    main()
