"""Encoders are fetched, exported in int8 with a parity check, and kept; what cannot be had is said in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from features.encoder import TextRole, load_encoder
from features.encoder_settings import Pooling, read_settings
from features.errors import EncoderError
from training.encoders import (
    LEAST_PARITY,
    EncoderChoice,
    centre_encoder,
    encode_texts,
    export_encoder,
    fetch_encoder,
    settings_of,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tiny_transformer: Path, tmp_path: Path) -> Path:
    """A copy of the tiny transformer that a test may change."""
    return Path(shutil.copytree(tiny_transformer, tmp_path / "source"))


def test_the_export_gives_the_vectors_of_the_transformer(tiny_transformer: Path, tiny_encoder: Path) -> None:
    """Int8 in onnxruntime and float32 in torch agree on texts that the parity check has not seen."""
    from training.transformer import Transformer

    transformer, encoder = Transformer.load(tiny_transformer), load_encoder(tiny_encoder)
    settings = read_settings(tiny_encoder)
    for text in ("모니터가 깜빡거립니다", "The scanner mails nothing", "한 번 " * 200):
        expected = transformer.vector(settings.marked(text, TextRole.QUERY), settings)
        assert float(encoder.encode(text) @ expected) >= LEAST_PARITY


def test_the_export_says_how_near_it_is(tiny_encoder: Path) -> None:
    """The record beside the graph holds the least cosine found."""
    record = json.loads((tiny_encoder / "export.json").read_text(encoding="utf-8"))
    assert LEAST_PARITY <= record["parity"] <= 1.0001


def test_an_export_weighs_a_quarter(tiny_transformer: Path, tiny_encoder: Path) -> None:
    """Weights and word embeddings are stored in one byte instead of four; the rest of a tiny graph is its own size."""
    weights = (tiny_transformer / "model.safetensors").stat().st_size
    assert (tiny_encoder / "model.onnx").stat().st_size < 0.7 * weights


def test_an_encoder_is_exported_once(tiny_transformer: Path, tmp_path: Path) -> None:
    """A second call returns what the first has kept; other weights are kept elsewhere."""
    first = fetch_encoder(tiny_transformer, var_dir=tmp_path)
    written = (first / "model.onnx").stat().st_mtime_ns
    assert fetch_encoder(tiny_transformer, var_dir=tmp_path) == first
    assert (first / "model.onnx").stat().st_mtime_ns == written
    other = fetch_encoder(tiny_transformer, var_dir=tmp_path, choice=EncoderChoice(most_tokens=12))
    assert other != first
    assert read_settings(other).most_tokens == 12
    assert sorted(path.name for path in (tmp_path / "encoders").iterdir()) == sorted([first.name, other.name])


def test_an_exported_folder_is_taken_as_it_is(tiny_encoder: Path, tmp_path: Path) -> None:
    """Nothing is written for an encoder that is one already."""
    assert fetch_encoder(tiny_encoder, var_dir=tmp_path) == tiny_encoder
    assert list(tmp_path.iterdir()) == []


def test_int8_that_loses_too_much_is_refused(source: Path, tmp_path: Path) -> None:
    """Weights that one byte cannot bear end in an error with the cosine, and leave nothing behind."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(source / "model.safetensors")
    for name, each in weights.items():
        if name.endswith("dense.weight"):
            # One weight of a row is so large that all others round to nothing.
            weights[name] = np.where(np.arange(each.shape[1]) == 0, 400.0 * each, each).astype(np.float32)
    save_file(weights, source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"loses too much in int8: .* cosine of -?0\.\d+"):
        fetch_encoder(source, var_dir=tmp_path / "var")
    assert list((tmp_path / "var" / "encoders").iterdir()) == []


# --- how a transformer is to be used ------------------------------------------------------------------------------


def test_the_family_decides_where_nothing_is_said(source: Path) -> None:
    """An E5 marks queries and passages and takes the mean; a BGE takes the first token."""
    e5 = settings_of("example/multilingual-e5-tiny", source)
    assert (e5.pooling, e5.prefixes) == (Pooling.MEAN, {"query": "query: ", "passage": "passage: "})
    assert settings_of("example/bge-tiny", source).pooling is Pooling.FIRST
    assert settings_of("example/other", source).prefixes == {}


def test_a_directory_that_says_how_it_is_used_is_believed(source: Path) -> None:
    """The files of sentence-transformers come before what is known of a family."""
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}', encoding="utf-8")
    prompts = {"prompts": {"query": "find: ", "passage": "", "clustering": "group: "}}
    (source / "config_sentence_transformers.json").write_text(json.dumps(prompts), encoding="utf-8")
    settings = settings_of("example/e5", source)
    assert (settings.pooling, settings.prefixes) == (Pooling.FIRST, {"query": "find: "})
    chosen = settings_of("example/e5", source, EncoderChoice(pooling=Pooling.MEAN, prefixes={}))
    assert (chosen.pooling, chosen.prefixes) == (Pooling.MEAN, {})


def test_a_text_is_cut_where_the_model_ends(source: Path) -> None:
    """No more tokens are read than the model has positions for."""
    assert settings_of("example/other", source).most_tokens == 64


# --- what cannot be had -------------------------------------------------------------------------------------------


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    """A folder of something else is no encoder."""
    with pytest.raises(EncoderError, match="holds no encoder"):
        fetch_encoder(tmp_path, var_dir=tmp_path)


def test_a_directory_without_weights_is_named(source: Path, tmp_path: Path) -> None:
    """A configuration alone is refused with what was expected."""
    (source / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"cannot be loaded .*: expected a transformers directory"):
        fetch_encoder(source, var_dir=tmp_path / "var")


def test_a_damaged_configuration_is_named(source: Path, tmp_path: Path) -> None:
    """A configuration that is no JSON object is refused by its name."""
    (source / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(EncoderError, match=r"'config\.json' is no JSON object"):
        fetch_encoder(source, var_dir=tmp_path / "var")


def test_a_name_that_the_hub_cannot_have_is_refused(tmp_path: Path) -> None:
    """A slip in a path is told from a hub name."""
    pytest.importorskip("huggingface_hub")
    with pytest.raises(EncoderError, match="is no local directory and cannot be fetched"):
        fetch_encoder("no/such/directory", var_dir=tmp_path)


_FETCH = """
import sys
from pathlib import Path
from features.errors import EncoderError
from training.encoders import fetch_encoder

try:
    fetch_encoder("example/encoder@main", var_dir=Path(sys.argv[1]))
except EncoderError as error:
    print(error)
"""


def test_a_hub_that_cannot_be_reached_is_said_in_one_line(tmp_path: Path) -> None:
    """Where the hub is out of reach, the reason is short enough to be shown beside what is done instead."""
    pytest.importorskip("huggingface_hub")
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _FETCH, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith("The encoder 'example/encoder@main' is no local directory"), done.stderr
    assert len(done.stdout.splitlines()) == 1


# --- use ----------------------------------------------------------------------------------------------------------


def test_texts_are_encoded_in_their_order(tiny_encoder: Path, sample_texts: list[str]) -> None:
    """Several at once, each text has the vector that it has alone."""
    encoder = load_encoder(tiny_encoder)
    vectors = encode_texts(encoder, sample_texts[:12], threads=3)
    np.testing.assert_array_equal(vectors, [encoder.encode(text) for text in sample_texts[:12]])


def test_a_centred_copy_leaves_the_original_alone(tiny_encoder: Path, sample_texts: list[str], tmp_path: Path) -> None:
    """The copy subtracts the mean of the vectors given; a second centre on top is refused."""
    vectors = encode_texts(load_encoder(tiny_encoder), sample_texts[:20])
    copy = centre_encoder(tiny_encoder, tmp_path / "centred", vectors=vectors)
    found = encode_texts(load_encoder(copy), sample_texts[:20])
    expected = vectors - vectors.mean(axis=0)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)
    assert read_settings(tiny_encoder).centre == ()
    with pytest.raises(EncoderError, match="has a centre already"):
        centre_encoder(copy, tmp_path / "twice", vectors=vectors)


def test_an_export_that_fails_leaves_nothing_behind(source: Path, tmp_path: Path) -> None:
    """A tokenizer that cannot be read stops the export before anything is kept."""
    (source / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EncoderError, match="has no tokenizer that can be read"):
        export_encoder(source, tmp_path / "kept", settings=settings_of("example/other", source))
    assert not (tmp_path / "kept").exists()
