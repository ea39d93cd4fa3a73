"""Cells: one method on one fold of one set with one seed, made once and kept as a file of JSON.

A cell is found by all that it depends on. Changed code, data or settings are another cell, so what was made before
is neither lost nor shown.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from head_to_head.fingerprints import fingerprint_of
from head_to_head.outcomes import Outcome, outcome_from_json, outcome_to_json
from head_to_head.tasks import Costs
from head_to_head.whole_files import written_whole

FORMAT_VERSION = "1"


@dataclass(frozen=True, slots=True)
class CellKey:
    """Everything that a cell's content depends on; `limit` is the number of tickets of a trial run, else 0.

    `data` and `code` are fingerprints. `recipe` and `encoder` are empty for a rival that uses none.
    """

    set_name: str
    fold: str
    method: str
    seed: int
    data: str
    code: str
    recipe: str = ""
    encoder: str = ""
    limit: int = 0

    @property
    def digest(self) -> str:
        """What tells this cell from every other."""
        return fingerprint_of(FORMAT_VERSION, *(f"{name}={value}" for name, value in asdict(self).items()))

    @property
    def file_name(self) -> str:
        """A name that people can read and that no other cell has."""
        words = [self.set_name, self.fold, self.method, *(["partial"] if self.limit else [])]
        return "-".join([*(re.sub(r"\W+", "_", word) for word in words), self.digest]) + ".json"

    def __str__(self) -> str:
        """What is shown of it while it is made."""
        return f"{self.set_name}, {self.fold}: {self.method}"


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of it: costs, and what was said of every ticket or question, where the cell is about that."""

    key: CellKey
    costs: Costs
    outcome: Outcome | None = None
    peak_memory_bytes: int = 0


class CellStore:
    """The folder of cells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, key: CellKey) -> bool:
        """Return whether the cell of this key was made."""
        return (self.folder / key.file_name).is_file()

    def find(self, key: CellKey) -> Cell | None:
        """Return the cell of this key, None where it was not made."""
        if not self.has(key):
            return None
        stored = json.loads((self.folder / key.file_name).read_text(encoding="utf-8"))
        outcome = None if stored["outcome"] is None else outcome_from_json(stored["outcome"])
        return Cell(key, Costs(**stored["costs"]), outcome, stored["peak_memory_bytes"])

    def save(self, cell: Cell) -> None:
        """Write a cell whole or not at all: a run that is ended in between leaves nothing half done."""
        content: dict[str, Any] = {
            "key": asdict(cell.key),
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "costs": asdict(cell.costs),
            "peak_memory_bytes": cell.peak_memory_bytes,
            "outcome": None if cell.outcome is None else outcome_to_json(cell.outcome),
        }
        with written_whole(self.folder / cell.key.file_name) as file:
            file.write(json.dumps(content, ensure_ascii=False).encode())
