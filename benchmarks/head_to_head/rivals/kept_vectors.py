"""Vectors of texts, kept with the seconds that each took: the folds of a set and its studies encode a text once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from head_to_head.fingerprints import encoder_fingerprint, fingerprint_of
from head_to_head.rivals.interface import Bench
from head_to_head.rivals.sentence_encoder import MOST_TOKENS, sentence_encoder
from head_to_head.tasks import Floats
from head_to_head.whole_files import written_whole

# So many texts are lost at most where a run is ended.
_TEXTS_BETWEEN_SAVES = 512


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors, shape (texts, dimensions), and the seconds that all of them took."""

    values: Floats
    seconds: float


def vectors_of(texts: Sequence[str], *, prefix: str, bench: Bench) -> Vectors:
    """Return the vectors of texts, encoding those that are not kept yet."""
    name = fingerprint_of(encoder_fingerprint(bench.encoder), str(MOST_TOKENS), prefix)
    path = bench.folder / "vectors" / f"{name}.npz"
    kept = _read(path)
    keys = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in kept}
    waiting = list(missing)
    for first in range(0, len(waiting), _TEXTS_BETWEEN_SAVES):
        chunk = waiting[first : first + _TEXTS_BETWEEN_SAVES]
        encoder = sentence_encoder(bench.encoder)
        for places, vectors, seconds in encoder.batches([missing[key] for key in chunk], prefix=prefix):
            kept |= {chunk[place]: (vector, seconds) for place, vector in zip(places, vectors, strict=True)}
        _write(path, kept)
    return Vectors(np.stack([kept[key][0] for key in keys]), float(sum(kept[key][1] for key in keys)))


def _read(path: Path) -> dict[str, tuple[NDArray[Any], float]]:
    if not path.is_file():
        return {}
    with np.load(path) as stored:
        entries = zip(stored["keys"].tolist(), stored["vectors"], stored["seconds"].tolist(), strict=True)
        return {key: (vector, seconds) for key, vector, seconds in entries}


def _write(path: Path, kept: dict[str, tuple[NDArray[Any], float]]) -> None:
    with written_whole(path) as file:
        np.savez(
            file,
            keys=np.array(list(kept)),
            vectors=np.stack([vector for vector, _ in kept.values()]),
            seconds=np.array([seconds for _, seconds in kept.values()]),
        )
