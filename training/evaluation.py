"""What a model is worth on the test part: figures with intervals, per label and language, beside a plain baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from features.evidence import Evidence
from features.vectorizer import HANGUL, FloatArray, IntArray
from training.calibration import calibration_error

_RESAMPLES = 1000
_INTERVAL = (2.5, 97.5)


def baseline_scores(
    train_texts: Sequence[str], train_actual: IntArray, test_texts: Sequence[str], *, label_count: int, seed: int
) -> FloatArray:
    """Return how a plain model scores the labels of the test texts, (tickets, labels), highest for what it says.

    TF-IDF and a linear support-vector machine over words, or over characters where most of the texts are Korean, each
    at the library's defaults.
    """
    korean = sum(bool(HANGUL.search(text)) for text in train_texts) * 2 > len(train_texts)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)) if korean else TfidfVectorizer()
    try:
        values = vectorizer.fit_transform(train_texts)
    except ValueError:  # no text holds a word: the most frequent label is all that can be said
        frequent = np.arange(label_count) == np.bincount(train_actual).argmax()
        return np.tile(np.where(frequent, 1.0, -1.0), (len(test_texts), 1))
    model = LinearSVC(random_state=seed).fit(values, train_actual)
    decided = model.decision_function(vectorizer.transform(test_texts))
    scores = np.full((len(test_texts), label_count), -np.inf)
    scores[:, model.classes_] = np.column_stack([-decided, decided]) if decided.ndim == 1 else decided
    return scores


def evaluate(
    evidence: Evidence, *, baseline: IntArray, majority: int, is_repeated: NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """Return the figures of one target's test part.

    `baseline` (tickets,) is what the plain model says, `majority` the number of the most frequent label in
    training, and `is_repeated` (tickets,) marks tickets with a near duplicate among those trained on.
    """
    predicted, actual = evidence.predicted.astype(np.int32), evidence.actual
    figures = _figures(evidence)
    figures |= {
        "tickets": len(actual),
        "labels": len(evidence.labels),
        "majority": float((actual == majority).mean()),
        "baseline": _scores(baseline, actual, label_count=len(evidence.labels)),
        "intervals": _intervals(predicted, baseline, actual, label_count=len(evidence.labels), seed=seed),
        "per_label": _per_label(evidence.labels, predicted, actual),
        "per_language": {
            str(language): _figures(_part(evidence, evidence.languages == language))
            | {"baseline": _scores(baseline[chosen], actual[chosen], label_count=len(evidence.labels))}
            for language in np.unique(evidence.languages)
            if (chosen := evidence.languages == language).any()
        },
    }
    if is_repeated.any() and not is_repeated.all():
        kept = ~is_repeated
        figures["without_near_duplicates"] = _figures(_part(evidence, kept)) | {
            "baseline": _scores(baseline[kept], actual[kept], label_count=len(evidence.labels))
        }
    return figures


def _figures(evidence: Evidence) -> dict[str, Any]:
    likelihood = evidence.probabilities[np.arange(len(evidence.actual)), evidence.actual]
    return {
        "tickets": len(evidence.actual),
        **_scores(evidence.predicted.astype(np.int32), evidence.actual, label_count=len(evidence.labels)),
        "log_loss": float(-np.log(np.maximum(likelihood, 1e-15)).mean()),
        "calibration_error": calibration_error(evidence.confidence, evidence.right),
    }


def _part(evidence: Evidence, chosen: NDArray[np.bool_]) -> Evidence:
    return Evidence(
        evidence.labels, evidence.probabilities[chosen], evidence.actual[chosen], evidence.languages[chosen]
    )


def _scores(predicted: IntArray, actual: IntArray, *, label_count: int) -> dict[str, float]:
    return {
        "accuracy": float((predicted == actual).mean()),
        "macro_f1": macro_f1(predicted, actual, label_count=label_count),
    }


def macro_f1(predicted: IntArray, actual: IntArray, *, label_count: int) -> float:
    """Return the mean F1 over the labels that occur, be it as prediction or as actual label."""
    hits = np.bincount(actual[predicted == actual], minlength=label_count)
    both = np.bincount(predicted, minlength=label_count) + np.bincount(actual, minlength=label_count)
    occurs = both > 0
    return float((2 * hits[occurs] / both[occurs]).mean())


def _per_label(labels: Sequence[str], predicted: IntArray, actual: IntArray) -> dict[str, dict[str, float | int]]:
    table: dict[str, dict[str, float | int]] = {}
    for number, label in enumerate(labels):
        hits = int(((predicted == number) & (actual == number)).sum())
        claimed, present = int((predicted == number).sum()), int((actual == number).sum())
        table[label] = {
            "precision": hits / claimed if claimed else 0.0,
            "recall": hits / present if present else 0.0,
            "f1": 2 * hits / (claimed + present) if claimed + present else 0.0,
            "tickets": present,
        }
    return table


def _intervals(
    predicted: IntArray, baseline: IntArray, actual: IntArray, *, label_count: int, seed: int
) -> dict[str, list[float]]:
    """Return 95 % bootstrap intervals of our figures and of their paired difference to the baseline's."""
    random = np.random.default_rng(seed)
    measures: Mapping[str, Callable[[IntArray, IntArray], float]] = {
        "accuracy": lambda guess, truth: float((guess == truth).mean()),
        "macro_f1": lambda guess, truth: macro_f1(guess, truth, label_count=label_count),
    }
    drawn: dict[str, list[float]] = {}
    for _ in range(_RESAMPLES):
        chosen = random.integers(0, len(actual), len(actual))
        for name, measure in measures.items():
            ours, plain = measure(predicted[chosen], actual[chosen]), measure(baseline[chosen], actual[chosen])
            drawn.setdefault(name, []).append(ours)
            drawn.setdefault(f"{name}_above_baseline", []).append(ours - plain)
    return {name: [float(edge) for edge in np.percentile(values, _INTERVAL)] for name, values in drawn.items()}


def evaluate_articles(ranked: Sequence[Sequence[str]], actual: Sequence[Sequence[str]]) -> dict[str, float | int]:
    """Return recall and reciprocal rank of ranked article ids, over tickets that articles resolved."""
    places = [
        next((place for place, article in enumerate(found) if article in set(right)), None)
        for found, right in zip(ranked, actual, strict=True)
    ]
    count = max(len(places), 1)
    recall = {
        f"recall_at_{depth}": sum(place is not None and place < depth for place in places) / count
        for depth in (1, 5, 10)
    }
    reciprocal: FloatArray = np.array([0.0 if place is None or place >= 10 else 1 / (place + 1) for place in places])
    return {"tickets": len(places), **recall, "mrr_at_10": float(reciprocal.sum() / count)}
