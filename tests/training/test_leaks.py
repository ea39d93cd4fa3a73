"""What gives the answer away is refused, what is only predictive is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import HistoryError
from features.history import HistoryRow
from training.leaks import Leak, find_leaks, refuse_leaks

LABELS = ("network", "printer", "account")
COUNT = 300


def _rows(values: Callable[[int, str], dict[str, Any]]) -> list[HistoryRow]:
    """Return tickets of three categories with the fields that `values` gives for a number and its label."""
    return [
        HistoryRow(id=f"{number}", category=label, **values(number, label))
        for number in range(COUNT)
        for label in [LABELS[number % 3]]
    ]


def _attribute(value: Callable[[int, str], Any]) -> list[HistoryRow]:
    """Return tickets with an attribute `x`, absent where its value is None."""
    return _rows(
        lambda number, label: {"attributes": {} if value(number, label) is None else {"x": value(number, label)}}
    )


def _leaks(
    rows: Sequence[HistoryRow], *, columns: dict[str, str] | None = None, texts: Sequence[str] | None = None
) -> tuple[Leak, ...]:
    return find_leaks(rows, texts=texts or [""] * len(rows), columns=columns or {}, targets=["category"])


def _verdicts(rows: Sequence[HistoryRow], column: str = "form") -> list[bool]:
    """Return for each leak whether it is clear."""
    return [leak.is_clear for leak in _leaks(rows, columns={"attributes.x": column})]


# --- refused ----------------------------------------------------------------------------------------------------------


def test_a_column_named_after_an_outcome_is_a_leak() -> None:
    """A column of the end of tickets is refused though no figure speaks against it, by whatever name it is mapped."""
    rows = _attribute(lambda number, _: number % 7)
    assert _verdicts(rows, "close_code") == [True]
    assert [leak.name for leak in _leaks(_rows(lambda *_: {"attributes": {"reopen_count": 0.0}}))] == [
        "attributes.reopen_count"
    ]
    as_body = _leaks(_rows(lambda *_: {"body": "done"}), columns={"body": "Resolution notes", "subject": "Title"})
    assert [leak.name for leak in as_body] == ["Resolution notes"]


def test_the_state_of_a_closed_ticket_is_a_leak() -> None:
    """A state is let through only where no ticket of the history is done with."""
    assert _verdicts(_attribute(lambda number, _: ("New", "Closed")[number % 2]), "State") == [True]
    assert _verdicts(_attribute(lambda number, _: ("New", "Open")[number % 2]), "State") == []


def test_the_column_of_the_label_is_no_feature() -> None:
    """One column cannot be both, however noisy."""
    rows = _rows(lambda number, label: {"product": label if number % 2 else "other"})
    leaks = _leaks(rows, columns={"product": "Topic", "category": "Topic"})
    assert [(leak.name, leak.is_clear) for leak in leaks] == [("Topic", True)]
    assert "both the label of 'category' and a feature" in leaks[0].reason


@given(st.permutations(["A-1", "B-7", "코드3"]), st.sampled_from([0, 101]))
@settings(max_examples=12, deadline=None)
def test_a_code_for_each_label_is_a_leak(codes: list[str], every: int) -> None:
    """One value a label is the label in other words, whatever the words, and if one in a hundred is wrong."""
    rows = _attribute(lambda number, label: codes[0] if every and not number % every else codes[LABELS.index(label)])
    assert _verdicts(rows) == [True]


def test_a_column_named_after_the_target_that_tells_it_is_a_leak() -> None:
    """A subcategory is chosen together with the category; with a name of its own the same column is only named."""
    rows = _attribute(lambda number, label: f"{label} {number % 12 // 3}")
    assert _verdicts(rows, "sub_category") == [True]
    assert _verdicts(rows, "form") == [False]


def test_numbers_are_told_by_their_ranges() -> None:
    """Of numbers that are all different the range is what tells, as with minutes until a ticket was closed."""
    rows = _attribute(lambda number, label: 1000.0 * LABELS.index(label) + number)
    (leak,) = _leaks(rows, columns={"attributes.x": "minutes"})
    assert not leak.is_clear
    assert "alone tells 'category' in " in leak.reason


def test_a_label_in_the_text_is_a_leak() -> None:
    """What a helpdesk's template appends is read before it is learned."""
    rows = _rows(lambda *_: {"body": "x"})
    (leak,) = _leaks(rows, texts=[f"it broke\nAssigned to: {row.category}" for row in rows])
    assert (leak.name, leak.is_clear) == ("assigned to", True)
    assert leak.reason == (
        "Of 300 tickets with 'assigned to: ...' in their text 300 have there what their 'category' is."
    )


# --- not refused ------------------------------------------------------------------------------------------------------


def test_a_product_may_settle_the_label() -> None:
    """Several products a category, each of one category alone, are known at intake: that is what features are for."""
    rows = _rows(lambda number, label: {"product": f"{label} {number % 12 // 3}", "channel": label[0]})
    assert _leaks(rows) == ()


def test_a_form_that_settles_the_label_is_named_and_used() -> None:
    """A column of the customer's own may be a form's or filled in later: it is said, not refused."""
    rows = _attribute(lambda number, label: f"{label} {number % 12 // 3}")
    (sentence,) = refuse_leaks(
        rows, texts=[""] * COUNT, columns={"attributes.x": "form"}, targets=["category"], allowed=[]
    )
    assert sentence.startswith("The column 'form' alone tells 'category' in 100.0% of 300 tickets")
    assert "(the most frequent label: 33.3%)" in sentence
    assert "--allow-leak form" in sentence


def test_a_column_of_one_label_is_named() -> None:
    """The printer's model is asked for where a printer is broken, or noted there: no figure tells which."""
    rows = _attribute(lambda number, label: f"LX-{number % 40}" if label == "printer" else None)
    (leak,) = _leaks(rows, columns={"attributes.x": "model"})
    assert (leak.name, leak.is_clear) == ("model", False)
    assert "is filled in 100 tickets, of which 100.0% have the label 'printer'" in leak.reason


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
@settings(max_examples=25, deadline=None)
def test_a_field_that_has_nothing_to_do_with_the_label_is_let_through(seed: int, count: int) -> None:
    """Chance is no leak, be the values few or many."""
    rows = _attribute(lambda number, _: f"v{(number * 2654435761 + seed) // 7 % count}")
    assert _verdicts(rows) == []


@pytest.mark.parametrize(
    "value",
    [
        lambda number, label: label if number % 10 else "other",
        lambda number, label: label if number < 40 else None,
        lambda number, _: f"serial {number}",
        lambda *_: "always",
        lambda *_: None,
    ],
    ids=["often right", "few tickets", "a value a ticket", "one value", "never filled"],
)
def test_a_useful_field_is_let_through(value: Callable[[int, str], Any]) -> None:
    """A topic that people correct, a rare field, a number a ticket and a constant are neither refused nor named."""
    assert _verdicts(_attribute(value)) == []


def test_a_lopsided_target_is_not_told_by_its_most_frequent_label() -> None:
    """Where 99 of 100 tickets are of one label, a field that always names it tells nothing."""
    rows = [
        HistoryRow(id=f"{number}", priority="low" if number % 100 else "high", attributes={"x": number % 4})
        for number in range(4000)
    ]
    assert find_leaks(rows, texts=[""] * 4000, columns={}, targets=["priority"]) == ()


# --- what is said, and allowed ----------------------------------------------------------------------------------------


def _refused(rows: Sequence[HistoryRow], *, allowed: Sequence[str] = (), column: str = "Close code") -> tuple[str, ...]:
    return refuse_leaks(
        rows, texts=[""] * len(rows), columns={"attributes.x": column}, targets=["category"], allowed=allowed
    )


def test_a_refusal_says_what_to_do() -> None:
    """The message names the column, the reason and the two ways on."""
    with pytest.raises(HistoryError) as failure:
        _refused(_attribute(lambda number, _: number % 7))
    assert str(failure.value) == (
        "The history tells the model what nobody knows when a ticket arrives. "
        "By its name, the column 'Close code' is filled in after a ticket has arrived. "
        "Leave it out of the mapping, or strip it from the text; "
        'if it is known at intake after all, say so with --allow-leak "Close code"'
    )


@pytest.mark.parametrize("name", ["Close code", "close CODE"])
def test_what_is_allowed_is_neither_refused_nor_named(name: str) -> None:
    """A column that the data scientist vouches for is used without a word, in letters of either case."""
    assert _refused(_attribute(lambda _, label: label[0]), allowed=[name]) == ()


def test_an_attribute_is_allowed_by_its_own_name() -> None:
    """An attribute without a column of its own goes by its name, with or without the prefix."""
    rows = _rows(lambda *_: {"attributes": {"csat": 1.0}})
    for name in ("csat", "attributes.csat"):
        assert refuse_leaks(rows, texts=[""] * COUNT, columns={}, targets=["category"], allowed=[name]) == ()


def test_a_feature_is_named_once_for_the_worst_of_its_reasons() -> None:
    """A column that is suspicious for one target and clear for another is refused, in one sentence."""
    rows = [
        HistoryRow(
            id=f"{number}", category=LABELS[number % 3], group="abcdef"[number % 6], attributes={"x": number % 6}
        )
        for number in range(COUNT)
    ]
    leaks = find_leaks(rows, texts=[""] * COUNT, columns={}, targets=["category", "group"])
    assert [(leak.name, leak.is_clear) for leak in leaks] == [("attributes.x", True)]
    assert "'group'" in leaks[0].reason
