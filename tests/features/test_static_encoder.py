"""The static encoder: a weighted average of token vectors, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.encoder import TextEncoder, load_encoder
from features.encoder_settings import EncoderKind, EncoderSettings
from features.errors import EncoderError

WORDS = ("printer", "jams", "프린터", "용지", "unknown")
ARRAYS = {
    "vectors": np.array([[1, 0], [0, 1], [2, 0], [0, 4], [9, 9]], np.int8),
    "scales": np.array([1.0, 1.0, 0.5, 0.25, 1.0], np.float32),
    "weights": np.array([1.0, 0.5, 1.0, 0.5, 0.0], np.float32),
}
Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Write an encoder of four known words and two dimensions, with what a test wants otherwise."""
    tokenizers = pytest.importorskip("tokenizers")

    def build_(arrays: Mapping[str, Any] = ARRAYS, **settings: Any) -> Path:
        vocabulary = {word: number for number, word in enumerate(WORDS)}
        tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="unknown"))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        np.savez(tmp_path / "vectors.npz", allow_pickle=False, **arrays)
        EncoderSettings(kind=EncoderKind.STATIC, name="four words", dimensions=2, **settings).write(tmp_path)
        return tmp_path

    return build_


@pytest.fixture
def encoder(build: Build) -> TextEncoder:
    return load_encoder(build())


def test_a_text_is_the_weighted_sum_of_its_tokens_at_unit_length(encoder: TextEncoder) -> None:
    """A token counts as often as it occurs, by its weight, in its own scale."""
    expected = np.array([2.0, 0.5]) / np.hypot(2.0, 0.5)
    np.testing.assert_allclose(encoder.encode("printer jams printer"), expected, rtol=1e-6)
    np.testing.assert_allclose(encoder.encode("프린터 용지 프린터"), expected, rtol=1e-6)


def test_a_text_without_known_tokens_is_zero(encoder: TextEncoder) -> None:
    """Nothing is invented for a text of which nothing is known."""
    for text in ("", "VPN", "   "):
        assert not encoder.encode(text).any()


def test_tokens_beyond_the_limit_are_not_read(build: Build) -> None:
    """Only so many tokens are averaged as the settings say."""
    encoder = load_encoder(build(most_tokens=1))
    np.testing.assert_array_equal(encoder.encode("printer jams jams"), encoder.encode("printer"))


def test_the_centre_is_subtracted_and_the_length_is_one_again(build: Build) -> None:
    """What all texts share is taken out of a vector."""
    encoder = load_encoder(build(centre=(0.5, 0.0)))
    np.testing.assert_allclose(encoder.encode("jams"), np.array([-0.5, 1.0]) / np.hypot(0.5, 1.0), rtol=1e-6)


def test_texts_get_the_same_numbers_from_any_thread(encoder: TextEncoder) -> None:
    """Alone or while others are encoded, a text has one vector."""
    texts = [f"printer {'jams ' * count}프린터" for count in range(40)]
    alone = [encoder.encode(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(encoder.encode, texts)), alone)


def test_its_files_make_it_up(encoder: TextEncoder, tmp_path: Path) -> None:
    """The files copied to another folder are the same encoder."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, path in encoder.files().items():
        (copy / name).write_bytes(path.read_bytes())
    np.testing.assert_array_equal(load_encoder(copy).encode("printer 용지"), encoder.encode("printer 용지"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_encoded(encoder: TextEncoder, text: str) -> None:
    """Halves of characters, control characters and other scripts do no harm."""
    assert encoder.encode(text).shape == (2,)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"vectors": ARRAYS["vectors"]}, "lacks 'scales'"),
        (
            {**ARRAYS, "weights": np.ones(3, np.float32)},
            r"'weights' in 'vectors\.npz' has shape \(3,\); expected \(5,\)",
        ),
        ({**ARRAYS, "vectors": np.ones((5, 3), np.int8)}, r"has shape \(5, 3\); expected \(5, 2\)"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(build: Build, arrays: Mapping[str, Any], said: str) -> None:
    """Rows that are not one a token, or of another length than stated, are named."""
    with pytest.raises(EncoderError, match=said):
        load_encoder(build(arrays))


def test_pickled_vectors_are_refused(build: Build) -> None:
    """A file that would have to be unpickled is not."""
    folder = build()
    np.save(folder / "pickled.npy", np.array([object()]), allow_pickle=True)
    (folder / "pickled.npy").replace(folder / "vectors.npz")
    with pytest.raises(EncoderError, match="holds no plain arrays"):
        load_encoder(folder)
