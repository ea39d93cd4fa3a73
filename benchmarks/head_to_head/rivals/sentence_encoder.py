"""A frozen sentence encoder as its users run it: transformers, mean pooling, vectors of length one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np

from head_to_head.tasks import Floats, UnavailableError

QUERY, PASSAGE = "query: ", "passage: "
MOST_TOKENS = 512
_BATCH = 32


@cache
def sentence_encoder(name_or_folder: str) -> SentenceEncoder:
    """Return the encoder of this name, loaded once."""
    return SentenceEncoder(name_or_folder)


def load_transformer(name_or_folder: str) -> tuple[Any, Any]:
    """Return tokenizer and model by hub name or directory; raise UnavailableError where they cannot be had."""
    try:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        return AutoTokenizer.from_pretrained(name_or_folder), AutoModel.from_pretrained(name_or_folder)
    except (ImportError, OSError, ValueError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise UnavailableError(f"The encoder '{name_or_folder}' cannot be used: {said[0]}") from None


class SentenceEncoder:
    """A transformers model that gives vectors."""

    def __init__(self, name_or_folder: str) -> None:
        self.tokenizer, model = load_transformer(name_or_folder)
        self.model: Any = model.eval()

    @cached_property
    def size_bytes(self) -> int:
        """The bytes of its weights."""
        return sum(each.numel() * each.element_size() for each in self.model.parameters())

    def vector(self, text: str, *, prefix: str = QUERY) -> Floats:
        """Return the vector of one text."""
        return np.asarray(self._vectors([prefix + text])[0])

    def batches(self, texts: Sequence[str], *, prefix: str) -> Iterator[tuple[list[int], Floats, float]]:
        """Yield the places of some texts of like length, their vectors, and the seconds that one of them took."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for first in range(0, len(order), _BATCH):
            places = order[first : first + _BATCH]
            start = time.perf_counter()
            vectors = self._vectors([prefix + texts[place] for place in places])
            yield places, vectors, (time.perf_counter() - start) / len(places)

    def _vectors(self, texts: list[str]) -> Floats:
        import torch

        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt")
        mask = tokens["attention_mask"].unsqueeze(-1)
        with torch.inference_mode():
            hidden = self.model(**tokens).last_hidden_state * mask
            means = hidden.sum(dim=1) / mask.sum(dim=1)
            return np.asarray((means / means.norm(dim=1, keepdim=True)).numpy())
