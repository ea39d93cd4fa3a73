"""A distilled encoder is near its teacher, nearer than the tokens alone, and a seed decides it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sparse

from features.encoder import load_encoder
from features.errors import EncoderError
from training.distillation import DistillationSettings, distil_encoder, match_averages, mean_cosine
from training.encoders import encode_texts

SETTINGS = DistillationSettings(dimensions=24, most_tokens=1200, most_texts=700)


@pytest.fixture(scope="module")
def subjects(sample_texts: list[str]) -> list[str]:
    """Short texts: to mix many tokens is what random layers do without sense."""
    return [" ".join(text.split()[:6]) for text in sample_texts]


@pytest.fixture(scope="module")
def distilled(tiny_encoder: Path, subjects: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Distilled from three quarters of the sample; the last quarter is new to it."""
    folder = tmp_path_factory.mktemp("distilled") / "static"
    return distil_encoder(tiny_encoder, subjects[:-240], folder=folder, seed=1, settings=SETTINGS, threads=2)


def _neighbours(vectors: np.ndarray) -> np.ndarray:
    cosines = (vectors - vectors.mean(axis=0)) @ (vectors - vectors.mean(axis=0)).T
    return np.asarray(cosines[np.triu_indices(len(cosines), 1)])


def test_a_distilled_encoder_sees_texts_as_its_teacher_does(
    tiny_encoder: Path, distilled: Path, subjects: list[str]
) -> None:
    """Which of two texts of the history are alike is told much as the teacher tells it."""
    student, teacher = (encode_texts(load_encoder(each), subjects[:120]) for each in (distilled, tiny_encoder))
    assert np.corrcoef(_neighbours(student), _neighbours(teacher))[0, 1] > 0.5


def test_a_distilled_encoder_is_small(distilled: Path) -> None:
    """One byte a dimension of a token, and no transformer."""
    encoder = load_encoder(distilled)
    assert encoder.dimensions == 24
    assert encoder.name.endswith(", distilled")
    assert sorted(encoder.files()) == ["encoder.json", "tokenizer.json", "vectors.npz"]
    assert (distilled / "vectors.npz").stat().st_size < 1200 * (24 + 8) + 2000


def test_a_seed_decides_everything(tiny_encoder: Path, sample_texts: list[str], tmp_path: Path) -> None:
    """The same seed gives the same vectors; vectors known already take the place of reading the texts."""
    texts = sample_texts[:60]
    known = encode_texts(load_encoder(tiny_encoder), texts)
    first, again = (
        load_encoder(
            distil_encoder(tiny_encoder, texts, folder=tmp_path / name, seed=4, settings=SETTINGS, vectors=vectors)
        ).encode("VPN이 끊겨요")
        for name, vectors in (("first", None), ("again", known))
    )
    np.testing.assert_array_equal(first, again)


def test_too_few_texts_are_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    """A handful of texts tells nothing about averages."""
    with pytest.raises(EncoderError, match="cannot be distilled from 3 texts"):
        distil_encoder(tiny_encoder, ["a", "b", "c"], folder=tmp_path / "static", seed=1)


# --- matching averages ------------------------------------------------------------------------------------------------


def _task(*, noise: float) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
    """Return counts, the directions of averages of hidden vectors, and vectors that start beside these."""
    random = np.random.default_rng(2)
    hidden = random.normal(size=(40, 6))
    counts = sparse.csr_array(random.poisson(0.2, (600, 40)).astype(float))
    return counts, counts @ hidden, hidden + noise * random.normal(size=hidden.shape)


def test_hidden_vectors_are_found() -> None:
    """Where averages of some vectors are what is wanted, those vectors' averages are matched."""
    counts, wanted, start = _task(noise=1.0)
    matched = match_averages(counts, wanted, start, random=np.random.default_rng(1))
    assert mean_cosine(counts @ start, wanted) < 0.9
    assert mean_cosine(counts @ matched, wanted) > 0.98


def test_a_start_that_cannot_be_bettered_is_kept() -> None:
    """Where matching the texts does not carry over to others, the vectors stay where they are."""
    counts, wanted, start = _task(noise=0.0)
    matched = match_averages(counts, wanted, start, random=np.random.default_rng(1))
    np.testing.assert_allclose(mean_cosine(counts @ matched, wanted), 1.0, atol=1e-9)


def test_tokens_that_no_text_has_stay_where_they_are() -> None:
    """The regression moves only what it has seen."""
    counts, wanted, start = _task(noise=1.0)
    unseen = sparse.csr_array(sparse.hstack([counts, sparse.csr_array((600, 3))]))
    more = np.vstack([start, np.eye(3, 6)])
    matched = match_averages(unseen, wanted, more, random=np.random.default_rng(1))
    np.testing.assert_array_equal(matched[-3:], np.eye(3, 6))
