"""The folder of a text encoder: what it says of how texts are cut and marked, and the files that it holds.

A folder holds `encoder.json`, the tokenizer and the weights, in plain formats; nothing of it is ever unpickled.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from features.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SETTINGS_FILE = "encoder.json"
TOKENIZER_FILE = "tokenizer.json"
GRAPH_FILE = "model.onnx"
VECTORS_FILE = "vectors.npz"
FORMAT_VERSION = 1
# No language writes longer words than this a token; what lies behind would be cut off by the token count anyway.
_MOST_CHARACTERS_PER_TOKEN = 16


class TextRole(StrEnum):
    """What a text is to the other one: some encoders mark the two differently."""

    QUERY = "query"
    PASSAGE = "passage"


class EncoderKind(StrEnum):
    """How a folder's encoder computes."""

    ONNX = "onnx"
    STATIC = "static"


class Pooling(StrEnum):
    """How the vectors of the tokens become the vector of the text."""

    MEAN = "mean"
    FIRST = "cls"


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """The content of `encoder.json`.

    `prefixes` go before a text in a role. `centre` is subtracted from the vector of unit length, which is then
    brought to unit length again: cosines of some encoders crowd between .8 and .9, and the mean of the training
    texts is what they all share.
    """

    kind: EncoderKind
    name: str
    dimensions: int
    most_tokens: int = 256
    pooling: Pooling = Pooling.MEAN
    prefixes: Mapping[str, str] = field(default_factory=dict)
    centre: tuple[float, ...] = ()

    def marked(self, text: str, role: TextRole) -> str:
        """Return the text with its role's prefix, without halves of characters and what is too far behind."""
        whole = text[: self.most_tokens * _MOST_CHARACTERS_PER_TOKEN].encode("utf-8", "replace").decode()
        return self.prefixes.get(role.value, "") + whole

    def write(self, folder: Path) -> None:
        """Write `encoder.json`, floats short enough to be looked at."""
        content: dict[str, Any] = {"format_version": FORMAT_VERSION, **asdict(self)}
        content["centre"] = [round(float(value), 7) for value in self.centre]
        (folder / SETTINGS_FILE).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def read_settings(folder: Path) -> EncoderSettings:
    """Return what `encoder.json` says; raise EncoderError naming what is wrong with it."""
    stored = _read_object(folder)
    version = stored.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise EncoderError(
            f"The encoder's '{SETTINGS_FILE}' has format version {version!r}; this release reads {FORMAT_VERSION}. "
            "Export the encoder again with this release."
        )
    try:
        settings = EncoderSettings(
            kind=EncoderKind(stored["kind"]),
            name=str(stored["name"]),
            dimensions=int(stored["dimensions"]),
            most_tokens=int(stored["most_tokens"]),
            pooling=Pooling(stored["pooling"]),
            prefixes={TextRole(role).value: str(prefix) for role, prefix in stored["prefixes"].items()},
            centre=tuple(float(value) for value in stored["centre"]),
        )
    except KeyError as error:
        raise EncoderError(f"The encoder's '{SETTINGS_FILE}' lacks {error}. Export the encoder again.") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise EncoderError(
            f"The encoder's '{SETTINGS_FILE}' holds a value that cannot be used: {error}. Export the encoder again."
        ) from None
    _require_sense(settings)
    return settings


def _read_object(folder: Path) -> dict[str, Any]:
    try:
        stored = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    except OSError:
        raise EncoderError(
            f"There is no encoder here: '{SETTINGS_FILE}' is missing. Name a folder that an export has written."
        ) from None
    except ValueError:
        raise EncoderError(f"The encoder's '{SETTINGS_FILE}' is no valid JSON: it is truncated or damaged.") from None
    if not isinstance(stored, dict):
        raise EncoderError(f"The encoder's '{SETTINGS_FILE}' holds no object: it is damaged.")
    return stored


def _require_sense(settings: EncoderSettings) -> None:
    for name, value in (("dimensions", settings.dimensions), ("most_tokens", settings.most_tokens)):
        if value < 1:
            raise EncoderError(f"The encoder's '{name}' is {value}; expected 1 or more. Export the encoder again.")
    if settings.centre and len(settings.centre) != settings.dimensions:
        raise EncoderError(
            f"The encoder's 'centre' has {len(settings.centre)} values; expected {settings.dimensions}, one a "
            "dimension. Export the encoder again."
        )


def required_file(folder: Path, name: str) -> Path:
    """Return the path of a file of the folder; raise EncoderError where it is missing."""
    path = folder / name
    if not path.is_file():
        raise EncoderError(f"The encoder lacks its file '{name}': it is incomplete. Export or copy it again.")
    return path


def read_tokenizer(folder: Path, *, most_tokens: int | None = None) -> Tokenizer:
    """Return the folder's tokenizer, without padding, cutting after `most_tokens`."""
    path = required_file(folder, TOKENIZER_FILE)
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise missing_library(error) from None
    try:
        tokenizer = Tokenizer.from_file(str(path))
        # A tokenizer without a token for what it does not know fails on a ticket, which is too late.
        tokenizer.encode("\uffff")
    except Exception as error:  # The library raises nothing narrower.
        raise EncoderError(f"The encoder's '{TOKENIZER_FILE}' cannot be read: {error}. Export it again.") from None
    tokenizer.no_padding()
    if most_tokens is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(most_tokens)
    return tokenizer


def missing_library(error: ImportError) -> EncoderError:
    """Return what to say where a library that encoders need is not installed."""
    return EncoderError(
        f"A text encoder needs '{error.name}', which is not installed. Install the extra: "
        "pip install 'ticket-triage[encoder]'."
    )


def read_vectors(folder: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of the folder's `vectors.npz`."""
    path = required_file(folder, VECTORS_FILE)
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise EncoderError(f"The encoder's '{VECTORS_FILE}' holds no plain arrays: {error}. Export it again.") from None


def centred(vector: NDArray[np.float32], centre: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return a vector at unit length, the centre subtracted in between where there is one; zero stays zero."""
    unit = _unit(vector)
    return unit if centre is None else _unit(unit - centre)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    return (vector / np.float32(length)).astype(np.float32, copy=False) if length > 0 else vector.astype(np.float32)
