"""Fine-tuning an encoder on a history: one head a target, or pairs of texts that belong together.

Only the last layers learn. What the layers below make of the texts is computed once (`training.frozen_states`) and
read by every epoch and every fold, so that cross-fitting costs little more than as many trainings. Torch stays behind
`training.transformer`.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from features.errors import EncoderError
from training.encoders import export_encoder
from training.frozen_states import IntArray, deal_batches
from training.progress import Progress
from training.tunable_encoder import TunableEncoder

FloatArray: TypeAlias = NDArray[np.float64]
# Targets to the numbers of the texts' labels, NO_LABEL where a text has none.
Labels: TypeAlias = Mapping[str, IntArray]
NO_LABEL = -1
# The penalty with which heads are fitted before the layers move; the scaled vectors have a deviation of 1.
_FIRST_PENALTY = 0.01
# A label that the training rows lack scores below all that they have.
_UNSEEN_SCORE = -3.0


@dataclass(frozen=True, slots=True)
class Head:
    """A linear model over the encoder's vectors: `weights` (dimensions, labels), `bias` (labels,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, vectors: NDArray[np.float32]) -> FloatArray:
        """Return scores on the scale of log-odds, shape (texts, labels)."""
        return np.asarray(vectors @ self.weights + self.bias, np.float64)


@dataclass(frozen=True, slots=True)
class FineTuned:
    """An encoder after training: its heads, the epochs that it took, and the held-out loss before and after each."""

    tunable: TunableEncoder
    upper: Any
    heads: Mapping[str, Head]
    epochs: int
    losses: tuple[float, ...]

    def vectors(self, rows: IntArray) -> NDArray[np.float32]:
        """Return the vectors of some of the texts, shape (rows, dimensions), in float32 and before any export."""
        return self.tunable.vectors(self.upper, rows)

    def scores(self, rows: IntArray) -> dict[str, FloatArray]:
        """Return for each target the heads' scores of some of the texts, shape (rows, labels)."""
        vectors = self.vectors(rows)
        return {name: head.scores(vectors) for name, head in self.heads.items()}

    def export(self, folder: Path) -> Path:
        """Write the encoder as an int8 folder that `features.encoder.load_encoder` reads."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            self.upper.put_into(self.tunable.transformer).save(Path(scratch))
            export_encoder(Path(scratch), folder, settings=self.tunable.settings)
        return folder


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """Scores of texts by trainings that did not see them, and a training on all of them.

    `out_of_fold` holds for each target the scores of the rows that were trained on, shape (rows, labels), in their
    order: what weights of a blend, calibration and thresholds may be fitted on. `final` is what is served; its own
    scores of these rows are of no use, since it has seen them.
    """

    out_of_fold: Mapping[str, FloatArray]
    final: FineTuned


def cross_fit(
    tunable: TunableEncoder,
    labels: Labels,
    *,
    inside: IntArray,
    folds: IntArray,
    seed: int,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> CrossFitted:
    """Fine-tune once a fold on the other folds, then on all rows `inside`; `folds` gives each of them its fold.

    The first training finds the number of epochs by early stopping on a share of its own rows; the others keep to it
    and learn from all of theirs.
    """
    common: dict[str, Any] = {"seed": seed, "checkpoints": checkpoints, "progress": progress}
    found: dict[str, FloatArray] = {}
    epochs: int | None = None
    for fold in np.unique(folds):
        tuned = fine_tune_classifier(tunable, labels, inside=inside[folds != fold], epochs=epochs, **common)
        epochs = tuned.epochs
        for name, scores in tuned.scores(inside[folds == fold]).items():
            found.setdefault(name, np.zeros((len(inside), scores.shape[1])))[folds == fold] = scores
    final = fine_tune_classifier(tunable, labels, inside=inside, epochs=epochs, **common)
    return CrossFitted(found, final)


def fine_tune_classifier(
    tunable: TunableEncoder,
    labels: Labels,
    *,
    inside: IntArray,
    seed: int,
    epochs: int | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> FineTuned:
    """Train the last layers with one head a target on the rows `inside`; a text may lack labels of some targets.

    Stops early by a share of the rows held out, or after `epochs`, having learned from all rows. With a folder of
    checkpoints a training that was broken off goes on where it was, and ends as if it had not been.
    """
    names = list(labels)
    table = np.column_stack([labels[name] for name in names])
    rows = inside[(table[inside] >= 0).any(axis=1)]
    if not len(rows):
        raise EncoderError(
            "The encoder cannot be fine-tuned: none of the texts has a label. Give labels, or use it as it is."
        )
    fit, held_out = _held_out(rows, share=0.0 if epochs is not None else tunable.tuning.held_out_share, seed=seed)
    vectors = tunable.vectors(tunable.upper(), fit)
    centre, scale = vectors.mean(axis=0), 1.0 / float(np.maximum((vectors - vectors.mean(axis=0)).std(), 1e-6))
    heads = [
        _first_head((vectors - centre) * scale, table[fit, number], label_count=int(table[:, number].max()) + 1)
        for number in range(len(names))
    ]
    upper = tunable.upper(heads=[(head.weights, head.bias) for head in heads], centre=centre, scale=scale)
    states = tunable.states
    trained = _train(
        tunable,
        upper,
        fit,
        learn=lambda batch: upper.learn_labels(states.at(batch), table[batch]),
        held_out_loss=(lambda: _label_loss(tunable, upper, held_out, table)) if len(held_out) else None,
        epochs=epochs,
        checkpoint=_checkpoint(checkpoints, tunable, (rows, table), seed=seed, epochs=epochs),
        seed=seed,
        progress=progress,
    )
    return FineTuned(
        tunable, upper, {name: Head(*head) for name, head in zip(names, upper.heads(), strict=True)}, *trained
    )


def fine_tune_pairs(
    tunable: TunableEncoder,
    pairs: IntArray,
    *,
    seed: int,
    epochs: int | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> FineTuned:
    """Train the last layers to bring the two texts of each pair together: `pairs` (pairs, 2) are numbers of texts.

    A ticket with the article that resolved it, or two tickets that are one problem. In a batch the partners of the
    others are what a text must keep away from, but for those known to belong to it as well.
    """
    if not len(pairs):
        raise EncoderError("The encoder cannot be fine-tuned on pairs: there are none. Give some, or use it as it is.")
    known = {(int(one), int(other)) for one, other in pairs}
    fit, held_out = _held_out(pairs, share=0.0 if epochs is not None else tunable.tuning.held_out_share, seed=seed)
    upper, states = tunable.upper(), tunable.states

    def learn(batch: IntArray) -> float:
        ours, partners = batch[:, 0], batch[:, 1]
        wrong = _are_wrong(known, ours, partners)
        return float(upper.learn_pairs(states.at(ours), states.at(partners), wrong, warmth=tunable.tuning.warmth))

    trained = _train(
        tunable,
        upper,
        fit,
        learn=learn,
        held_out_loss=(lambda: _pair_loss(tunable, upper, held_out, known)) if len(held_out) else None,
        epochs=epochs,
        checkpoint=_checkpoint(checkpoints, tunable, (pairs,), seed=seed, epochs=epochs),
        seed=seed,
        progress=progress,
    )
    return FineTuned(tunable, upper, {}, *trained)


def _train(
    tunable: TunableEncoder,
    upper: Any,
    fit: IntArray,
    *,
    learn: Callable[[IntArray], float],
    held_out_loss: Callable[[], float] | None,
    epochs: int | None,
    checkpoint: Path | None,
    seed: int,
    progress: Progress | None,
) -> tuple[int, tuple[float, ...]]:
    """Train for so many epochs, or to the best held-out loss; return the number of epochs and the losses.

    The learning rate falls as it would over the most epochs allowed, so that an epoch is the same in every training.
    """
    tuning, shown = tunable.tuning, progress or Progress(is_shown=False)
    lengths = tunable.states.lengths[fit].reshape(len(fit), -1).max(axis=1)
    steps = -(-len(fit) // tuning.batch_size)
    upper.prepare(steps=steps * max(tuning.most_epochs, epochs or 0), rates=tunable.rates())
    most_epochs = tuning.most_epochs if epochs is None else epochs
    done, losses = 0, [] if held_out_loss is None else [held_out_loss()]
    best = upper.weights()
    if checkpoint is not None and checkpoint.is_file():
        saved = upper.restore(checkpoint)
        done, losses, best = saved["epochs"], saved["losses"], saved["best"]
    while done < most_epochs and (not losses or done - int(np.argmin(losses)) < tuning.patience):
        random = np.random.default_rng([seed, done])
        batches = deal_batches(lengths, batch_size=tuning.batch_size, random=random)
        with upper.epoch(int(random.integers(2**31))):
            for places in shown.over(batches, doing=f"fine-tuning, epoch {done + 1}"):
                learn(fit[places])
        done += 1
        if held_out_loss is not None:
            losses.append(held_out_loss())
            shown.say(f"held-out loss {losses[-1]:.4f}, before {losses[-2]:.4f}")
        if not losses or losses[-1] <= min(losses):
            best = upper.weights()
        if checkpoint is not None:
            upper.save(checkpoint, epochs=done, losses=losses, best=best)
    upper.put_back(best)
    return int(np.argmin(losses)) if losses else done, tuple(losses)


def _held_out(rows: IntArray, *, share: float, seed: int) -> tuple[IntArray, IntArray]:
    order = np.random.default_rng(seed).permutation(len(rows))
    count = min(len(rows) - 1, max(1, round(len(rows) * share))) if share > 0 else 0
    return rows[np.sort(order[count:])], rows[np.sort(order[:count])]


def _first_head(vectors: NDArray[np.float32], actual: IntArray, *, label_count: int) -> Head:
    """Return the head that fits the encoder as it is: layers that move from there lose nothing at first."""
    known = actual >= 0
    seen = np.unique(actual[known])
    weights, bias = (
        np.zeros((vectors.shape[1], label_count), np.float32),
        np.full(label_count, _UNSEEN_SCORE, np.float32),
    )
    if len(seen) < 2:
        bias[seen] = 0.0
        return Head(weights, bias)
    model = LogisticRegression(C=_FIRST_PENALTY, max_iter=1000).fit(vectors[known], actual[known])
    if len(seen) == 2:
        weights[:, seen[1]], bias[seen] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[:, seen], bias[seen] = model.coef_.T, model.intercept_
    return Head(weights, bias)


def _label_loss(tunable: TunableEncoder, upper: Any, rows: IntArray, table: IntArray) -> float:
    """Return the mean over the targets of the log loss on these rows."""
    vectors = tunable.vectors(upper, rows)
    losses = []
    for number, head in enumerate(upper.heads()):
        actual = table[rows, number]
        known = np.flatnonzero(actual >= 0)
        if len(known):
            scores = Head(*head).scores(vectors[known])
            losses.append(float(np.mean(_log_sum(scores) - scores[np.arange(len(known)), actual[known]])))
    return float(np.mean(losses)) if losses else 0.0


def _pair_loss(tunable: TunableEncoder, upper: Any, pairs: IntArray, known: set[tuple[int, int]]) -> float:
    """Return the log loss of finding each partner among all partners of these pairs."""
    ours, partners = (tunable.vectors(upper, pairs[:, side]) for side in (0, 1))
    cosines = np.asarray(ours @ partners.T, np.float64) / tunable.tuning.warmth
    right = np.diagonal(cosines).copy()
    cosines[~_are_wrong(known, pairs[:, 0], pairs[:, 1])] = -np.inf
    np.fill_diagonal(cosines, right)
    return float(np.mean(_log_sum(cosines) - right))


def _are_wrong(known: set[tuple[int, int]], ours: IntArray, partners: IntArray) -> NDArray[np.bool_]:
    """Tell which partners do not belong to which of our texts, shape (ours, partners)."""
    return np.array([[(int(one), int(other)) not in known and one != other for other in partners] for one in ours])


def _log_sum(scores: FloatArray) -> FloatArray:
    highest = scores.max(axis=1, keepdims=True)
    return np.asarray(highest[:, 0] + np.log(np.exp(scores - highest).sum(axis=1)))


def _checkpoint(
    folder: Path | None, tunable: TunableEncoder, data: tuple[IntArray, ...], *, seed: int, epochs: int | None
) -> Path | None:
    """Return where this very training keeps its state: another one, or one on other data, has another place."""
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    told = json.dumps([asdict(tunable.tuning), tunable.states.fingerprint, seed, epochs])
    digest = hashlib.sha256(told.encode())
    for each in data:
        digest.update(np.ascontiguousarray(each).tobytes())
    return folder / f"training-{digest.hexdigest()[:16]}.pt"
