"""Fine-tuning learns what the frozen encoder does not show, stops in time, resumes exactly, and can be exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.encoder import load_encoder
from features.errors import EncoderError
from training.fine_tuning import NO_LABEL, FineTuned, cross_fit, fine_tune_classifier, fine_tune_pairs
from training.progress import Progress
from training.tunable_encoder import FineTuningSettings, TunableEncoder

TUNING = FineTuningSettings(
    layers=1, most_tokens=24, most_epochs=8, patience=8, batch_size=16, layer_rate=3e-3, head_rate=1e-2
)
_DEVICES = ("printer", "monitor", "프린터", "모니터", "laptop", "노트북")
_TROUBLES = ("is broken", "고장났어요", "stopped", "안 켜져요")
_WISHES = ("please order", "주문해 주세요", "buy one", "하나 사 주세요")
Tune = Callable[..., FineTuned]


_GUIDES = ("printer 사용 안내", "모니터 guide", "laptop 노트북")


def _tickets(count: int) -> tuple[list[str], *tuple[np.ndarray, ...]]:
    """Return texts, whether each is a wish, whether device and kind are of one script, and the number of its guide.

    The second is hard to see in the words; a ticket and its guide often share none.
    """
    random = np.random.default_rng(5)
    devices, kinds = random.integers(0, len(_DEVICES), count), random.integers(0, 2, count)
    texts = [
        f"{_DEVICES[device]} {(_WISHES if kind else _TROUBLES)[random.integers(0, 4)]}"
        for device, kind in zip(devices, kinds, strict=True)
    ]
    is_mixed = np.isin(devices, (2, 3, 5)) == (kinds == 1)
    guide = np.array([0, 1, 0, 1, 2, 2])[devices]
    return texts, kinds.astype(np.int64), is_mixed.astype(np.int64), guide


_TICKETS, KIND, MIXED, DEVICE = _tickets(320)
TEXTS = [*_TICKETS, *_GUIDES]
TRAIN, TEST, GUIDES = np.arange(240), np.arange(240, 320), np.arange(320, 323)
# The guides have no labels.
KIND, MIXED = (np.append(labels, [NO_LABEL] * len(_GUIDES)) for labels in (KIND, MIXED))


@pytest.fixture(scope="module")
def tunable(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> TunableEncoder:
    return TunableEncoder.prepare(tiny_transformer, TEXTS, tuning=TUNING, folder=tmp_path_factory.mktemp("states"))


@pytest.fixture(scope="module")
def tuned(tunable: TunableEncoder) -> FineTuned:
    """Trained on both targets, of which each text but a few has one label only."""
    kind, mixed = KIND.copy(), MIXED.copy()
    kind[: len(TEXTS) : 2] = NO_LABEL
    mixed[1 : len(TEXTS) : 2] = NO_LABEL
    return fine_tune_classifier(tunable, {"kind": kind, "mixed": mixed}, inside=TRAIN, seed=1, epochs=16)


def _accuracy(scores: np.ndarray, actual: np.ndarray) -> float:
    return float((scores.argmax(axis=1) == actual).mean())


def test_fine_tuning_learns_what_the_frozen_encoder_does_not_show(tunable: TunableEncoder) -> None:
    """A label that no head over the frozen vectors can tell is told once the last layer has learned."""
    common = {"labels": {"mixed": MIXED}, "inside": TRAIN, "seed": 1}
    frozen = fine_tune_classifier(tunable, epochs=0, **common)
    moved = fine_tune_classifier(tunable, epochs=8, **common)
    before, after = (_accuracy(each.scores(TEST)["mixed"], MIXED[TEST]) for each in (frozen, moved))
    assert before < 0.9
    assert after > before + 0.05


def test_targets_are_learned_together_though_labels_are_missing(tuned: FineTuned) -> None:
    """Each target is learned from the texts that have a label for it."""
    scores = tuned.scores(TEST)
    assert set(scores) == {"kind", "mixed"}
    assert _accuracy(scores["kind"], KIND[TEST]) > 0.9
    assert _accuracy(scores["mixed"], MIXED[TEST]) > 0.7


def test_a_text_without_any_label_is_not_looked_at(tunable: TunableEncoder) -> None:
    """Rows that lack every label change nothing."""
    labels = np.where(np.arange(len(TEXTS)) < 100, KIND, NO_LABEL)
    few = fine_tune_classifier(tunable, {"kind": labels}, inside=TRAIN[:100], seed=1, epochs=1)
    many = fine_tune_classifier(tunable, {"kind": labels}, inside=TRAIN, seed=1, epochs=1)
    np.testing.assert_array_equal(few.vectors(TEST), many.vectors(TEST))


def test_training_stops_when_nothing_more_is_gained(tunable: TunableEncoder) -> None:
    """With labels drawn by lot the held-out loss soon rises for good, and training ends long before its limit."""
    lots = np.random.default_rng(8).integers(0, 2, len(TEXTS)).astype(np.int64)
    impatient = replace(tunable, tuning=replace(TUNING, patience=2, most_epochs=50))
    found = fine_tune_classifier(impatient, {"kind": lots}, inside=TRAIN, seed=1)
    best = int(np.argmin(found.losses))
    assert found.epochs == best
    assert len(found.losses) == 1 + best + 2
    assert best < 40


def test_the_best_epoch_is_kept(tunable: TunableEncoder) -> None:
    """What is returned is the encoder after the epoch with the least held-out loss, not after the last."""
    lots = np.random.default_rng(8).integers(0, 2, len(TEXTS)).astype(np.int64)
    found = fine_tune_classifier(tunable, {"kind": lots}, inside=TRAIN, seed=1)
    assert found.epochs < len(found.losses) - 1
    if found.epochs == 0:
        np.testing.assert_array_equal(found.vectors(TEST), tunable.vectors(tunable.upper(), TEST))


class _InterruptedError(Exception):
    """A person has pressed Ctrl-C."""


class _Interrupting(Progress):
    """Breaks a training off at the beginning of an epoch."""

    def __init__(self, *, epoch: int) -> None:
        super().__init__(is_shown=False)
        self._epoch = epoch

    def over(self, items: Any, *, doing: str, total: int | None = None) -> Any:
        if doing.endswith(f"epoch {self._epoch}"):
            raise _InterruptedError
        return super().over(items, doing=doing, total=total)


def _tune_labels(tunable: TunableEncoder, **arguments: Any) -> FineTuned:
    return fine_tune_classifier(tunable, {"mixed": MIXED, "kind": KIND}, inside=TRAIN, **arguments)


def _tune_pairs(tunable: TunableEncoder, **arguments: Any) -> FineTuned:
    return fine_tune_pairs(tunable, _pairs(TRAIN), **arguments)


def _pairs(rows: np.ndarray) -> np.ndarray:
    """Return each ticket with the guide to its device."""
    return np.column_stack([rows, GUIDES[DEVICE[rows]]])


@pytest.mark.parametrize("tune", [_tune_labels, _tune_pairs])
def test_a_training_broken_off_goes_on_as_if_it_had_not_been(
    tunable: TunableEncoder, tune: Tune, tmp_path: Path
) -> None:
    """Resumed from its checkpoint, a training ends with the very numbers of one that ran through."""
    short = replace(tunable, tuning=replace(TUNING, most_epochs=4))
    unbroken = tune(short, seed=3, checkpoints=tmp_path / "unbroken")
    with pytest.raises(_InterruptedError):
        tune(short, seed=3, checkpoints=tmp_path / "broken", progress=_Interrupting(epoch=3))
    resumed = tune(short, seed=3, checkpoints=tmp_path / "broken")
    assert (resumed.losses, resumed.epochs) == (unbroken.losses, unbroken.epochs)
    np.testing.assert_array_equal(resumed.vectors(TEST), unbroken.vectors(TEST))
    for name, head in unbroken.heads.items():
        np.testing.assert_array_equal(resumed.heads[name].weights, head.weights)


@pytest.mark.parametrize("tune", [_tune_labels, _tune_pairs])
def test_a_seed_decides_everything(tunable: TunableEncoder, tune: Tune) -> None:
    """The same seed gives the same encoder, another seed another one."""
    first, again, other = (tune(tunable, seed=seed, epochs=1).vectors(TEST) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_checkpoint_of_other_labels_is_not_gone_on_with(tunable: TunableEncoder, tmp_path: Path) -> None:
    """A training on other data begins at its own beginning."""
    for labels in (KIND, MIXED):
        fine_tune_classifier(tunable, {"kind": labels}, inside=TRAIN, seed=1, epochs=1, checkpoints=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_pairs_are_brought_together(tunable: TunableEncoder) -> None:
    """A ticket that no pair has shown finds the guide to its device, in another language too."""

    def share_found(vectors: np.ndarray, guides: np.ndarray) -> float:
        return float(((vectors @ guides.T).argmax(axis=1) == DEVICE[TEST]).mean())

    before = share_found(*(tunable.vectors(tunable.upper(), rows) for rows in (TEST, GUIDES)))
    warm = replace(tunable, tuning=replace(TUNING, layer_rate=1e-2, batch_size=8, warmth=0.1))
    tuned = fine_tune_pairs(warm, _pairs(TRAIN), seed=1, epochs=16)
    assert before < 0.6
    assert share_found(tuned.vectors(TEST), tuned.vectors(GUIDES)) > 0.9


def test_a_text_alone_has_the_vector_that_it_has_among_others(tuned: FineTuned) -> None:
    """Neither padding nor neighbours change a text's vector by more than rounding."""
    together = tuned.vectors(TEST)
    alone = np.concatenate([tuned.vectors(TEST[place : place + 1]) for place in range(len(TEST))])
    assert float((together * alone).sum(axis=1).min()) > 0.999


def test_the_export_scores_as_the_training_did(tuned: FineTuned, tmp_path: Path) -> None:
    """Heads over the exported int8 vectors give the labels that they give over the trained ones."""
    encoder = load_encoder(tuned.export(tmp_path / "exported"))
    vectors = np.array([encoder.encode(TEXTS[row]) for row in TEST])
    for name, scores in tuned.scores(TEST).items():
        served = tuned.heads[name].scores(vectors)
        assert (served.argmax(axis=1) == scores.argmax(axis=1)).mean() > 0.95


# --- out of fold ------------------------------------------------------------------------------------------------------


def test_scores_out_of_fold_come_from_trainings_that_did_not_see_the_text(tunable: TunableEncoder) -> None:
    """On labels drawn by lot, scores out of fold are no better than chance."""
    lots = np.random.default_rng(8).integers(0, 2, len(TEXTS)).astype(np.int64)
    folds = np.arange(len(TRAIN)) % 3
    quick = replace(tunable, tuning=replace(TUNING, most_epochs=3))
    found = cross_fit(quick, {"lots": lots, "kind": KIND}, inside=TRAIN, folds=folds, seed=1)
    assert found.out_of_fold["lots"].shape == (len(TRAIN), 2)
    assert abs(_accuracy(found.out_of_fold["lots"], lots[TRAIN]) - 0.5) < 0.15
    assert _accuracy(found.out_of_fold["kind"], KIND[TRAIN]) > 0.8
    assert _accuracy(found.final.scores(TEST)["kind"], KIND[TEST]) > 0.8


def test_a_label_that_a_fold_lacks_scores_below_the_others(tunable: TunableEncoder) -> None:
    """A label without a training text is possible but never the first."""
    labels = KIND.copy()
    labels[TEST[:5]] = 2
    scores = fine_tune_classifier(tunable, {"kind": labels}, inside=TRAIN, seed=1, epochs=1).scores(TEST)["kind"]
    assert scores.shape == (len(TEST), 3)
    assert not (scores.argmax(axis=1) == 2).any()
    assert np.isfinite(scores).all()


# --- what cannot be done ----------------------------------------------------------------------------------------------


def test_nothing_to_learn_from_is_said(tunable: TunableEncoder) -> None:
    """Texts without labels, and no pairs, are refused."""
    with pytest.raises(EncoderError, match="none of the texts has a label"):
        fine_tune_classifier(tunable, {"kind": np.full(len(TEXTS), NO_LABEL)}, inside=TRAIN, seed=1)
    with pytest.raises(EncoderError, match="on pairs: there are none"):
        fine_tune_pairs(tunable, np.empty((0, 2), np.int64), seed=1)


def test_a_model_built_otherwise_is_refused(tiny_transformer: Path, tmp_path: Path) -> None:
    """A model whose layers are not where BERT has them can be used frozen, and the error says so."""
    transformers = pytest.importorskip("transformers")
    config = transformers.DistilBertConfig(vocab_size=1500, dim=32, n_layers=2, n_heads=2, hidden_dim=64)
    transformers.DistilBertModel(config).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((tiny_transformer / "tokenizer.json").read_bytes())
    with pytest.raises(EncoderError, match="type 'distilbert' cannot be fine-tuned here"):
        TunableEncoder.prepare(tmp_path, TEXTS[:4], tuning=TUNING, folder=tmp_path / "states")
