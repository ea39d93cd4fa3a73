"""The encoder that a recipe names, fetched once and, where the recipe says so, distilled to the words of a history."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from features.encoder import TextEncoder, load_encoder
from features.encoder_settings import SETTINGS_FILE
from features.errors import EncoderError
from training.distillation import distil_encoder
from training.encoders import EncoderChoice, fetch_encoder
from training.progress import Progress
from training.recipe import EncoderRecipe

# With fewer texts nothing can be distilled; they are few enough for the whole encoder.
_LEAST_TEXTS = 50


@dataclass(frozen=True, slots=True)
class ChosenEncoder:
    """An exported encoder in `folder`, and whether histories get a static one distilled from it."""

    folder: Path
    is_distilled: bool
    var_dir: Path

    def for_texts(self, texts: Sequence[str], *, seed: int, progress: Progress) -> TextEncoder:
        """Return the encoder for tickets like these texts; what was distilled for the same ones before is read."""
        if not self.is_distilled or len(texts) < _LEAST_TEXTS:
            return load_encoder(self.folder)
        content = hashlib.sha256("\x1e".join([self.folder.name, str(seed), *texts]).encode())
        folder = self.var_dir / "encoders" / f"static-{content.hexdigest()[:16]}"
        if not (folder / SETTINGS_FILE).is_file():
            progress.say(f"distilling a static encoder from {load_encoder(self.folder).name}")
            distil_encoder(self.folder, texts, folder=folder, seed=seed, threads=2, progress=progress)
        return load_encoder(folder)


def choose_encoder(recipe: EncoderRecipe, *, var_dir: Path, progress: Progress) -> ChosenEncoder | None:
    """Return the recipe's encoder, or None where it names none; raise EncoderError where it cannot be had."""
    if not recipe.name:
        return None
    choice = EncoderChoice(most_tokens=recipe.most_tokens)
    folder = fetch_encoder(recipe.name, var_dir=var_dir, choice=choice, progress=progress)
    return ChosenEncoder(folder, recipe.distilled, var_dir)


def encoder_or_reason(
    recipe: EncoderRecipe, *, var_dir: Path, progress: Progress
) -> tuple[ChosenEncoder | None, tuple[str, ...]]:
    """Return the recipe's encoder, or none and a sentence that says why the model is trained without."""
    try:
        return choose_encoder(recipe, var_dir=var_dir, progress=progress), ()
    except EncoderError as error:
        return None, (f"Trained without a text encoder: {error}",)
