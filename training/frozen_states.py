"""The states of texts at a layer of a transformer that is not trained: computed once, kept on disk, dealt in batches.

Fine-tuning the layers above reads them in every epoch and every fold instead of running the layers below again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from training.progress import Progress

IntArray: TypeAlias = NDArray[np.int64]
HalfArray: TypeAlias = NDArray[np.float16]
# Texts of like length are dealt together: chosen within so many batches, so that batches still differ by epoch.
_BATCHES_A_BUCKET = 24
_TEXTS_A_RUN = 32


@dataclass(frozen=True, slots=True)
class FrozenStates:
    """The states of all tokens of all texts, one text after another, shape (tokens, dimensions), in half precision.

    Text n has the tokens from `starts[n]` to `starts[n + 1]`. The fingerprint changes with the texts, the transformer
    and the layer.
    """

    states: HalfArray
    starts: IntArray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> IntArray:
        """The number of tokens of each text."""
        return np.diff(self.starts)

    def at(self, rows: Sequence[int] | IntArray) -> list[HalfArray]:
        """Return the states of some texts, each of shape (tokens, dimensions)."""
        return [self.states[self.starts[row] : self.starts[row + 1]] for row in rows]


def freeze_states(
    token_ids: Sequence[Sequence[int]],
    compute: Callable[[Sequence[Sequence[int]]], Sequence[HalfArray]],
    *,
    dimensions: int,
    key: str,
    folder: Path,
    progress: Progress,
) -> FrozenStates:
    """Return the states that `compute` gives for texts, from a file of an earlier call with the same key and tokens."""
    lengths = np.array([len(ids) for ids in token_ids], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    fingerprint = _fingerprint(key, token_ids)
    path = folder / f"states-{fingerprint}.npy"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        kept = np.lib.format.open_memmap(
            unfinished, mode="w+", dtype=np.float16, shape=(int(starts[-1]), dimensions), version=(1, 0)
        )
        for rows in progress.over(list(_by_length(lengths)), doing="running the frozen layers"):
            for row, states in zip(rows, compute([token_ids[row] for row in rows]), strict=True):
                kept[starts[row] : starts[row + 1]] = states
        kept.flush()
        unfinished.replace(path)
    return FrozenStates(np.load(path, mmap_mode="r", allow_pickle=False), starts, fingerprint)


def _by_length(lengths: IntArray) -> Iterator[IntArray]:
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), _TEXTS_A_RUN):
        yield order[start : start + _TEXTS_A_RUN]


def _fingerprint(key: str, token_ids: Sequence[Sequence[int]]) -> str:
    digest = hashlib.sha256(key.encode())
    for ids in token_ids:
        digest.update(json.dumps(list(ids)).encode())
    return digest.hexdigest()[:16]


def deal_batches(lengths: IntArray, *, batch_size: int, random: np.random.Generator) -> list[IntArray]:
    """Return the places of `lengths` in batches of texts of like length, in an order drawn anew for each call."""
    order = random.permutation(len(lengths))
    bucket = batch_size * _BATCHES_A_BUCKET
    batches: list[IntArray] = []
    for start in range(0, len(order), bucket):
        inside = order[start : start + bucket]
        inside = inside[np.argsort(lengths[inside], kind="stable")]
        batches += [inside[at : at + batch_size] for at in range(0, len(inside), batch_size)]
    return [batches[number] for number in random.permutation(len(batches))]
