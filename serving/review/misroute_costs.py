"""What a ticket costs that was routed to the wrong group: the minutes until the right one had it. Pure.

The helpdesk tells them, or how often the ticket was moved, as final values. Of a ticket of which nothing is told the
usual minutes stand: the mean of those that are told of misrouted tickets, or else DEFAULT_MINUTES.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from serving.storage.outcomes import Feedback

# What stands for a misroute as long as no helpdesk has told how long one takes.
DEFAULT_MINUTES = 60.0


@dataclass(frozen=True, slots=True)
class MisrouteCosts:
    """Minutes and moves by ticket, as far as they were told; `usual_minutes` is what one misroute costs else."""

    minutes: Mapping[str, float] = field(default_factory=dict)
    moves: Mapping[str, float] = field(default_factory=dict)
    usual_minutes: float = DEFAULT_MINUTES
    is_told: bool = False

    def of(self, ticket_id: str) -> float:
        """Return the minutes that a misrouted ticket cost."""
        if ticket_id in self.minutes:
            return self.minutes[ticket_id]
        return max(self.moves.get(ticket_id, 1.0), 1.0) * self.usual_minutes

    def of_all(self, ticket_ids: Iterable[str], *, besides: int = 0) -> float:
        """Return the minutes of tickets, and of so many more of which no id is known."""
        return sum(map(self.of, ticket_ids)) + besides * self.usual_minutes


def misroute_costs(told: Sequence[Feedback], *, misrouted: Collection[str]) -> MisrouteCosts:
    """Return the costs from what helpdesks told of tickets, the latest of each; `misrouted` names those that moved."""
    minutes = _figures(told, "minutes_to_right_group")
    known = [minutes[ticket_id] for ticket_id in misrouted if ticket_id in minutes]
    usual = fmean(known) if known else DEFAULT_MINUTES
    return MisrouteCosts(minutes, _figures(told, "reassignments"), usual, is_told=bool(known))


def _figures(told: Sequence[Feedback], name: str) -> Mapping[str, float]:
    return {one.ticket_id: float(value) for one in told if isinstance(value := one.values.get(name), int | float)}
