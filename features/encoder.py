"""Texts to vectors: what every encoder can do, and how the one in a folder is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.encoder_settings import EncoderKind, TextRole, read_settings
from features.onnx_encoder import OnnxEncoder
from features.static_encoder import StaticEncoder

__all__ = ["TextEncoder", "TextRole", "load_encoder"]


class TextEncoder(Protocol):
    """Turns a text into a vector: the same for the same text, alone, among others and from any thread."""

    @property
    def dimensions(self) -> int:
        """The length of a vector."""

    @property
    def name(self) -> str:
        """What the encoder was made from."""

    def encode(self, text: str, *, role: TextRole = TextRole.QUERY) -> NDArray[np.float32]:
        """Return the vector of a text, shape (dimensions,), of unit length; zeros where nothing of it is known."""

    def files(self) -> Mapping[str, Path]:
        """Return the files that make up the encoder, by their names in its folder: what a bundle stores."""


def load_encoder(folder: Path, *, threads: int = 1) -> TextEncoder:
    """Return the encoder in a folder; raise EncoderError naming what is wrong with it.

    `threads` is how many a transformer may use for one text; more than one gains little and takes from others.
    """
    settings = read_settings(folder)
    if settings.kind is EncoderKind.STATIC:
        return StaticEncoder(folder, settings)
    return OnnxEncoder(folder, settings, threads=threads)
