"""Progress bars: on standard error, and nowhere when nobody waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from training.progress import Progress


def test_every_item_comes_by_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Shown or not, a bar hands on what it counts."""
    for is_shown in (True, False):
        assert list(Progress(is_shown=is_shown).over("abc", doing="reading")) == ["a", "b", "c"]
    capsys.readouterr()


def test_a_bar_is_drawn_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A bar says what is being done and how far it is; standard output stays free for the result."""
    list(Progress().over(iter([1, 2, 3]), doing="reading tickets", total=3))
    Progress().say("Two rows were left out.")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "reading tickets: 100%" in shown.err
    assert "3/3" in shown.err
    assert "Two rows were left out.\n" in shown.err


def test_nothing_is_drawn_when_nobody_waits(capsys: pytest.CaptureFixture[str]) -> None:
    """A hidden bar writes nothing at all."""
    silent = Progress(is_shown=False)
    list(silent.over([1], doing="reading"))
    silent.say("never seen")
    assert capsys.readouterr() == ("", "")


def test_a_given_time_is_shown_as_it_goes_by(capsys: pytest.CaptureFixture[str]) -> None:
    """A bar of seconds shows how many are used and what is being done; hidden, it shows nothing."""
    for is_shown in (True, False):
        with Progress(is_shown=is_shown).of_seconds(90.0, doing="searching") as show:
            show(45.0, "trial 3, fold 2 of 5")
            show(1000.0, "trial 4, fold 1 of 5")
        shown = capsys.readouterr()
        assert shown.out == ""
        assert ("searching:  50%" in shown.err) is is_shown
        assert ("45/90 s, trial 3, fold 2 of 5" in shown.err) is is_shown
        assert ("90/90 s, trial 4, fold 1 of 5" in shown.err) is is_shown


def test_what_is_counted_is_taken_one_at_a_time() -> None:
    """A bar does not read ahead, so that a history may be larger than memory."""
    taken: list[int] = []

    def counted() -> Iterator[int]:
        for number in range(3):
            taken.append(number)
            yield number

    items = Progress(is_shown=False).over(counted(), doing="reading")
    assert taken == []
    next(items)
    assert taken == [0]
