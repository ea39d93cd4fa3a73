"""A run makes what is missing, survives a method's failure and goes on where it was ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from head_to_head.cells import Cell, CellKey, CellStore
from head_to_head.contests import Work
from head_to_head.manifests import closing_lines, write_manifest
from head_to_head.runs import make_missing
from head_to_head.tasks import Costs, UnavailableError

_COSTS = Costs(1.0, 1.0, 1, 1)


def _key(method: str, fold: int) -> CellKey:
    return CellKey("printers_ko", f"fold {fold}", method, 0, "data", "code")


class Bench:
    """Works that note which cells were made."""

    def __init__(self, *, ends_at: str = "") -> None:
        self.made: list[str] = []
        self.ends_at = ends_at

    def works(self, *methods: str, fails: type[Exception] | None = None) -> list[Work]:
        return [
            Work(key, self._maker(key, fails if method == methods[0] else None))
            for method in methods
            for key in (_key(method, 1), _key(method, 2))
        ]

    def _maker(self, key: CellKey, fails: type[Exception] | None) -> Callable[[], Cell]:
        def make() -> Cell:
            self.made.append(f"{key.method} {key.fold}")
            if fails is not None:
                raise fails("no such library")
            if self.made[-1] == self.ends_at:
                raise KeyboardInterrupt
            return Cell(key, _COSTS)

        return make


def test_what_is_made_is_not_made_again(tmp_path: Path) -> None:
    """A second run of the same cells makes none, one with another method only that one's."""
    bench, store = Bench(), CellStore(tmp_path)
    assert make_missing(bench.works("ours"), store) == {}
    make_missing(bench.works("ours", "bm25"), store)
    assert bench.made == ["ours fold 1", "ours fold 2", "bm25 fold 1", "bm25 fold 2"]


def test_a_run_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    """The cell that was being made is made again, those before it are not."""
    store, first, second = CellStore(tmp_path), Bench(ends_at="ours fold 2"), Bench()
    with pytest.raises(KeyboardInterrupt):
        make_missing(first.works("ours", "bm25"), store)
    make_missing(second.works("ours", "bm25"), store)
    assert second.made == ["ours fold 2", "bm25 fold 1", "bm25 fold 2"]


def test_a_method_that_cannot_run_here_is_tried_once(tmp_path: Path) -> None:
    """Its other cells are passed over, the other methods are measured, and the report says why."""
    bench, store = Bench(), CellStore(tmp_path)
    works = bench.works("fasttext", "ours", fails=UnavailableError)
    reasons = make_missing(works, store)
    assert bench.made == ["fasttext fold 1", "ours fold 1", "ours fold 2"]
    assert list(reasons) == [_key("fasttext", 1), _key("fasttext", 2)]
    said = closing_lines("m", works, store, reasons)
    assert said.splitlines() == ["Manifest m: 2 of 4 cells.", "Not made: printers_ko, fasttext. no such library"]


def test_a_failure_leaves_the_other_cells_to_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error costs its own cell alone, and is shown with where it came from."""
    bench, store = Bench(), CellStore(tmp_path)
    reasons = make_missing(bench.works("ours", "bm25", fails=ZeroDivisionError), store)
    assert len(bench.made) == 4
    assert set(reasons.values()) == {"ZeroDivisionError: no such library"}
    assert "Traceback" in capsys.readouterr().err


def test_a_manifest_is_known_by_its_cells(tmp_path: Path) -> None:
    """The same cells in any order have the same manifest, made or not; another seed has another one."""
    store, works = CellStore(tmp_path), Bench().works("ours", "bm25")
    name = write_manifest(works, store)
    make_missing(works[:1], store)
    assert write_manifest(works[::-1], store) == name
    assert write_manifest(works[1:], store) != name
    assert (tmp_path / "manifests" / f"{name}.json").is_file()
