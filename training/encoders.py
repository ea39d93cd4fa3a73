"""Text encoders for a model: fetched by hub name or directory, exported to ONNX in int8, proved equal, kept.

A fetched encoder is kept by its content under the product's own folder, so that it is exported once. What torch and
transformers do for this is in `training.transformer`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.encoder import TextEncoder, TextRole, load_encoder
from features.encoder_settings import (
    GRAPH_FILE,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    EncoderKind,
    EncoderSettings,
    Pooling,
    read_settings,
)
from features.errors import EncoderError
from training.progress import Progress

# The least cosine of an int8 vector with the float32 vector of the same text; multilingual-e5-small has .994.
LEAST_PARITY = 0.98
# Raised by one whenever the same weights may be exported to another graph.
_EXPORT_VERSION = 1
_WANTED_OF_THE_HUB = ("*.json", "*.safetensors")
_PARITY_TEXTS = (
    "VPN이 5분마다 끊겨서 재택근무를 할 수가 없습니다.",
    "비밀번호를 다섯 번 틀려서 계정이 잠겼어요. 풀어 주세요",
    "3층 복합기에서 인쇄하면 빈 종이만 나옵니다",
    "The shared drive is read-only since this morning and nobody in finance can save.",
    "Please order a second monitor for our new colleague.",
    "Outlook 검색이 no results 로만 나와요",
    "Error 0x80070005: access is denied when I install the driver; I restarted twice and cleared the temp folder.",
    "결제는 됐는데 주문 내역이 비어 있습니다. 영수증 번호도 문자로 오지 않았고 카드사에는 승인으로 나옵니다.",
)


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """How a transformer is to be used; what is not said is read from its directory or known of its family."""

    most_tokens: int = 256
    pooling: Pooling | None = None
    prefixes: Mapping[str, str] | None = None


def fetch_encoder(
    name_or_folder: str | Path,
    *,
    var_dir: Path,
    choice: EncoderChoice = EncoderChoice(),
    progress: Progress | None = None,
) -> Path:
    """Return the folder of an exported encoder, from a hub name (`owner/name[@revision]`) or a directory.

    A directory may be exported already, then it is returned as it is, or hold a transformers model. Raises
    EncoderError with the reason in one line: the hub does not answer, a library is missing, the model is of no use.
    """
    folder = Path(name_or_folder)
    if (folder / SETTINGS_FILE).is_file():
        load_encoder(folder)
        return folder
    source = fetch_transformer(name_or_folder)
    settings = settings_of(str(name_or_folder), source, choice)
    kept = var_dir / "encoders" / f"{_slug(settings.name)}-{fingerprint_of(source, settings)}"
    if not (kept / SETTINGS_FILE).is_file():
        (progress or Progress(is_shown=False)).say(f"exporting the encoder '{settings.name}' to {kept}")
        export_encoder(source, kept, settings=settings)
    return kept


def fetch_transformer(name_or_folder: str | Path) -> Path:
    """Return the directory of a transformers model, downloaded where a hub name is given."""
    folder = Path(name_or_folder)
    if (folder / "config.json").is_file():
        return folder
    if folder.is_dir():
        raise EncoderError(
            f"The folder '{folder.name}' holds no encoder: expected '{SETTINGS_FILE}' or a transformers 'config.json'."
        )
    return _downloaded(str(name_or_folder))


def _downloaded(name: str) -> Path:
    """Return the directory that the hub's model was downloaded to, now or earlier."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise missing_training_library(error) from None
    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(_WANTED_OF_THE_HUB)))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise EncoderError(
            f"The encoder '{name}' is no local directory and cannot be fetched from the hub "
            f"({type(error).__name__}: {reason}). Check the name and the connection, or give a directory."
        ) from None


def open_transformers() -> Any:
    """Return the module behind which torch is; raise EncoderError where it is not installed."""
    try:
        from training import transformer
    except ImportError as error:
        raise missing_training_library(error) from None
    return transformer


def missing_training_library(error: ImportError) -> EncoderError:
    """Return what to say where a library that training an encoder needs is not installed."""
    return EncoderError(
        f"To train or export an encoder needs '{error.name}', which is not installed. Install the extra: "
        "pip install 'ticket-triage[encoder-training]'."
    )


# --- how a transformer is to be used ----------------------------------------------------------------------------------


def settings_of(name: str, source: Path, choice: EncoderChoice = EncoderChoice()) -> EncoderSettings:
    """Return the settings: as chosen, else as the directory says, else as is known of the family."""
    config = _read_json(source / "config.json")
    label = Path(name).name if Path(name).exists() else name
    family = set(re.split(r"[^a-z0-9]+", f"{label} {config.get('_name_or_path', '')}".lower()))
    pooling = _read_json(source / "1_Pooling" / "config.json")
    prompts = _read_json(source / "config_sentence_transformers.json").get("prompts") or {}
    takes_first = bool(pooling.get("pooling_mode_cls_token", "bge" in family))
    known = {role: prompts[role] for role in ("query", "passage") if prompts.get(role)}
    if not known and "e5" in family and "instruct" not in family:
        known = {"query": "query: ", "passage": "passage: "}
    return EncoderSettings(
        kind=EncoderKind.ONNX,
        name=label,
        dimensions=int(config.get("hidden_size") or config.get("dim") or 0),
        most_tokens=min(choice.most_tokens, _longest(config)),
        pooling=choice.pooling or (Pooling.FIRST if takes_first else Pooling.MEAN),
        prefixes=known if choice.prefixes is None else choice.prefixes,
    )


def _longest(config: Mapping[str, Any]) -> int:
    """Return how many tokens the model can read; RoBERTa's positions begin after the padding's."""
    positions = int(config.get("max_position_embeddings") or 512)
    return positions - 2 if "roberta" in str(config.get("model_type", "")) else positions


def _read_json(path: Path) -> dict[str, Any]:
    """Return an object from a file of the model, empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise EncoderError(f"The encoder's '{path.name}' is no JSON object: it is damaged. Download it again.")
    return content


def _slug(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", name).strip("-").lower()


def fingerprint_of(source: Path, settings: EncoderSettings) -> str:
    """Return what changes when the weights, the tokenizer or their use change."""
    digest = hashlib.sha256(f"{_EXPORT_VERSION} {settings}".encode())
    for path in sorted((*source.glob("*.json"), *source.glob("*.safetensors"))):
        with path.open("rb") as content:
            digest.update(path.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


# --- export -----------------------------------------------------------------------------------------------------------


def export_encoder(source: Path, folder: Path, *, settings: EncoderSettings) -> float:
    """Write a transformers directory as an int8 encoder folder; return the least cosine with the float32 model.

    Raises EncoderError where int8 changes the vectors more than LEAST_PARITY allows.
    """
    transformer = open_transformers().Transformer.load(source)
    settings = replace(settings, dimensions=transformer.dimensions)
    with written_whole(folder) as unfinished, tempfile.TemporaryDirectory(dir=unfinished.parent) as scratch:
        transformer.tokenizer.save(str(unfinished / TOKENIZER_FILE))
        settings.write(unfinished)
        started = time.monotonic()
        transformer.write_graph(Path(scratch) / GRAPH_FILE)
        expected = [transformer.vector(settings.marked(text, TextRole.QUERY), settings) for text in _PARITY_TEXTS]
        parity = _quantised(Path(scratch) / GRAPH_FILE, unfinished, expected)
        record = {"parity": round(parity, 5), "seconds": round(time.monotonic() - started, 1)}
        (unfinished / "export.json").write_text(json.dumps(record), encoding="utf-8")
    return parity


def _quantised(graph: Path, folder: Path, expected: Sequence[NDArray[np.float32]]) -> float:
    """Write the graph in int8, its word embeddings too where they bear it; return the parity."""
    parity = 0.0
    for operators in (("MatMul", "Gather"), ("MatMul",)):
        _quantise(graph, folder / GRAPH_FILE, operators=operators)
        encoder = load_encoder(folder)
        parity = min(float(encoder.encode(text) @ vector) for text, vector in zip(_PARITY_TEXTS, expected, strict=True))
        if parity >= LEAST_PARITY:
            return parity
    raise EncoderError(
        f"The encoder loses too much in int8: its vectors have a cosine of {parity:.3f} with those in float32; "
        f"expected {LEAST_PARITY} or more. Choose another encoder."
    )


def _quantise(graph: Path, target: Path, *, operators: Sequence[str]) -> None:
    import logging

    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise missing_training_library(error) from None
    # The library tells everybody to preprocess, which serves convolutions; there are none here.
    root = logging.getLogger()
    level, root.level = root.level, logging.ERROR
    try:
        # Weights of 7 bits: with 8, processors without 8-bit dot products overflow and give other vectors.
        quantize_dynamic(
            graph,
            target,
            op_types_to_quantize=list(operators),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
    finally:
        root.level = level


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Give a folder to write into that takes its place only when all is written: two runs may export at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        if not folder.exists():
            unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


# --- use --------------------------------------------------------------------------------------------------------------


def encode_texts(
    encoder: TextEncoder,
    texts: Sequence[str],
    *,
    role: TextRole = TextRole.QUERY,
    threads: int = 1,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the vectors of texts, shape (texts, dimensions): one text a call, as in serving, several calls at once."""
    vectors = np.zeros((len(texts), encoder.dimensions), np.float32)
    progress = progress or Progress(is_shown=False)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda text: encoder.encode(text, role=role), texts)
        for place, vector in enumerate(progress.over(found, doing="encoding texts", total=len(texts))):
            vectors[place] = vector
    return vectors


def centre_encoder(source: Path, folder: Path, *, vectors: NDArray[np.float32]) -> Path:
    """Write a copy of an encoder that subtracts the mean of these vectors, which it gave without a centre."""
    settings = read_settings(source)
    if settings.centre:
        raise EncoderError("The encoder has a centre already. Give the one that it was made from.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in load_encoder(source).files().items():
        if name != SETTINGS_FILE:
            shutil.copyfile(path, folder / name)
    replace(settings, centre=tuple(vectors.mean(axis=0, dtype=np.float64))).write(folder)
    return folder
