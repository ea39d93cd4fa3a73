"""Fixtures that several packages' tests share; what is slow to import is imported by the fixture that needs it."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from training.datasets import ArticleTable
    from training.fit import Trained

_DATA = Path(__file__).parents[1] / "data"


def pytest_configure() -> None:
    """Let no test wait for the hub of text encoders, nor depend on whether it answers."""
    os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def sample_articles() -> ArticleTable:
    """The articles of the sample helpdesk."""
    from training.datasets import read_articles

    return read_articles(_DATA / "sample_articles.jsonl")


@pytest.fixture(scope="session")
def sample_trained(sample_articles: ArticleTable) -> Trained:
    """A model of all five targets, trained in seconds on every fourth sample ticket and all sample articles."""
    from threadpoolctl import threadpool_limits

    from training.datasets import read_history
    from training.fit import fit_bundle
    from training.recipe import BoostedRecipe, Recipe, SplitRecipe

    history = read_history(_DATA / "sample_tickets.jsonl")
    chosen = replace(history, rows=history.rows[::4], lines=history.lines[::4], read_count=len(history.rows[::4]))
    recipe = Recipe(
        name="tiny",
        least_tickets_per_label=6,
        restricted_groups=("security", "people-ops"),
        boosted=BoostedRecipe(rounds=10),
        split=SplitRecipe(folds=2),
    )
    # On a busy machine LightGBM's threads wait for each other twenty times as long as they compute.
    with threadpool_limits(limits=1):
        return fit_bundle(chosen, sample_articles, recipe=recipe, seed=7)


@pytest.fixture(scope="session")
def sample_bundle(sample_trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample model's bundle: read it, do not write into it."""
    folder = tmp_path_factory.mktemp("sample") / "bundle"
    sample_trained.bundle.save(folder)
    return folder


@pytest.fixture(scope="session")
def rewrite_manifest() -> Callable[[Path, Mapping[str, Any]], None]:
    """Change values of a bundle's manifest, and give it the checksum that it then has to have."""

    def rewrite(folder: Path, changes: Mapping[str, Any]) -> None:
        path = folder / "manifest.json"
        manifest = {**json.loads(path.read_text(encoding="utf-8")), **changes}
        manifest.pop("checksum")
        checksum = hashlib.sha256(json.dumps(manifest, ensure_ascii=False).encode()).hexdigest()
        path.write_text(json.dumps({**manifest, "checksum": checksum}, ensure_ascii=False), encoding="utf-8")

    return rewrite


@pytest.fixture(scope="session")
def replace_file(
    rewrite_manifest: Callable[[Path, Mapping[str, Any]], None],
) -> Callable[[Path, str, bytes], None]:
    """Put other content into a file of a bundle, and its checksum into the manifest: what only an attacker would do."""

    def replace_(folder: Path, name: str, content: bytes) -> None:
        (folder / name).write_bytes(content)
        files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
        rewrite_manifest(folder, {"files": {**files, name: hashlib.sha256(content).hexdigest()}})

    return replace_


@pytest.fixture(scope="session")
def empty_mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An MLflow database without runs, to be written to `mlflow.db`: to make one takes MLflow seconds."""
    from training.registry_connection import connected, default_tracking_uri

    folder = tmp_path_factory.mktemp("empty")
    with connected(default_tracking_uri({"TRIAGE_VAR_DIR": str(folder)}), doing="begin"):
        return (folder / "mlflow.db").read_bytes()


@pytest.fixture(scope="session")
def sample_texts() -> list[str]:
    """What the sample helpdesk's tickets say, in Korean and English."""
    lines = (_DATA / "sample_tickets.jsonl").read_text(encoding="utf-8").splitlines()
    return [f"{row['subject']} {row['body']}" for row in map(json.loads, lines)]


@pytest.fixture(scope="session")
def tiny_transformer(sample_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers directory of a BERT with two layers and random weights, its tokenizer made from the sample."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("transformer")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(_pieces(sample_texts), unk_id=3))
    tokenizer.normalizer = tokenizers.normalizers.NFKC()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=1,
        # Random weights as small as usual make every text alike.
        initializer_range=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def _pieces(texts: Iterable[str]) -> list[tuple[str, float]]:
    """Return the special tokens, the characters and the frequent words of texts, with the logarithm of their shares.

    The library's own trainer gives another vocabulary each time.
    """
    words = Counter(f"▁{word}" for text in texts for word in text.split())
    characters = Counter(character for word, count in words.items() for character in word * count)
    pieces = dict(characters) | {word: count for word, count in words.most_common(700) if count > 2}
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return [*special, *((piece, math.log(pieces[piece] / characters.total())) for piece in sorted(pieces))]


@pytest.fixture(scope="session")
def tiny_encoder(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same transformer exported as an int8 encoder: read it, do not write into it."""
    for library in ("onnx", "onnxruntime"):
        pytest.importorskip(library)
    from training.encoders import fetch_encoder

    return fetch_encoder(tiny_transformer, var_dir=tmp_path_factory.mktemp("encoders"))


@pytest.fixture(scope="session")
def shared_datasets() -> Path:
    """The folder of real public tickets beside the repository, which is not part of it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "datasets"
    if not folder.is_dir():
        pytest.skip("the real public datasets are not here: they lie in ../shared/datasets")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what would be skipped where TRIAGE_TESTS_MAY_SKIP=0 says that everything a test needs must be there."""
    report = yield
    if report.skipped and os.environ.get("TRIAGE_TESTS_MAY_SKIP") == "0":
        report.outcome = "failed"
    return report
