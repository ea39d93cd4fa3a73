"""What a field alone says of a label, each ticket told from the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.single_features import codes_of, telling, told_share

_PAIRS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), min_size=1, max_size=40)


def _told_one_by_one(pairs: Sequence[tuple[str, str]]) -> float:
    told = 0
    for place, (value, label) in enumerate(pairs):
        others = Counter(other for at, (own, other) in enumerate(pairs) if at != place and own == value)
        own = others.pop(label, 0)
        told += own > max(others.values(), default=0)
    return told / len(pairs)


@given(_PAIRS)
def test_each_ticket_is_told_from_all_others(pairs: list[tuple[str, str]]) -> None:
    """The share is that of leaving out every ticket in turn."""
    values, labels = (codes_of(column) for column in zip(*pairs, strict=True))
    assert told_share(values, labels) == pytest.approx(_told_one_by_one(pairs))


@given(_PAIRS)
def test_other_names_for_the_values_change_nothing(pairs: list[tuple[str, str]]) -> None:
    """Which words or numbers a field is written in does not matter."""
    values, labels = zip(*pairs, strict=True)
    renamed = [{"a": 4.0, "b": "z", "c": "", "d": True}[value] for value in values]
    assert telling(values, labels) == telling(renamed, labels)


def test_a_value_of_its_own_for_each_ticket_tells_nothing() -> None:
    """A serial number has seen no other ticket: by itself it would know every label."""
    labels = ["x", "y"] * 20
    assert telling(range(40), labels).told == 0.0
    assert telling(labels, labels).told == 1.0


def test_a_field_that_is_always_the_same_tells_the_majority() -> None:
    """One value for all tells no more than the most frequent label."""
    found = telling(["same"] * 10, ["x"] * 7 + ["y"] * 3)
    assert (found.told, found.majority, found.tickets) == (0.7, 0.7, 10)
