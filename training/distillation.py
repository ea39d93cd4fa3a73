"""A transformer distilled to a vector a token, whose averages come near what the transformer says of whole texts.

Each token starts with the transformer's vector of the token alone. Then the vectors are moved, as little as may be,
until the averages over a history's texts match the transformer's vectors of them: a ridge regression around where they
started, its penalty chosen on texts held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from features.encoder import load_encoder
from features.encoder_settings import TOKENIZER_FILE, VECTORS_FILE, EncoderKind, EncoderSettings, read_settings
from features.errors import EncoderError
from training.encoders import encode_texts, written_whole
from training.progress import Progress
from training.static_vocabulary import choose_vocabulary

FloatArray: TypeAlias = NDArray[np.float64]
_PENALTIES = (0.3, 1.0, 3.0)
_HELD_OUT_SHARE = 0.1
# Texts are brought to unit length, which the regression does not see: it is done again from where it has led.
_ROUNDS = 2
_SOLVER_STEPS = 40
_LEAST_TEXTS = 20


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """How much of a transformer is kept.

    `most_tokens` bounds the vocabulary; `most_texts` of the history are read to match averages.
    """

    dimensions: int = 256
    most_tokens: int = 30_000
    most_texts: int = 6_000


def distil_encoder(
    source: Path,
    texts: Sequence[str],
    *,
    folder: Path,
    seed: int,
    settings: DistillationSettings = DistillationSettings(),
    vectors: NDArray[np.float32] | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write a static encoder distilled from the exported encoder in `source` and the texts of a history.

    `vectors` are what the source makes of these texts, where that is known already.
    """
    if len(texts) < _LEAST_TEXTS:
        raise EncoderError(
            f"An encoder cannot be distilled from {len(texts)} texts; expected {_LEAST_TEXTS} or more. Use it as it is."
        )
    teacher = load_encoder(source)
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(texts))[: settings.most_texts])
    texts = [texts[place] for place in chosen]
    known = None if vectors is None else vectors[chosen]
    wanted = encode_texts(teacher, texts, threads=threads, progress=progress) if known is None else known
    vocabulary = choose_vocabulary(source, texts, most_tokens=settings.most_tokens)
    alone = encode_texts(teacher, vocabulary.pieces, threads=threads, progress=progress)
    counts = vocabulary.counts(texts)
    weights = vocabulary.weights(counts)
    matched = match_averages(
        sparse.csr_array(counts.multiply(weights[None, :])),
        *_reduced(wanted, alone, dimensions=settings.dimensions),
        random=random,
    )
    return _write(folder, vocabulary.tokenizer_json, matched, weights=weights, teacher=read_settings(source))


def _reduced(
    wanted: NDArray[np.float32], alone: NDArray[np.float32], *, dimensions: int
) -> tuple[FloatArray, FloatArray]:
    """Return the vectors of texts and of tokens without what all share, in the directions in which they differ most."""
    texts, tokens = (_unit(each.astype(np.float64) - each.mean(axis=0, dtype=np.float64)) for each in (wanted, alone))
    spread = texts.T @ texts / len(texts) + tokens.T @ tokens / len(tokens)
    directions = np.linalg.eigh(spread)[1][:, ::-1][:, :dimensions]
    return texts @ directions, tokens @ directions


def match_averages(
    counts: sparse.csr_array, wanted: FloatArray, start: FloatArray, *, random: np.random.Generator
) -> FloatArray:
    """Return token vectors, near `start`, whose sums by `counts` (texts, tokens) point where `wanted` does.

    The penalty for leaving the start is the one with the best mean cosine on held-out texts; where none is better
    than the start, the start is returned.
    """
    order = random.permutation(len(wanted))
    held_out, fit = np.split(order, [max(1, round(len(order) * _HELD_OUT_SHARE))])
    best, penalty = mean_cosine(counts[held_out] @ start, wanted[held_out]), None
    for tried in _PENALTIES:
        found = mean_cosine(
            counts[held_out] @ _matched(counts[fit], wanted[fit], start, penalty=tried), wanted[held_out]
        )
        if found > best:
            best, penalty = found, tried
    return start if penalty is None else _matched(counts, wanted, start, penalty=penalty)


def mean_cosine(vectors: FloatArray, wanted: FloatArray) -> float:
    """Return the mean cosine of vectors with those wanted, row by row."""
    return float((_unit(vectors) * _unit(wanted)).sum(axis=1).mean())


def _matched(counts: sparse.csr_array, wanted: FloatArray, start: FloatArray, *, penalty: float) -> FloatArray:
    found, target = start, _unit(wanted)
    for _ in range(_ROUNDS):
        lengths = np.maximum(np.linalg.norm(counts @ found, axis=1), 1e-9)
        scaled = sparse.csr_array(counts.multiply(1.0 / lengths[:, None]))
        found = start + _ridge(scaled, target - scaled @ start, penalty=penalty)
    return found


def _ridge(counts: sparse.csr_array, missing: FloatArray, *, penalty: float) -> FloatArray:
    """Return the least change of the token vectors that makes up for what is missing, by conjugate gradients."""
    transposed = sparse.csr_array(counts.T)
    change = np.zeros((counts.shape[1], missing.shape[1]))
    residual = transposed @ missing
    direction, size = residual.copy(), float((residual**2).sum())
    first = size
    for _ in range(_SOLVER_STEPS):
        if size <= 1e-8 * first or size == 0.0:
            break
        moved = transposed @ (counts @ direction) + penalty * direction
        step = size / float((direction * moved).sum())
        change += step * direction
        residual -= step * moved
        size, previous = float((residual**2).sum()), size
        direction = residual + (size / previous) * direction
    return change


def _write(
    folder: Path, tokenizer_json: str, vectors: FloatArray, *, weights: NDArray[np.float32], teacher: EncoderSettings
) -> Path:
    """Write the encoder, each token's vector in one byte a dimension with a scale of its own."""
    scales = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127
    with written_whole(folder) as unfinished:
        (unfinished / TOKENIZER_FILE).write_text(tokenizer_json, encoding="utf-8")
        np.savez_compressed(
            unfinished / VECTORS_FILE,
            vectors=np.rint(vectors / scales[:, None]).astype(np.int8),
            scales=scales.astype(np.float32),
            weights=weights,
        )
        EncoderSettings(
            kind=EncoderKind.STATIC,
            name=f"{teacher.name}, distilled",
            dimensions=vectors.shape[1],
            most_tokens=teacher.most_tokens,
        ).write(unfinished)
    return folder


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
