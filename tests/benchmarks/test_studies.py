"""Tables say what the cells say: shares in short, who leads from which history on, what costs what."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from head_to_head.cells import Cell, CellKey, CellStore
from head_to_head.contests import OURS, Contest, Work
from head_to_head.costs import CostStudy
from head_to_head.learning_curve import LearningCurve
from head_to_head.outcomes import LabelOutcome
from head_to_head.tables import bytes_in_words, seconds_in_words, short
from head_to_head.tasks import Costs


def _contest(store: CellStore, part: str, **right_counts: int) -> Contest:
    """Return a contest of methods that are right on so many of a hundred tickets."""
    works = {}
    for method, right in right_counts.items():
        key = CellKey("printers_ko", part, method, 0, "data", "code")
        actual = np.zeros(100, np.int64)
        given = np.eye(2)[(np.arange(100) >= right).astype(int)] * 0.8 + 0.1
        outcome = LabelOutcome(("느림", "고장"), np.arange(100), actual, given, np.array(["ko"] * 100))
        store.save(Cell(key, Costs(1.0, 1.0, 1_000, 190), outcome))
        works[method] = [Work(key, lambda: pytest.fail("it is there"))]
    return Contest("printers_ko", works, part)


def test_a_curve_says_from_which_history_on_ours_leads(tmp_path: Path) -> None:
    """A size at which a rival is ahead, even after one at which it is not, moves that on."""
    store = CellStore(tmp_path)
    sizes = ("200", "1,000", "5,000", "9,000")
    scores = ((90, 80), (70, 80), (85, 80), (95, 90))
    contests = [
        _contest(store, f"{size} tickets of history", ours=ours, linear_svc=rival)
        for size, (ours, rival) in zip(sizes, scores, strict=True)
    ]
    text = LearningCurve({"printers_ko": contests}, store).markdown()
    assert "From 5,000 tickets of history on ours is ahead of every rival in accuracy:" in text
    assert "- 1,000 tickets of history: -.100 [" in text
    behind = LearningCurve({"printers_ko": contests[:2]}, store).markdown()
    assert "With the whole of the history ours is not ahead" in behind


def test_a_curve_without_rivals_compares_nothing(tmp_path: Path) -> None:
    """Where ours ran alone there is a table and no sentence on who leads."""
    store = CellStore(tmp_path)
    text = LearningCurve({"printers_ko": [_contest(store, "200 tickets of history", ours=90)]}, store).markdown()
    assert "| ours | .900 [" in text
    assert "ahead" not in text


def test_costs_are_told_by_recipe_and_size_and_drawn(tmp_path: Path) -> None:
    """A size that was not measured is said to be missing, and no line is drawn to it."""
    store = CellStore(tmp_path / "cells")
    keys = {size: CellKey("printers_ko", f"costs of {size}", OURS, 0, "data", "code") for size in (1_000, 5_000)}
    store.save(Cell(keys[1_000], Costs(72.25, 0.5, 2_500_000, 700), peak_memory_bytes=3 * 2**29))
    works = {size: Work(key, lambda: pytest.fail("it is not asked for")) for size, key in keys.items()}
    study = CostStudy({"fast": works}, store)
    assert "| fast | 1,000 | 72.2 s | 1.50 GiB | 2.5 MB | 0.50 ms |" in study.markdown()
    assert "| fast | 5,000 | not measured |" in study.markdown()
    assert list(study.to_json()["fast"]) == ["1000"]
    study.draw(tmp_path / "figures")
    assert (tmp_path / "figures" / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_the_peak_of_a_process_is_its_own() -> None:
    """What the process that started it held does not count; what it held for a moment does."""
    code = (
        "import sys; sys.path[:0] = ['.', 'benchmarks']\n"
        "from head_to_head.costs import peak_memory_bytes\n"
        "before = peak_memory_bytes()\n"
        "bytearray(200_000_000)\n"
        "print(before, peak_memory_bytes())"
    )
    held = bytearray(600_000_000)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < len(held)
    assert after - before > 100_000_000


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [(0.8614, False, ".861"), (-0.0421, True, "-.042"), (0.0, True, "+.000"), (1.0, False, "1.000")],
)
def test_shares_are_short(value: float, signed: bool, text: str) -> None:
    """Three digits and no zero before the point."""
    assert short(value, signed=signed) == text


def test_times_and_sizes_have_units() -> None:
    """Seconds or minutes, kilobytes or megabytes."""
    assert (seconds_in_words(12.34), seconds_in_words(150)) == ("12.3 s", "2.5 min")
    assert (bytes_in_words(12_340), bytes_in_words(2_500_000)) == ("12 kB", "2.5 MB")
