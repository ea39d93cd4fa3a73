"""What the cells of a contest come to: figures of each method over all of its folds, and what is missing.

A method is shown when every one of its cells is there, made from the code, the data and the settings of this moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from head_to_head.cells import CellStore
from head_to_head.contests import OURS, Contest
from head_to_head.measures import LOWER_IS_BETTER, Measured, measure
from head_to_head.outcomes import LabelOutcome, Outcome, pooled
from head_to_head.tasks import Costs

_SPREAD_OVER_FOLDS = ("training_seconds", "milliseconds", "size_bytes", "fitted_count")


@dataclass(frozen=True, slots=True)
class Standing:
    """A method's outcome over all folds, its figures, and the mean of its costs over the folds."""

    method: str
    outcome: Outcome
    measured: Mapping[str, Measured]
    costs: Costs


@dataclass(frozen=True, slots=True)
class Standings:
    """Every method of a contest that is complete, and how many cells each of the others lacks."""

    contest: Contest
    methods: Mapping[str, Standing]
    missing: Mapping[str, int]

    @property
    def ours(self) -> Standing | None:
        """Our own standing."""
        return self.methods.get(OURS)

    @property
    def rivals(self) -> list[Standing]:
        """The standings of the rivals."""
        return [standing for name, standing in self.methods.items() if name != OURS]

    def best_rival(self, figure: str) -> Standing | None:
        """Return the rival with the best value of a figure."""
        sign = -1 if figure in LOWER_IS_BETTER else 1
        return max(self.rivals, key=lambda each: sign * each.measured[figure].value, default=None)

    def without_near_duplicates(self) -> Standings | None:
        """Return the standings over the tickets that resemble none of those learned from, where a set asks for it."""
        first = next(iter(self.methods.values()), None)
        if self.contest.near_duplicates is None or first is None or not isinstance(first.outcome, LabelOutcome):
            return None
        kept = ~self.contest.near_duplicates(first.outcome.tickets)
        contest = replace(self.contest, part="without near duplicates", near_duplicates=None)
        methods = {
            name: replace(each, outcome=part, measured=measure(part, is_ordinal=contest.is_ordinal))
            for name, each in self.methods.items()
            if isinstance(each.outcome, LabelOutcome) and (part := each.outcome.at(kept))
        }
        return Standings(contest, methods, {})


def standings_of(contest: Contest, store: CellStore) -> Standings:
    """Return what the cells that are there come to."""
    methods, missing = {}, {}
    for method, works in contest.works.items():
        cells = [cell for work in works if (cell := store.find(work.key)) is not None]
        if len(cells) < len(works):
            missing[method] = len(works) - len(cells)
            continue
        outcome = pooled([cell.outcome for cell in cells if cell.outcome is not None])
        figures = measure(outcome, is_ordinal=contest.is_ordinal)
        methods[method] = Standing(method, outcome, figures, _mean_costs([cell.costs for cell in cells]))
    return Standings(contest, methods, missing)


def _mean_costs(costs: Sequence[Costs]) -> Costs:
    means: dict[str, Any] = {
        name: float(np.mean([getattr(each, name) for each in costs])) for name in _SPREAD_OVER_FOLDS
    }
    return Costs(**{**means, "fitted_count": round(means["fitted_count"])}, note=costs[0].note)


def standings_to_json(standings: Standings) -> dict[str, Any]:
    """Return every method's figures, with intervals and costs, as plain values."""
    beyond = standings.without_near_duplicates()
    return {
        name: {
            **{figure: measured.value for figure, measured in each.measured.items()},
            "intervals": {figure: list(measured.interval) for figure, measured in each.measured.items()},
            **{cost: getattr(each.costs, cost) for cost in _SPREAD_OVER_FOLDS},
            **({"without_near_duplicates": standings_to_json(beyond)[name]} if beyond else {}),
        }
        for name, each in standings.methods.items()
    }
