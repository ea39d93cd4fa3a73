"""Cells are found by all that they depend on, and written whole or not at all."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from head_to_head.cells import Cell, CellKey, CellStore
from head_to_head.outcomes import LabelOutcome, SearchOutcome
from head_to_head.tasks import Costs
from head_to_head.whole_files import written_whole

_KEY = CellKey("printers_ko", "fold 1 of 5", "ours", 0, "data", "code", "fast-1", "", 0)
_COSTS = Costs(1.5, 0.25, 1_000, 40, "and 2 set apart")


@pytest.mark.parametrize("name", [field.name for field in fields(CellKey)])
def test_whatever_a_cell_depends_on_tells_it_from_another(name: str) -> None:
    """Another set, fold, method, seed, data, code, recipe, encoder or limit is another cell."""
    other = replace(_KEY, **{name: 7 if isinstance(getattr(_KEY, name), int) else "another"})
    assert other.digest != _KEY.digest
    assert other.file_name != _KEY.file_name


def test_a_cell_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Costs, probabilities, labels and languages come back."""
    outcome = LabelOutcome(
        labels=("느림", "인쇄 안 됨"),
        tickets=np.array([4, 9]),
        actual=np.array([1, 0]),
        probabilities=np.array([[0.25, 0.75], [0.5, 0.5]]),
        languages=np.array(["ko", "en"]),
    )
    store = CellStore(tmp_path)
    store.save(Cell(_KEY, _COSTS, outcome, 2**30))
    found = store.find(_KEY)
    assert found is not None
    assert (found.costs, found.peak_memory_bytes) == (_COSTS, 2**30)
    assert isinstance(found.outcome, LabelOutcome)
    assert found.outcome.labels == outcome.labels
    assert found.outcome.languages.tolist() == ["ko", "en"]
    for name in ("tickets", "actual", "probabilities"):
        np.testing.assert_array_equal(getattr(found.outcome, name), getattr(outcome, name))


def test_what_a_search_found_and_bare_costs_are_kept_too(tmp_path: Path) -> None:
    """A cell of a search holds ranks, one of costs nothing."""
    store, costs_key = CellStore(tmp_path), replace(_KEY, fold="costs of 1,000 tickets")
    store.save(Cell(_KEY, _COSTS, SearchOutcome(np.array([0, 1]), np.array([3, 10]))))
    store.save(Cell(costs_key, _COSTS))
    searched, costs = store.find(_KEY), store.find(costs_key)
    assert searched is not None
    assert isinstance(searched.outcome, SearchOutcome)
    assert searched.outcome.ranks.tolist() == [3, 10]
    assert costs == Cell(costs_key, _COSTS)


def test_a_cell_of_other_code_is_not_found(tmp_path: Path) -> None:
    """What earlier code made stays there and is not shown."""
    store = CellStore(tmp_path)
    store.save(Cell(_KEY, _COSTS))
    assert store.find(replace(_KEY, code="newer")) is None
    assert store.find(_KEY) is not None


def test_a_trial_run_says_so_in_its_file_s_name() -> None:
    """The cell of a part of the tickets is never taken for one of all."""
    assert "partial" in replace(_KEY, limit=200).file_name
    assert "partial" not in _KEY.file_name


def test_a_file_that_is_not_finished_is_not_there(tmp_path: Path) -> None:
    """Where writing ends halfway neither the file nor a rest of it stays, and an older one is left as it was."""
    path = tmp_path / "cell.json"
    path.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt):
        _write_half(path)
    assert [each.name for each in tmp_path.iterdir()] == ["cell.json"]
    assert path.read_bytes() == b"older"


def _write_half(path: Path) -> None:
    with written_whole(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
