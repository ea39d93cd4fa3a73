"""The manifest of a report: every cell that it is about, so that all its figures come from one state of things."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from head_to_head.cells import CellKey, CellStore
from head_to_head.contests import Work
from head_to_head.fingerprints import fingerprint_of
from head_to_head.whole_files import written_whole


def write_manifest(works: Sequence[Work], store: CellStore) -> str:
    """Write the manifest beside the cells; return its name, the same for the same code, data and settings."""
    keys = sorted({work.key.digest: work.key for work in works}.items())
    name = fingerprint_of(*(digest for digest, _ in keys))
    cells = [{"file": key.file_name, "is_made": store.has(key), **asdict(key)} for _, key in keys]
    with written_whole(store.folder / "manifests" / f"{name}.json") as file:
        file.write(json.dumps(cells, ensure_ascii=False, indent=1).encode())
    return name


def closing_lines(name: str, works: Sequence[Work], store: CellStore, reasons: Mapping[CellKey, str]) -> str:
    """Return what every report ends with: which manifest it is of, and what is missing and why."""
    made = sum(store.has(work.key) for work in works)
    lines = [f"Manifest {name}: {made} of {len(works)} cells."]
    lacking = dict.fromkeys(f"Not made: {key.set_name}, {key.method}. {reason}" for key, reason in reasons.items())
    lines += list(lacking)
    if any(work.key.limit for work in works):
        lines.append("A trial run on a part of the tickets: these figures say nothing of the whole sets.")
    return "\n".join(lines)
