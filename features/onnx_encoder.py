"""A transformer as an ONNX graph that turns one text into one vector, without torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from features.encoder_settings import (
    GRAPH_FILE,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    EncoderSettings,
    Pooling,
    TextRole,
    centred,
    missing_library,
    read_tokenizer,
    required_file,
)
from features.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}


@dataclass(frozen=True, slots=True)
class _Started:
    """A running graph, the process that started it and the inputs it asks for."""

    session: Any
    inputs: frozenset[str]
    process_id: int


class OnnxEncoder:
    """Runs a graph over one text a call: a quantised graph gives other numbers in other batches.

    Safe to share between threads. The graph is started at the first use in each process, since a running one does
    not survive a fork; the folder must stay where it is.
    """

    def __init__(self, folder: Path, settings: EncoderSettings, *, threads: int = 1) -> None:
        self._folder = folder
        self._settings = settings
        self._threads = threads
        self._graph = required_file(folder, GRAPH_FILE)
        self._tokenizer: Tokenizer = read_tokenizer(folder, most_tokens=settings.most_tokens)
        self._centre = np.array(settings.centre, np.float32) if settings.centre else None
        self._started: _Started | None = None
        # One lock a process: one that another thread held at the moment of a fork stays held for ever in the child.
        self._starting: dict[int, threading.Lock] = {}

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return self._settings.dimensions

    @property
    def name(self) -> str:
        """What the encoder was made from."""
        return self._settings.name

    def encode(self, text: str, *, role: TextRole = TextRole.QUERY) -> NDArray[np.float32]:
        """Return the vector of a text, shape (dimensions,), of unit length."""
        ids = np.array([self._tokenizer.encode(self._settings.marked(text, role)).ids], np.int64)
        states = self._run(ids)
        pooled = states[0] if self._settings.pooling is Pooling.FIRST else states.mean(axis=0)
        return centred(pooled, self._centre)

    def files(self) -> Mapping[str, Path]:
        """Return the files that make up the encoder, by their names in its folder."""
        return {name: self._folder / name for name in (SETTINGS_FILE, TOKENIZER_FILE, GRAPH_FILE)}

    def _run(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the last states of the tokens, shape (tokens, dimensions)."""
        started = self._running()
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        try:
            states = started.session.run(None, {name: given[name] for name in started.inputs})[0]
        except Exception as error:  # The library raises nothing narrower.
            raise EncoderError(
                f"The encoder's '{GRAPH_FILE}' fails on {ids.shape[1]} tokens ({type(error).__name__}): its graph does "
                "not fit its tokenizer. Export it again."
            ) from None
        if states.shape != (1, ids.shape[1], self.dimensions):
            raise EncoderError(
                f"The encoder's '{GRAPH_FILE}' gives shape {states.shape} for {ids.shape[1]} tokens; expected "
                f"(1, {ids.shape[1]}, {self.dimensions}). Export it again."
            )
        return np.asarray(states[0], np.float32)

    def _running(self) -> _Started:
        process_id = os.getpid()
        if self._started is not None and self._started.process_id == process_id:
            return self._started
        with self._starting.setdefault(process_id, threading.Lock()):
            if self._started is None or self._started.process_id != process_id:
                self._started = _start_graph(self._graph, threads=self._threads)
            return self._started


def _start_graph(path: Path, *, threads: int) -> _Started:
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_library(error) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Memory kept for the longest text ever seen would never be given back.
    options.enable_cpu_mem_arena = False
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # The library raises nothing narrower.
        raise EncoderError(
            f"The encoder's '{GRAPH_FILE}' cannot be read ({type(error).__name__}): it is truncated or damaged. "
            "Export or copy it again."
        ) from None
    inputs = frozenset(each.name for each in session.get_inputs())
    if not inputs <= _INPUTS:
        raise EncoderError(
            f"The encoder's '{GRAPH_FILE}' asks for the inputs {', '.join(sorted(inputs))}; expected no others than "
            f"{', '.join(sorted(_INPUTS))}. Export it again."
        )
    return _Started(session, inputs, os.getpid())
