"""Which targets of a history can be trained."""

from __future__ import annotations

from typing import Any

import pytest

from features.errors import RecipeError
from features.history import HistoryRow
from features.taxonomy import TargetKind
from training.targets import ExcludedLabel, trainable_targets


def _rows(**labels: list[str | None]) -> list[HistoryRow]:
    columns: list[list[Any]] = list(labels.values())
    return [
        HistoryRow(id=str(number), body="text", **dict(zip(labels, row, strict=True)))
        for number, row in enumerate(zip(*columns, strict=True))
    ]


def test_every_target_with_labels_is_trained() -> None:
    """The targets are whatever the history holds, ordinal ones in their order."""
    found = trainable_targets(_rows(category=["b", "a"] * 3, priority=["low", "high"] * 3), minimum_per_class=3)
    assert [(target.name, target.kind, target.labels) for target in found.targets] == [
        ("category", TargetKind.NOMINAL, ("a", "b")),
        ("priority", TargetKind.ORDINAL, ("high", "low")),
    ]
    assert found.excluded == found.warnings == ()


def test_a_label_with_too_few_tickets_is_excluded_and_listed() -> None:
    """A rare label is left out with its count."""
    found = trainable_targets(_rows(category=["a", "a", "b", "b", "c", None]), minimum_per_class=2)
    assert found.targets[0].labels == ("a", "b")
    assert found.excluded == (ExcludedLabel("category", "c", 1),)


def test_a_target_with_a_single_label_is_left_out() -> None:
    """Where nothing is to be told apart nothing is trained, and a sentence says so."""
    found = trainable_targets(_rows(kind=["incident"] * 4, category=["a", "a", "a", "b"]), minimum_per_class=2)
    assert found.targets == ()
    assert found.warnings == (
        "'category' is not trained: its tickets have a single label, 'a', besides labels with fewer than 2 tickets.",
        "'kind' is not trained: its tickets have a single label, 'incident'.",
    )


def test_a_target_of_rare_labels_is_left_out() -> None:
    """A column of free text has no label with enough tickets."""
    found = trainable_targets(_rows(category=["a", "b", "c"]), minimum_per_class=2)
    assert found.warnings == (
        "'category' is not trained: none of its 3 labels has 2 tickets (the most frequent, 'a', has 1).",
    )


def test_a_wanted_target_that_the_history_lacks_is_said() -> None:
    """Only what is asked for is trained, and what is not there is named."""
    found = trainable_targets(
        _rows(category=["a", "b"], group=["x", "y"]), minimum_per_class=1, wanted=["group", "tier"]
    )
    assert [target.name for target in found.targets] == ["group"]
    assert found.warnings == ("'tier' is not trained: no ticket of the history has a label for it.",)


def test_a_stated_order_is_kept() -> None:
    """Labels of no known scale stand in the order stated for them."""
    rows = _rows(urgency=["now", "never", "soon"])
    found = trainable_targets(rows, minimum_per_class=1, orders={"urgency": ["now", "soon", "later", "never"]})
    assert found.targets[0].labels == ("now", "soon", "never")


def test_an_order_that_cannot_be_told_is_an_error() -> None:
    """Labels of no known scale need a stated order."""
    with pytest.raises(RecipeError, match="State it, most pressing first: --order urgency=never,now"):
        trainable_targets(_rows(urgency=["now", "never"]), minimum_per_class=1)


def test_labels_that_differ_in_capitals_are_pointed_out() -> None:
    """Two spellings of one word are learned as two labels, which is said."""
    found = trainable_targets(_rows(category=["Network", "network"]), minimum_per_class=1)
    assert found.warnings == (
        "The labels 'Network' and 'network' of 'category' differ only in capitals: "
        "they are learned as different labels.",
    )


def test_an_unknown_target_is_refused() -> None:
    """A target that the product does not know is refused."""
    with pytest.raises(RecipeError, match="Unknown target 'mood'"):
        trainable_targets(_rows(category=["a"]), minimum_per_class=1, wanted=["mood"])
