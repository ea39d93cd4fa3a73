"""Draws the numbers of the next trial and says when one is hopeless: the door to Optuna.

The study lies in memory; what has to last is in the file of the trials. Optuna is imported by the functions that need
it, since that alone takes a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.search_space import Range
from training.search_trials import Trial, TrialState

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as Drawn

# As many trials must be complete before one is given up: the median of fewer says little.
_LEAST_COMPLETE = 4
# After fewer folds the order of the trials is still mostly chance.
_LEAST_FOLDS = 2
_MOST_DRAWS = 50


@dataclass(frozen=True, slots=True)
class Draw:
    """The numbers of a trial under way, by their paths."""

    drawn: Drawn
    values: Mapping[str, float]


class Draws:
    """Knows what was tried, and draws what seems worth trying next: a tree-structured Parzen estimator.

    Hopeless is by the median: a handful of folds are too few steps for the brackets of Hyperband, and since all trials
    are scored on the same tickets in the same order, they can be compared after the same fold. Optuna's own median
    pruner takes a trial by the best of its folds, and folds differ by more than trials do.
    """

    def __init__(self, ranges: Sequence[Range], *, trials: Sequence[Trial], seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges, self._trials = ranges, list(trials)
        # Going on with the seed alone would draw again what was drawn in the beginning.
        fresh = int(np.random.SeedSequence([seed, len(trials)]).generate_state(1)[0])
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=fresh))
        self._study.add_trials([_as_drawn(each, ranges) for each in trials])

    def draw(self, *, fixed: Mapping[str, float]) -> Draw | None:
        """Return numbers that were not tried yet, of which some are fixed; None where no others are found."""
        from optuna.trial import TrialState as State

        known = [each.values for each in self._trials]
        for _ in range(_MOST_DRAWS):
            self._study.enqueue_trial(dict(fixed))
            drawn = self._study.ask(_distributions(self._ranges))
            values = {each.path: each.rounded(drawn.params[each.path]) for each in self._ranges}
            if values not in known:
                return Draw(drawn, values)
            self._study.tell(drawn, state=State.FAIL)
        return None

    def is_hopeless(self, draw: Draw, losses: Sequence[float]) -> bool:
        """Tell whether a trial with these losses after its folds so far is worse than the median of the complete."""
        fold = len(losses)
        draw.drawn.report(losses[-1], fold)
        others = [each.fold_losses[fold - 1] for each in self._trials if each.state is TrialState.COMPLETE]
        is_known = fold >= _LEAST_FOLDS and len(others) >= _LEAST_COMPLETE
        return is_known and losses[-1] > float(np.median(others))

    def learn(self, draw: Draw, trial: Trial) -> None:
        """Take in how a trial ended."""
        from optuna.trial import TrialState as State

        self._trials.append(trial)
        if trial.state is TrialState.COMPLETE:
            self._study.tell(draw.drawn, trial.loss)
        else:
            self._study.tell(draw.drawn, state=State.PRUNED)


def _as_drawn(trial: Trial, ranges: Sequence[Range]) -> FrozenTrial:
    from optuna.trial import TrialState as State
    from optuna.trial import create_trial

    return create_trial(
        state=State.COMPLETE if trial.state is TrialState.COMPLETE else State.PRUNED,
        value=trial.loss if trial.state is TrialState.COMPLETE else None,
        params=dict(trial.values),
        distributions=_distributions(ranges),
        intermediate_values=dict(enumerate(trial.fold_losses, start=1)),
    )


def _distributions(ranges: Sequence[Range]) -> dict[str, BaseDistribution]:
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        each.path: IntDistribution(int(each.low), int(each.high), log=True)
        if each.is_whole
        else FloatDistribution(each.low, each.high, log=True)
        for each in ranges
    }
