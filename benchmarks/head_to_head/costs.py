"""What training costs at growing sizes: seconds, memory and bundle, each in a process that does nothing else.

The tickets are those of it_service_tickets_en, split by the product itself with the recipe's own shares, as a user's.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from head_to_head import ours
from head_to_head.cells import Cell, CellKey, CellStore
from head_to_head.contests import Settings, Work, our_key
from head_to_head.figures import draw_costs
from head_to_head.fingerprints import BENCHMARKS, ROOT
from head_to_head.tables import bytes_in_words, seconds_in_words, table
from head_to_head.tasks import Costs, UnavailableError, milliseconds_each
from head_to_head.ticket_sets import read_it_service, sampled

# And the whole set, 47,837 tickets.
SIZES = (1_000, 5_000, 20_000)
MODULE = "head_to_head.costs"
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CostRun:
    """What one process trains: so many tickets by a recipe; `encoders` is the folder of those already exported."""

    datasets: str
    recipe: str
    encoder: str | None
    encoders: str
    tickets_count: int
    seed: int


@dataclass(frozen=True, slots=True)
class CostStudy:
    """A cell for every recipe and number of tickets."""

    by_recipe: Mapping[str, Mapping[int, Work]]
    store: CellStore

    @property
    def works(self) -> list[Work]:
        """The cells that it needs, small ones first."""
        return [work for sizes in self.by_recipe.values() for work in sizes.values()]

    def markdown(self) -> str:
        """Return a row a recipe and size."""
        rows = [
            _row(name, size, self.store.find(work.key))
            for name, sizes in self.by_recipe.items()
            for size, work in sizes.items()
        ]
        header = ["recipe", "tickets", "training", "peak memory", "bundle", "one ticket"]
        return "\n".join(["## Costs by size of the history", "", *table(header, rows), ""])

    def to_json(self) -> dict[str, Any]:
        """Return the costs by recipe and number of tickets."""
        return {
            name: {
                str(size): {**asdict(cell.costs), "peak_memory_bytes": cell.peak_memory_bytes}
                for size, cell in cells.items()
            }
            for name, cells in self._cells().items()
        }

    def draw(self, folder: Path) -> None:
        """Draw costs over sizes."""
        draw_costs(self._cells(), folder)

    def _cells(self) -> dict[str, dict[int, Cell]]:
        return {
            name: {size: cell for size, work in sizes.items() if (cell := self.store.find(work.key)) is not None}
            for name, sizes in self.by_recipe.items()
        }


def cost_study(
    settings: Settings, store: CellStore, *, recipes: Sequence[str], encoder: str | None, encoders: Path
) -> CostStudy:
    """Return the study of these recipes, each as it ships; a trial run has the sizes up to its limit."""
    tickets = read_it_service(settings.datasets)
    whole = settings.limit or len(tickets.history.rows)
    data = tickets.data
    works: dict[str, dict[int, Work]] = {}
    for name in recipes:
        of_recipe = replace(settings, product=ours.product_of(name, encoder=encoder, folder=encoders))
        for size in (*(size for size in SIZES if size < whole), whole):
            run = CostRun(str(settings.datasets.resolve()), name, encoder, str(encoders.resolve()), size, settings.seed)
            key = our_key(tickets.name, f"costs of {size:,} tickets", of_recipe, data=data, code=MODULE)
            works.setdefault(name, {})[size] = Work(key, partial(_measured_apart, key, run))
    return CostStudy(works, store)


def _row(name: str, size: int, cell: Cell | None) -> list[str]:
    if cell is None:
        return [name, f"{size:,}", *["not measured"] * 4]
    memory = f"{cell.peak_memory_bytes / 2**30:.2f} GiB"
    costs = cell.costs
    shown = [seconds_in_words(costs.training_seconds), memory, bytes_in_words(costs.size_bytes)]
    return [name, f"{size:,}", *shown, f"{costs.milliseconds:.2f} ms"]


def _measured_apart(key: CellKey, run: CostRun) -> Cell:
    command = [sys.executable, "-m", MODULE, json.dumps(asdict(run))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=BENCHMARKS, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"Training on {run.tickets_count:,} tickets failed: {done.stderr.strip()[-300:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Cell(key, Costs(**said["costs"]), peak_memory_bytes=said["peak_memory_bytes"])


def _measured_here(run: CostRun) -> dict[str, Any]:
    """Train in this process and return what it took."""
    history = sampled(read_it_service(Path(run.datasets)).history, run.tickets_count)
    product = ours.product_of(run.recipe, encoder=run.encoder, folder=Path(run.encoders))
    with ours.fitted(history, None, product=product, seed=run.seed) as made:
        peak = peak_memory_bytes()
        tickets = [row.ticket() for row in history.rows]
        milliseconds = milliseconds_each(lambda ticket: made.bundle.score([ticket], with_reasons=False), tickets)
        return {"costs": asdict(made.costs(milliseconds)), "peak_memory_bytes": peak}


def peak_memory_bytes() -> int:
    """Return the most memory that this process held; Linux counts that of the one that started it as its own too."""
    try:
        found = _PEAK.search(Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        found = None
    return int(found.group(1)) * 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps(_measured_here(CostRun(**json.loads(sys.argv[1])))))
