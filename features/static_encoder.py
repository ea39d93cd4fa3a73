"""A vector for each token, averaged: a distilled encoder that costs a fraction of a millisecond."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.encoder_settings import (
    SETTINGS_FILE,
    TOKENIZER_FILE,
    VECTORS_FILE,
    EncoderSettings,
    TextRole,
    centred,
    read_tokenizer,
    read_vectors,
)
from features.errors import EncoderError


class StaticEncoder:
    """Averages the vectors of a text's tokens, each with its token's weight.

    `vectors.npz` holds `vectors` (tokens, dimensions) as int8 or float16, `scales` (tokens,), which bring a token's
    vector to its size, and `weights` (tokens,). Row n belongs to the token with id n.
    """

    def __init__(self, folder: Path, settings: EncoderSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._tokenizer = read_tokenizer(folder)
        arrays = read_vectors(folder)
        _require_shapes(arrays, tokens=self._tokenizer.get_vocab_size(), dimensions=settings.dimensions)
        self._vectors = arrays["vectors"]
        self._weights = np.asarray(arrays["weights"] * arrays["scales"], np.float32)
        self._centre = np.array(settings.centre, np.float32) if settings.centre else None

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return self._settings.dimensions

    @property
    def name(self) -> str:
        """What the encoder was made from."""
        return self._settings.name

    def encode(self, text: str, *, role: TextRole = TextRole.QUERY) -> NDArray[np.float32]:
        """Return the vector of a text, shape (dimensions,), of unit length; zeros for a text without known tokens."""
        marked = self._settings.marked(text, role)
        ids = self._tokenizer.encode(marked, add_special_tokens=False).ids[: self._settings.most_tokens]
        weights = self._weights[ids]
        if not weights.any():
            return np.zeros(self.dimensions, np.float32)
        return centred(weights @ self._vectors[ids].astype(np.float32), self._centre)

    def files(self) -> Mapping[str, Path]:
        """Return the files that make up the encoder, by their names in its folder."""
        return {name: self._folder / name for name in (SETTINGS_FILE, TOKENIZER_FILE, VECTORS_FILE)}


def _require_shapes(arrays: Mapping[str, NDArray[Any]], *, tokens: int, dimensions: int) -> None:
    expected = {"vectors": (tokens, dimensions), "scales": (tokens,), "weights": (tokens,)}
    for name, shape in expected.items():
        if name not in arrays:
            raise EncoderError(f"The encoder's '{VECTORS_FILE}' lacks '{name}'. Export the encoder again.")
        if arrays[name].shape != shape:
            raise EncoderError(
                f"The encoder's '{name}' in '{VECTORS_FILE}' has shape {arrays[name].shape}; expected {shape}, one "
                "row a token of its tokenizer. Export the encoder again."
            )
