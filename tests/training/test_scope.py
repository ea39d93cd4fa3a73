"""Mail that asks for no help is not learned from, and is counted."""

from __future__ import annotations

import numpy as np

from features.history import HistoryRow
from training.scope import in_scope
from training.splits import Split, SplitKind

_PERSON = HistoryRow("1", subject="VPN", body="The tunnel drops every minute.")
_REPLY = HistoryRow("2", subject="Re: HD-1", body="Away.", attributes={"Auto-Submitted": "auto-replied"})
_DAEMON = HistoryRow("3", subject="Returned", body="550", requester="mailer-daemon@mx.example")


def _split(*, train: list[int], evidence: list[int], test: list[int]) -> Split:
    parts = (np.array(part, np.int64) for part in (train, evidence, test, []))
    return Split(*parts, SplitKind.GIVEN, ("Dates are missing.",))


def test_the_training_part_holds_tickets_alone() -> None:
    """Machines' mail is left out of the training part only, and a warning counts it by kind."""
    rows = [_PERSON, _REPLY, _PERSON, _REPLY, _DAEMON, _PERSON, _REPLY]
    found = in_scope(_split(train=[0, 1, 2, 3, 4], evidence=[5], test=[6]), rows)
    assert found.train.tolist() == [0, 2]
    assert (found.evidence.tolist(), found.test.tolist(), found.dropped.tolist()) == ([5], [6], [])
    first, warning = found.warnings
    assert first == "Dates are missing."
    assert "left out of the training part: 3 (automatic reply 2, delivery failure 1)" in warning
    assert "leave_out_of_scope = false" in warning


def test_a_history_of_tickets_stays_as_it_is() -> None:
    """Nothing is said where nothing is left out."""
    split = _split(train=[0, 1], evidence=[2], test=[3])
    assert in_scope(split, [_PERSON] * 4) is split


def test_a_history_of_nothing_else_is_learned_from() -> None:
    """Where every training ticket is such mail, it is what the site works on."""
    split = _split(train=[0, 1], evidence=[2], test=[3])
    assert in_scope(split, [_REPLY] * 4) is split
