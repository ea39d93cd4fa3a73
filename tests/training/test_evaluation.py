"""The figures of a test part: as others compute them, with intervals, by label and language."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support

from features.evidence import Evidence
from training.calibration import calibration_error
from training.evaluation import baseline_scores, evaluate, evaluate_articles, macro_f1

Labels = NDArray[np.int32]
LABELS = ("account", "network", "printer", "unused")


def _evidence(count: int = 120, *, seed: int = 2) -> Evidence:
    """Return tickets of three labels of which a good half are predicted right."""
    random = np.random.default_rng(seed)
    actual = random.integers(0, 3, count).astype(np.int32)
    scores = random.random((count, 4))
    scores[:, 3] *= 0.1
    scores[np.arange(count), actual] += 0.4
    languages = np.where(random.random(count) < 0.3, "en", "ko")
    return Evidence(LABELS, scores / scores.sum(axis=1, keepdims=True), actual, languages)


def _baseline(evidence: Evidence, *, seed: int = 6) -> Labels:
    random = np.random.default_rng(seed)
    guessed = random.integers(0, 3, len(evidence.actual))
    return np.where(random.random(len(guessed)) < 0.4, evidence.actual, guessed).astype(np.int32)


def _figures(evidence: Evidence, *, repeated: tuple[int, ...] = (), seed: int = 0) -> dict[str, Any]:
    is_repeated = np.zeros(len(evidence.actual), bool)
    is_repeated[list(repeated)] = True
    return evaluate(evidence, baseline=_baseline(evidence), majority=1, is_repeated=is_repeated, seed=seed)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_macro_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    """Over the labels that occur the figure is the library's; others do not count."""
    predicted, actual = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
    expected = f1_score(actual, predicted, average="macro", labels=np.union1d(predicted, actual), zero_division=0)
    assert macro_f1(predicted, actual, label_count=9) == pytest.approx(expected)


def test_figures_are_scikit_learns() -> None:
    """Accuracy, macro-F1, log loss and the figures of each label are what the library computes."""
    evidence = _evidence()
    figures = _figures(evidence)
    predicted, actual = evidence.probabilities.argmax(axis=1), evidence.actual
    assert figures["accuracy"] == pytest.approx(accuracy_score(actual, predicted))
    assert figures["macro_f1"] == pytest.approx(f1_score(actual, predicted, average="macro"))
    assert figures["log_loss"] == pytest.approx(log_loss(actual, evidence.probabilities, labels=range(4)))
    assert figures["calibration_error"] == calibration_error(evidence.confidence, evidence.right)
    assert figures["majority"] == pytest.approx((actual == 1).mean())
    table = precision_recall_fscore_support(actual, predicted, labels=range(4), zero_division=0)
    for name, row in zip(("precision", "recall", "f1", "tickets"), table, strict=True):
        assert [figures["per_label"][label][name] for label in LABELS] == pytest.approx(list(row))
    assert figures["baseline"]["accuracy"] == pytest.approx(accuracy_score(actual, _baseline(evidence)))


def test_a_certain_mistake_has_a_finite_loss() -> None:
    """A label that was held for impossible costs much, and not without limit."""
    evidence = Evidence(LABELS[:2], np.array([[1.0, 0.0]]), np.array([1], np.int32), np.array(["ko"]))
    assert _figures(evidence)["log_loss"] == pytest.approx(-np.log(1e-15))


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_the_figures(seed: int) -> None:
    """A figure lies in its interval, and the difference to the baseline in the interval of the difference."""
    evidence = _evidence(seed=seed)
    figures = _figures(evidence)
    for name in ("accuracy", "macro_f1"):
        low, high = figures["intervals"][name]
        assert low < figures[name] < high
        low, high = figures["intervals"][f"{name}_above_baseline"]
        assert low < figures[name] - figures["baseline"][name] < high


def test_an_interval_narrows_with_the_tickets() -> None:
    """Nine times the tickets give an interval about a third as wide."""
    widths = []
    for count in (100, 900):
        low, high = _figures(_evidence(count))["intervals"]["accuracy"]
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / 3, rel=0.3)


def test_the_difference_is_paired() -> None:
    """A baseline that says the same as the model differs from it in no resampling."""
    evidence = _evidence()
    figures = evaluate(
        evidence,
        baseline=evidence.predicted.astype(np.int32),
        majority=0,
        is_repeated=np.zeros(len(evidence.actual), bool),
        seed=0,
    )
    assert figures["intervals"]["accuracy_above_baseline"] == [0.0, 0.0]


def test_one_seed_gives_one_result() -> None:
    """The same tickets and seed give the same figures, another seed other intervals."""
    assert _figures(_evidence()) == _figures(_evidence())
    assert _figures(_evidence(), seed=1)["intervals"] != _figures(_evidence())["intervals"]


def test_each_language_has_its_figures() -> None:
    """The tickets of a language are measured by themselves, beside the baseline on the same tickets."""
    evidence = _evidence()
    per_language = _figures(evidence)["per_language"]
    assert set(per_language) == {"ko", "en"}
    for language, part in per_language.items():
        chosen = evidence.languages == language
        assert part["tickets"] == chosen.sum()
        assert part["accuracy"] == pytest.approx(evidence.right[chosen].mean())
        assert part["baseline"]["accuracy"] == pytest.approx((_baseline(evidence) == evidence.actual)[chosen].mean())


def test_figures_come_without_near_duplicates_too() -> None:
    """Where tickets repeat some that were trained on, the figures of all others stand beside."""
    evidence = _evidence()
    part = _figures(evidence, repeated=(0, 1, 2))["without_near_duplicates"]
    assert part["tickets"] == 117
    assert part["accuracy"] == pytest.approx(evidence.right[3:].mean())
    assert "without_near_duplicates" not in _figures(evidence)


# --- the baseline -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (["vpn drops", "printer jam", "vpn tunnel", "paper jam"], ["my vpn", "a jam"], [0, 1]),
        (
            ["브이피엔이 끊겨요", "프린터가 안돼요", "브이피엔 접속", "프린터 용지"],
            ["브이피엔은요", "프린터에서"],
            [0, 1],
        ),
    ],
)
def test_the_baseline_learns_words_and_korean_characters(
    train: list[str], test: list[str], expected: list[int]
) -> None:
    """English is told by its words, Korean by characters, since its words come with endings."""
    found = baseline_scores(train, np.array([0, 1, 0, 1], np.int32), test, label_count=2, seed=0)
    assert found.argmax(axis=1).tolist() == expected


def test_a_baseline_without_words_says_the_most_frequent_label() -> None:
    """Where no text holds a word there is nothing to tell tickets apart by."""
    found = baseline_scores(["!", "?", ""], np.array([2, 2, 0], np.int32), ["vpn", "!"], label_count=3, seed=0)
    assert found.argmax(axis=1).tolist() == [2, 2]


# --- articles ---------------------------------------------------------------------------------------------------------


def test_articles_are_found_at_their_place() -> None:
    """Recall counts tickets with a right article in time; the reciprocal rank is one over its place, none after ten."""
    ranked = [
        ["KB-1", "KB-2"],  # right at once
        ["KB-9", "KB-8", "KB-7", "KB-2", "KB-1"],  # fourth; the second right one does not count
        [f"KB-{number}" for number in range(20, 29)] + ["KB-1"],  # tenth
        [f"KB-{number}" for number in range(20, 30)] + ["KB-1"],  # too late
        [],  # nothing found
    ]
    actual = [("KB-1",), ("KB-1", "KB-2"), ("KB-1",), ("KB-1",), ("KB-1",)]
    figures = evaluate_articles(ranked, actual)
    assert figures.pop("mrr_at_10") == pytest.approx((1 + 1 / 4 + 1 / 10) / 5)
    assert figures == {"tickets": 5, "recall_at_1": 0.2, "recall_at_5": 0.4, "recall_at_10": 0.6}


def test_no_linked_tickets_give_figures_of_zero() -> None:
    """Without tickets there is nothing to find, and no division by their number."""
    assert evaluate_articles([], []) == {
        "tickets": 0,
        "recall_at_1": 0.0,
        "recall_at_5": 0.0,
        "recall_at_10": 0.0,
        "mrr_at_10": 0.0,
    }
