"""Frozen states: computed once, kept, and dealt so that every text comes once an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.frozen_states import FrozenStates, HalfArray, deal_batches, freeze_states
from training.progress import Progress

IDS = [[5, 6, 7], [1], [9, 9, 9, 9], [2, 3]]


def _doubled(token_ids: Sequence[Sequence[int]]) -> list[HalfArray]:
    """Stand for a transformer of two dimensions: a token's state is its id and twice that."""
    return [np.array([[token, 2 * token] for token in ids], np.float16) for ids in token_ids]


def _refuse(token_ids: Sequence[Sequence[int]]) -> list[HalfArray]:
    raise AssertionError("the states were computed again")


def _freeze(
    folder: Path, *, compute: object = _doubled, key: str = "k", ids: Sequence[Sequence[int]] = IDS
) -> FrozenStates:
    return freeze_states(
        ids,
        compute,  # type: ignore[arg-type]
        dimensions=2,
        key=key,
        folder=folder,
        progress=Progress(is_shown=False),
    )


def test_each_text_gets_its_own_states(tmp_path: Path) -> None:
    """Texts are run in the order of their lengths, and found again by their numbers."""
    frozen = _freeze(tmp_path)
    assert len(frozen) == 4
    assert frozen.lengths.tolist() == [3, 1, 4, 2]
    for wanted, found in zip(_doubled([IDS[3], IDS[0]]), frozen.at([3, 0]), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_states_are_computed_once(tmp_path: Path) -> None:
    """The same texts and transformer are read from the file of the first call."""
    first = _freeze(tmp_path)
    again = _freeze(tmp_path, compute=_refuse)
    np.testing.assert_array_equal(again.states, first.states)
    assert again.fingerprint == first.fingerprint


@pytest.mark.parametrize("changed", [{"key": "another transformer"}, {"ids": [[5, 6, 7], [1], [9, 9, 9, 9], [2, 4]]}])
def test_other_texts_or_transformers_have_other_states(tmp_path: Path, changed: dict[str, object]) -> None:
    """Nothing is read that was computed for something else."""
    _freeze(tmp_path)
    with pytest.raises(AssertionError, match="computed again"):
        _freeze(tmp_path, compute=_refuse, **changed)  # type: ignore[arg-type]


def test_a_run_that_broke_off_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    """States half written are computed anew."""
    with pytest.raises(AssertionError, match="computed again"):
        _freeze(tmp_path, compute=_refuse)
    np.testing.assert_array_equal(_freeze(tmp_path).at([1])[0], [[1, 2]])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=300), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_every_text_is_dealt_once(lengths: list[int], batch_size: int, seed: int) -> None:
    """No text is left out or comes twice, no batch is too large, and the same seed deals the same batches."""
    of_length = np.array(lengths, np.int64)
    batches = deal_batches(of_length, batch_size=batch_size, random=np.random.default_rng(seed))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) <= batch_size
    again = deal_batches(of_length, batch_size=batch_size, random=np.random.default_rng(seed))
    assert [batch.tolist() for batch in again] == [batch.tolist() for batch in batches]


def test_texts_of_like_length_are_dealt_together() -> None:
    """Little of a batch is padding."""
    lengths = np.random.default_rng(1).integers(1, 129, 2000).astype(np.int64)
    batches = deal_batches(lengths, batch_size=16, random=np.random.default_rng(2))
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    assert padded < 1.1 * lengths.sum()
