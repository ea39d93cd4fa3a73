"""The tree of errors: as drawn, and each carrying what its catcher needs."""

from __future__ import annotations

import re

import pytest

from features import errors
from features.errors import HistoryError, IdempotencyError, InvalidRowsError, RowProblem, TriageError

_DRAWN = re.compile(r"^ +(?P<branch>[│ ]*[├└]── )?(?P<name>\w+Error)\b", re.MULTILINE)
_BRANCH_WIDTH = 4


def _drawn_parents() -> dict[str, str]:
    """Return the parent of each error as the module's docstring draws it; the root has none."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in _DRAWN.finditer(errors.__doc__ or ""):
        depth = len(line["branch"] or "") // _BRANCH_WIDTH
        parents[line["name"]] = above[depth - 1] if depth else ""
        above[depth:] = [line["name"]]
    return parents


def _defined() -> dict[str, type[Exception]]:
    return {
        name: member
        for name, member in vars(errors).items()
        if isinstance(member, type) and issubclass(member, Exception) and member.__module__ == errors.__name__
    }


def test_the_tree_is_as_drawn() -> None:
    """Every error is drawn in the docstring, under the class that it inherits from."""
    defined = {name: error.__base__.__name__ for name, error in _defined().items() if error.__base__ is not None}
    drawn = _drawn_parents()
    assert drawn.pop("TriageError") == ""
    assert defined.pop("TriageError") == "Exception"
    assert drawn == defined


@pytest.mark.parametrize("error", _defined().values(), ids=lambda error: error.__name__)
def test_every_error_is_caught_as_one_of_ours(error: type[Exception]) -> None:
    """One except clause catches all that this product raises on purpose."""
    assert issubclass(error, TriageError)


def test_invalid_rows_carry_their_report() -> None:
    """Whoever catches rows that break the checks can show every one of them."""
    report = (RowProblem(line=3, column="created_at", value="soon", reason="is no date"),)
    with pytest.raises(HistoryError, match="1 row") as failure:
        raise InvalidRowsError("1 row breaks the checks.", report=report)
    assert isinstance(failure.value, InvalidRowsError)
    assert failure.value.report == report


def test_a_key_in_flight_is_told_from_a_key_reused() -> None:
    """The same error says whether to wait or to take another key."""
    assert IdempotencyError("Wait.", in_flight=True).in_flight
    assert not IdempotencyError("Take another.", in_flight=False).in_flight
