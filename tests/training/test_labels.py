"""Which labels of a history count."""

from __future__ import annotations

import pandas as pd
import pytest

from features.errors import HistoryError, RecipeError
from training.labels import LabelRestriction, restricted, without_defaults


def test_a_default_is_no_label() -> None:
    """The value that nobody chose is taken out in letters of either case, and counted."""
    counting = without_defaults({"priority": ["Medium", "medium", "High", None]}, {"priority": "Medium"})
    assert counting.values["priority"] == [None, None, "High", None]
    assert counting.removed_counts == {"priority": 2}
    assert counting.warnings == ()


def test_a_default_that_never_occurs_is_said() -> None:
    """A default that no ticket has is probably misspelt: the labels are listed."""
    counting = without_defaults({"priority": ["High", "Low"]}, {"priority": "Medum"})
    assert counting.warnings == (
        "No ticket has 'Medum', the default stated for 'priority'. Its labels are: High, Low.",
    )


def test_a_default_of_a_target_without_column_is_an_error() -> None:
    """A default of a target that the file lacks cannot be meant."""
    with pytest.raises(HistoryError, match="No column holds the labels of 'tier'"):
        without_defaults({"priority": []}, {"tier": "1"})


def test_labels_count_only_where_the_restriction_holds() -> None:
    """Labels of other rows are taken out and counted; 0.0 is 0."""
    counting = restricted(
        {"priority": ["1", "2", "3", None]},
        [LabelRestriction("priority", "type", "0")],
        cells=pd.DataFrame({"type": ["0", "0.0", "1", "1"]}, dtype="str"),
    )
    assert counting.values["priority"] == ["1", "2", None, None]
    assert counting.removed_counts == {"priority": 1}


def test_a_restriction_that_never_holds_is_said() -> None:
    """A value that the column does not hold leaves no label: what it holds is listed."""
    counting = restricted(
        {"priority": ["1"]},
        [LabelRestriction("priority", "type", "incident")],
        cells=pd.DataFrame({"type": ["0"]}, dtype="str"),
    )
    assert counting.warnings == (
        "No row has 'incident' in 'type', so no label of 'priority' counts. The column holds: 0.",
    )


def test_a_restriction_is_read_from_an_option() -> None:
    """TARGET:COLUMN=VALUE is taken apart; the column may hold colons and equal signs."""
    assert LabelRestriction.from_option("priority: a:b=c =0") == LabelRestriction("priority", "a:b=c", "0")


@pytest.mark.parametrize("option", ["priority", "priority:type", "priority:=0", ":type=0", "priority:type="])
def test_an_option_that_is_no_restriction_is_refused(option: str) -> None:
    """What lacks a part of TARGET:COLUMN=VALUE is refused with the form expected."""
    with pytest.raises(RecipeError, match=r"is no restriction\. Write TARGET:COLUMN=VALUE"):
        LabelRestriction.from_option(option)


def test_an_unknown_target_is_refused() -> None:
    """A restriction of what is no target is refused with the targets."""
    with pytest.raises(RecipeError, match=r"Unknown target 'prio'\. The targets are: category"):
        LabelRestriction.from_option("prio:type=0")
