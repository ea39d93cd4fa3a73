"""The main study: every method on every set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from head_to_head.cells import CellStore
from head_to_head.contests import Contest, Work
from head_to_head.figures import draw_standings
from head_to_head.standings import Standings, standings_of, standings_to_json
from head_to_head.tables import markdown


@dataclass(frozen=True)
class Comparison:
    """Contests, several where a set is folded in several ways: the first of them is the set's own."""

    contests: Sequence[Contest]
    store: CellStore

    @property
    def works(self) -> list[Work]:
        """The cells that it needs."""
        return [work for contest in self.contests for works in contest.works.values() for work in works]

    @cached_property
    def standings(self) -> list[Standings]:
        """What each contest comes to."""
        return [standings_of(contest, self.store) for contest in self.contests]

    def markdown(self) -> str:
        """Return a set's tables after the other's."""
        return "\n".join(markdown(standings) for standings in self.standings)

    def to_json(self) -> dict[str, Any]:
        """Return figures by set and method; another way of folding stands in its method under its own name."""
        report: dict[str, dict[str, Any]] = {}
        for standings in self.standings:
            contest = standings.contest
            methods = report.setdefault(contest.set_name, {})
            for method, figures in standings_to_json(standings).items():
                methods.setdefault(method, {}).update({contest.part: figures} if contest.part else figures)
        return report

    def draw(self, folder: Path) -> None:
        """Draw every contest."""
        for standings in self.standings:
            draw_standings(standings, folder)
