"""Drawing numbers and giving up: what Optuna is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from training.search_draws import Draws
from training.search_space import Range
from training.search_trials import Trial, TrialState

RANGES = (Range("a.penalty", "a", 0.1, 10.0), Range("b.rounds", "b", 1, 3, is_whole=True))
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def _trial(number: int, losses: Sequence[float], **values: float) -> Trial:
    numbers = {"a.penalty": values.get("a", 1.0 + number), "b.rounds": values.get("b", 1)}
    return Trial(number, "a", numbers, tuple(losses), TrialState.COMPLETE, NOW, 1.0)


@pytest.mark.parametrize(("loss", "is_hopeless"), [(0.9, True), (0.51, True), (0.49, False), (0.2, False)])
def test_what_is_worse_than_the_median_is_hopeless(loss: float, is_hopeless: bool) -> None:
    """After two folds a trial goes on where it is better than half of the complete trials were by then."""
    trials = [_trial(number, (0.2, second, 0.4)) for number, second in enumerate((0.4, 0.49, 0.51, 0.7))]
    draws = Draws(RANGES, trials=trials, seed=0)
    draw = draws.draw(fixed={})
    assert draw is not None
    assert not draws.is_hopeless(draw, [0.9])
    assert draws.is_hopeless(draw, [0.9, loss]) is is_hopeless


def test_a_lucky_fold_saves_no_trial() -> None:
    """What counts is the loss after the same fold: however good a trial was after one, it is given up after two."""
    draws = Draws(RANGES, trials=[_trial(number, (0.4, 0.5, 0.4)) for number in range(5)], seed=0)
    draw = draws.draw(fixed={})
    assert draw is not None
    assert not draws.is_hopeless(draw, [0.1])
    assert draws.is_hopeless(draw, [0.1, 0.6])


def test_nothing_is_given_up_before_there_is_something_to_compare_with() -> None:
    """With fewer than four complete trials every trial is brought to its end."""
    draws = Draws(RANGES, trials=[_trial(number, (0.1, 0.1, 0.1)) for number in range(3)], seed=0)
    draw = draws.draw(fixed={})
    assert draw is not None
    assert not draws.is_hopeless(draw, [9.0, 9.0])


def test_fixed_numbers_stay_and_others_are_drawn_within_their_range() -> None:
    """What is fixed comes back as it was; the rest is new and lies within its range."""
    draws = Draws(RANGES, trials=[], seed=0)
    drawn = set()
    for number in range(20):
        draw = draws.draw(fixed={"b.rounds": 2})
        assert draw is not None
        assert draw.values["b.rounds"] == 2
        assert 0.1 <= draw.values["a.penalty"] <= 10.0
        drawn.add(draw.values["a.penalty"])
        draws.learn(draw, _trial(number, (0.5, 0.5), a=draw.values["a.penalty"], b=2))
    assert len(drawn) == 20


def test_nothing_is_drawn_twice() -> None:
    """Once all numbers of a range were tried there is nothing left to draw, in this search and the next."""
    tried: list[Trial] = []
    for _ in range(2):
        draws = Draws(RANGES, trials=tried, seed=0)
        while (draw := draws.draw(fixed={"a.penalty": 1.0})) is not None:
            tried.append(_trial(len(tried), (0.5, 0.4), a=1.0, b=draw.values["b.rounds"]))
            draws.learn(draw, tried[-1])
    assert sorted(trial.values["b.rounds"] for trial in tried) == [1, 2, 3]


def test_going_on_draws_other_numbers_than_in_the_beginning() -> None:
    """A search that knows a trial does not begin again with what its seed drew first."""
    first = Draws(RANGES, trials=[], seed=0).draw(fixed={})
    again = Draws(RANGES, trials=[], seed=0).draw(fixed={})
    later = Draws(RANGES, trials=[_trial(0, (0.5, 0.5))], seed=0).draw(fixed={})
    assert first is not None
    assert again is not None
    assert later is not None
    assert first.values == again.values
    assert first.values != later.values
