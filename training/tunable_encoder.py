"""An encoder made ready for fine-tuning: its lower layers have read the texts, its last layers can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.encoder_settings import EncoderSettings, TextRole
from training.encoders import fetch_transformer, fingerprint_of, open_transformers, settings_of
from training.frozen_states import FrozenStates, IntArray, freeze_states
from training.progress import Progress

_TEXTS_A_RUN = 64


@dataclass(frozen=True, slots=True)
class FineTuningSettings:
    """What fine-tuning costs and how fast it learns.

    `layers` are trained, the others and the word embeddings are not; texts are cut after `most_tokens`. Training ends
    after `most_epochs`, or where `patience` epochs bring nothing to the share of the texts that is held out.
    `warmth` divides the cosines of pairs.
    """

    layers: int = 3
    most_tokens: int = 128
    most_epochs: int = 6
    patience: int = 1
    batch_size: int = 32
    held_out_share: float = 0.1
    layer_rate: float = 1e-4
    head_rate: float = 1e-3
    decay: float = 0.01
    warmup_share: float = 0.1
    warmth: float = 0.02


@dataclass(frozen=True, slots=True)
class TunableEncoder:
    """An encoder whose lower layers have read some texts: what any number of trainings begin from."""

    transformer: Any
    settings: EncoderSettings
    tuning: FineTuningSettings
    states: FrozenStates

    @classmethod
    def prepare(
        cls,
        name_or_folder: str | Path,
        texts: Sequence[str],
        *,
        tuning: FineTuningSettings,
        folder: Path,
        roles: Sequence[TextRole] | None = None,
        progress: Progress | None = None,
    ) -> TunableEncoder:
        """Run the frozen layers over the texts, or read from `folder` what an earlier call made of the same ones.

        Takes a hub name or a transformers directory; raises EncoderError where it cannot be had or fine-tuned.
        """
        source = fetch_transformer(name_or_folder)
        torch_door = open_transformers()
        transformer = torch_door.Transformer.load(source)
        settings = replace(settings_of(str(name_or_folder), source), most_tokens=tuning.most_tokens)
        marked = [
            settings.marked(text, role)
            for text, role in zip(texts, roles or [TextRole.QUERY] * len(texts), strict=True)
        ]
        states = freeze_states(
            [torch_door.token_ids(transformer.tokenizer, text, most_tokens=tuning.most_tokens) for text in marked],
            lambda ids: transformer.frozen_states(ids, trained_layers=tuning.layers),
            dimensions=transformer.dimensions,
            key=f"{fingerprint_of(source, settings)} {tuning.layers}",
            folder=folder,
            progress=progress or Progress(is_shown=False),
        )
        return cls(transformer, settings, tuning, states)

    def upper(self, **arguments: Any) -> Any:
        """Return the trained part as it is before any training."""
        door = open_transformers()
        return door.UpperLayers(self.transformer, layers=self.tuning.layers, pooling=self.settings.pooling, **arguments)

    def vectors(self, upper: Any, rows: IntArray) -> NDArray[np.float32]:
        """Return what the trained part makes of some texts, shape (rows, dimensions), of unit length."""
        found = np.zeros((len(rows), self.transformer.dimensions), np.float32)
        order = np.argsort(self.states.lengths[rows], kind="stable")
        for start in range(0, len(order), _TEXTS_A_RUN):
            places = order[start : start + _TEXTS_A_RUN]
            found[places] = upper.vectors(self.states.at(rows[places]))
        return found

    def rates(self) -> Any:
        """Return the learning rates."""
        tuning = self.tuning
        return open_transformers().LearningRates(tuning.layer_rate, tuning.head_rate, tuning.decay, tuning.warmup_share)
