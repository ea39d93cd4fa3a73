"""How good each method is after 200, 1,000 and 5,000 tickets of history: on the given split, or on the first fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from head_to_head.cells import CellStore
from head_to_head.contests import Contest, Settings, Work, label_contest
from head_to_head.figures import draw_curve
from head_to_head.standings import Standings, standings_of, standings_to_json
from head_to_head.tables import short, table, with_interval
from head_to_head.ticket_sets import TICKET_SETS

SIZES = (200, 1_000, 5_000)


@dataclass(frozen=True)
class LearningCurve:
    """Contests of each set, from little history to the whole of it."""

    contests: Mapping[str, Sequence[Contest]]
    store: CellStore

    @property
    def works(self) -> list[Work]:
        """The cells that it needs."""
        every = (contest for contests in self.contests.values() for contest in contests)
        return [work for contest in every for works in contest.works.values() for work in works]

    @cached_property
    def standings(self) -> dict[str, list[Standings]]:
        """What each contest comes to, by set."""
        return {
            name: [standings_of(contest, self.store) for contest in contests]
            for name, contests in self.contests.items()
        }

    def markdown(self) -> str:
        """Return a table a set."""
        return "\n".join(_markdown(name, curve) for name, curve in self.standings.items())

    def to_json(self) -> dict[str, Any]:
        """Return figures by set, size of the history and method."""
        return {
            name: {standings.contest.part: standings_to_json(standings) for standings in curve}
            for name, curve in self.standings.items()
        }

    def draw(self, folder: Path) -> None:
        """Draw a curve a set."""
        for name, curve in self.standings.items():
            draw_curve(name, curve, folder)


def learning_curve(set_names: Sequence[str], settings: Settings, store: CellStore) -> LearningCurve:
    """Return the study of the sets of tickets among these."""
    names = [name for name in set_names if name in TICKET_SETS]
    return LearningCurve({name: _contests(name, settings) for name in names}, store)


def _contests(set_name: str, settings: Settings) -> list[Contest]:
    """Return a contest for every size of history that the fold has more of, and one for the whole of it."""
    tickets = TICKET_SETS[set_name](settings.datasets, limit=settings.limit)
    whole = tickets.folds[0]
    folds = {size: whole.first(size, seed=settings.seed) for size in SIZES if size < len(whole.train)}
    return [
        label_contest(tickets, [fold], settings, part=f"{size:,} tickets of history")
        for size, fold in {**folds, len(whole.train): whole}.items()
    ]


def _markdown(set_name: str, curve: Sequence[Standings]) -> str:
    """Return a row a method and a column a size, and from which history on ours leads."""
    methods = list(dict.fromkeys(name for standings in curve for name in standings.contest.works))
    header = ["method", *(standings.contest.part for standings in curve)]
    rows = [[name, *(_cell(standings, name) for standings in curve)] for name in methods]
    differences = [f"- {each.contest.part}: {_difference(each)}" for each in curve if each.ours and each.rivals]
    said = [_lead(curve), "", *differences, ""] if differences else []
    title = f"## {set_name}: accuracy (and macro-F1) by size of the history"
    return "\n".join([title, "", *table(header, rows), "", *said])


def _cell(standings: Standings, name: str) -> str:
    if name not in standings.methods:
        return "not measured"
    measured = standings.methods[name].measured
    return f"{with_interval(measured['accuracy'])} ({short(measured['macro_f1'].value)})"


def _lead(curve: Sequence[Standings]) -> str:
    """Return from which size of history on ours is ahead of every rival in accuracy."""
    told = [standings for standings in curve if standings.ours and standings.rivals]
    behind = [place for place, standings in enumerate(told) if not _leads(standings)]
    first = behind[-1] + 1 if behind else 0
    if first == len(told):
        return "With the whole of the history ours is not ahead of every rival in accuracy:"
    return f"From {told[first].contest.part} on ours is ahead of every rival in accuracy:"


def _leads(standings: Standings) -> bool:
    ours, best = standings.ours, standings.best_rival("accuracy")
    assert ours is not None
    return best is None or ours.measured["accuracy"].value > best.measured["accuracy"].value


def _difference(standings: Standings) -> str:
    ours, best = standings.ours, standings.best_rival("accuracy")
    assert ours is not None
    assert best is not None
    difference = ours.measured["accuracy"].above(best.measured["accuracy"])
    return f"{with_interval(difference, signed=True)} in accuracy over {best.method}"
