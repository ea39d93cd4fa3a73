"""The ONNX encoder: the same numbers alone, among others, from threads and after a fork; broken graphs are named."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.encoder import TextEncoder, TextRole, load_encoder
from features.errors import EncoderError


@pytest.fixture
def folder(tiny_encoder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny encoder that a test may change."""
    return Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))


def _rewrite(folder: Path, **changes: Any) -> TextEncoder:
    path = folder / "encoder.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")
    return load_encoder(folder)


def test_a_vector_has_unit_length(tiny_encoder: Path, sample_texts: list[str]) -> None:
    """Every text, even an empty one, has a vector of the stated size and of length one."""
    encoder = load_encoder(tiny_encoder)
    vectors = np.array([encoder.encode(text) for text in ["", *sample_texts[:20]]])
    assert vectors.shape == (21, encoder.dimensions) == (21, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_a_text_gets_the_same_numbers_from_any_thread(tiny_encoder: Path, sample_texts: list[str]) -> None:
    """Alone, among others, with more threads inside or outside, a text has one vector."""
    texts = sample_texts[:24]
    alone = np.array([load_encoder(tiny_encoder).encode(text) for text in texts])
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(load_encoder(tiny_encoder).encode, texts)), alone)
        np.testing.assert_array_equal(list(pool.map(load_encoder(tiny_encoder, threads=2).encode, texts)), alone)


def test_it_runs_after_a_fork(tiny_encoder: Path) -> None:
    """A child of a process in which the graph was running has its own."""
    encoder = load_encoder(tiny_encoder)
    expected = encoder.encode("VPN이 끊겨요")
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def encode_in_child() -> None:
        sender.send(encoder.encode("VPN이 끊겨요"))

    process = multiprocessing.get_context("fork").Process(target=encode_in_child)
    process.start()
    assert receiver.poll(60), "the child has not answered"
    np.testing.assert_array_equal(receiver.recv(), expected)
    process.join(60)
    assert process.exitcode == 0


def test_roles_have_their_prefixes(folder: Path) -> None:
    """A text is encoded as if its role's prefix were written before it."""
    plain = _rewrite(folder, prefixes={})
    expected = plain.encode("passage: 용지 걸림")
    marked = _rewrite(folder, prefixes={"passage": "passage: "})
    np.testing.assert_array_equal(marked.encode("용지 걸림", role=TextRole.PASSAGE), expected)
    np.testing.assert_array_equal(marked.encode("용지 걸림"), plain.encode("용지 걸림"))


def test_tokens_beyond_the_limit_are_not_read(folder: Path) -> None:
    """A long text is cut, where the model could not read it whole."""
    encoder = _rewrite(folder, most_tokens=8)
    np.testing.assert_array_equal(encoder.encode("프린터 " * 400), encoder.encode("프린터 " * 40))


def test_the_first_token_can_stand_for_the_text(folder: Path) -> None:
    """Pooling by the first token gives other vectors than the mean does."""
    mean = load_encoder(folder).encode("엑셀이 느려요")
    first = _rewrite(folder, pooling="cls").encode("엑셀이 느려요")
    assert float(mean @ first) < 0.999


def test_a_centre_spreads_the_cosines(folder: Path, sample_texts: list[str]) -> None:
    """With the mean of the texts as centre, texts are on average no longer alike."""
    texts = sample_texts[:30]
    plain = np.array([load_encoder(folder).encode(text) for text in texts])
    centred = _rewrite(folder, centre=[float(value) for value in plain.mean(axis=0)])
    vectors = np.array([centred.encode(text) for text in texts])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert abs(float((vectors @ vectors.T).mean())) < float((plain @ plain.T).mean()) / 2


def test_a_damaged_graph_is_named_at_its_first_use(folder: Path) -> None:
    """A truncated graph is refused with the file's name."""
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(EncoderError, match=r"'model\.onnx' cannot be read"):
        load_encoder(folder).encode("x")


def test_a_graph_of_another_size_is_named(folder: Path) -> None:
    """Vectors that are not as long as stated are refused."""
    with pytest.raises(EncoderError, match=r"gives shape \(1, \d+, 32\).*expected \(1, \d+, 16\)"):
        _rewrite(folder, dimensions=16).encode("x")


def test_a_graph_that_does_not_know_the_tokens_is_named(folder: Path) -> None:
    """A tokenizer with more tokens than the graph knows is refused when such a token comes."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    count = len(content["model"]["vocab"])
    content["model"]["vocab"] += [[f"▁unseen{number}", -1.0] for number in range(count)]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EncoderError, match="does not fit its tokenizer"):
        load_encoder(folder).encode(f"unseen{count - 1}")


_WITHOUT = """
import sys
from pathlib import Path

class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Barred())
from features.encoder import load_encoder
from features.errors import EncoderError
try:
    load_encoder(Path(sys.argv[2])).encode("x")
except EncoderError as error:
    print(error)
"""


@pytest.mark.parametrize("library", ["tokenizers", "onnxruntime"])
def test_what_is_not_installed_is_named_with_the_extra(tiny_encoder: Path, library: str) -> None:
    """Where a library is missing, the error says how to install it."""
    command = [sys.executable, "-c", _WITHOUT, library, str(tiny_encoder)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False
    )
    assert f"needs '{library}', which is not installed" in done.stdout, done.stderr
    assert "ticket-triage[encoder]" in done.stdout
