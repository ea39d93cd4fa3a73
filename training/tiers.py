"""Tells the tier of a past ticket where no column states it: the lowest that could have solved it.

That is not the tier that held it last, which may only have closed it, or got it although a lower one solves its like
every day. What can be told depends on the history:

- A log of events and a map from groups to tiers. The tier that solved the ticket bounds the label from above. A lower
  tier that held the ticket and handed it on could not solve it: that it usually can is no reason to say it could here,
  and would make the label a function of the kind of ticket, with nothing left for a text to tell. A lower tier that
  never held the ticket has shown nothing, so its record speaks: it could have solved the ticket if it solved nearly
  all tickets of the same kind that it did hold.
- A map and one group a ticket: the tier of that group. Who held the ticket in vain is not told, so nobody has a record.
- Reassignments, and no map: the number of groups it took, with all above `most_steps` in one. A log tells who held the
  ticket, so that going to and fro does not count: what the first group solved in the end is 1, however often it was
  handed over. A count of reassignments tells no more than that many hands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from features.errors import HistoryError, RecipeError
from features.taxonomy import target_from_labels
from training.cells import label_of
from training.recipe import TierRecipe

_GROUPS_SHOWN = 5
_ATTRIBUTES = "attributes."


@dataclass(frozen=True, slots=True)
class Trail:
    """Who held a ticket until it was solved: each group once, by when it first did, and the one that solved it."""

    groups: tuple[str, ...]
    solver: str | None


@dataclass(frozen=True, slots=True)
class ToldTiers:
    """Columns of values with the tiers that could be told, and sentences to say."""

    values: Mapping[str, list[Any]]
    warnings: tuple[str, ...] = ()


def with_tiers(
    values: Mapping[str, list[Any]],
    *,
    trails: Sequence[Trail] | None,
    rules: TierRecipe,
    stated_order: Sequence[str] | None = None,
) -> ToldTiers:
    """Return the columns with a tier for each ticket of which one can be told; a column of tiers stays as it is.

    `trails` has an entry a ticket where the history is a log of events. Raises HistoryError where the rules ask for
    what the history does not have, RecipeError where the tiers' order cannot be told.
    """
    if not rules.groups and not rules.by_reassignments:
        return ToldTiers(values, _offer(values, trails))
    if "tier" in values:
        return ToldTiers(values, ("A column states the tier: it is not told from groups or reassignments.",))
    if rules.groups:
        return _told_by_groups(values, trails=trails, rules=rules, stated_order=stated_order)
    return ToldTiers({**values, "tier": _steps(values, trails=trails, most=rules.most_steps)})


def tiers_of_groups(groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the tier of every group, by its name in small letters; raise RecipeError for a group of two tiers."""
    tier_of_group: dict[str, str] = {}
    for tier, names in groups.items():
        for name in names:
            if tier_of_group.setdefault(_folded(name), tier) != tier:
                raise RecipeError(
                    f"The group '{name}' is of tier {tier_of_group[_folded(name)]} and of tier {tier}. "
                    "Name each group under one tier."
                )
    return tier_of_group


def lowest_tiers(
    trails: Sequence[Trail],
    *,
    tier_of_group: Mapping[str, str],
    order: Sequence[str],
    kinds: Sequence[str | None],
    rules: TierRecipe,
) -> list[str | None]:
    """Return the lowest tier of `order` that could have solved each ticket, None where nobody with a tier solved it.

    `kinds` tells which tickets are of one kind; a ticket without a kind is like no other.
    """
    ranks = {group: order.index(tier) for group, tier in tier_of_group.items()}
    solved = [None if trail.solver is None else ranks.get(_folded(trail.solver)) for trail in trails]
    held = [{ranks.get(_folded(group)) for group in trail.groups} - {None} for trail in trails]
    holds: Counter[tuple[str | None, int | None]] = Counter()
    solutions: Counter[tuple[str | None, int | None]] = Counter()
    for kind, holders, solver in zip(kinds, held, solved, strict=True):
        if kind is not None and solver is not None:
            holds.update((kind, rank) for rank in holders)
            solutions[kind, solver] += 1
    able = {
        record
        for record, count in holds.items()
        if count >= rules.least_alike_tickets and solutions[record] >= rules.least_solved_share * count
    }
    lowest = [
        next((rank for rank in range(solver or 0) if rank not in holders and (kind, rank) in able), solver)
        for kind, holders, solver in zip(kinds, held, solved, strict=True)
    ]
    return [None if rank is None else order[rank] for rank in lowest]


def _told_by_groups(
    values: Mapping[str, list[Any]],
    *,
    trails: Sequence[Trail] | None,
    rules: TierRecipe,
    stated_order: Sequence[str] | None,
) -> ToldTiers:
    if "group" not in values:
        raise HistoryError("Groups have tiers, but no column holds a ticket's group. State it with --map group=COLUMN.")
    groups = values["group"]
    tier_of_group = tiers_of_groups(rules.groups)
    order = target_from_labels("tier", rules.groups, stated_order=stated_order).labels
    lone = [Trail(() if group is None else (group,), group) for group in groups]
    kinds = _kinds(values, fields=rules.alike, count=len(groups)) if trails else [None] * len(groups)
    tiers = lowest_tiers(trails or lone, tier_of_group=tier_of_group, order=order, kinds=kinds, rules=rules)
    return ToldTiers({**values, "tier": tiers}, _unknown_groups(groups, tier_of_group))


def _steps(values: Mapping[str, list[Any]], *, trails: Sequence[Trail] | None, most: int) -> list[str | None]:
    """Return how many groups each ticket took."""
    if trails is not None:
        taken = [None if trail.solver is None else trail.groups.index(trail.solver) for trail in trails]
    elif "reassignments" in values:
        taken = values["reassignments"]
    else:
        raise HistoryError(
            "The tier is to be told from reassignments, but no column holds their number. "
            "State it with --map reassignments=COLUMN, or name the events of a log with --events COLUMN."
        )
    return [None if count is None else str(min(count + 1, most)) for count in taken]


def _kinds(values: Mapping[str, list[Any]], *, fields: Sequence[str], count: int) -> list[str | None]:
    """Return what makes tickets alike: their values of `fields`; None for a ticket that lacks one."""
    attributes = values.get("attributes", [{}] * count)
    columns = [
        [(entries or {}).get(field.removeprefix(_ATTRIBUTES)) for entries in attributes]
        if field.startswith(_ATTRIBUTES)
        else values.get(field, [None] * count)
        for field in fields
    ]
    rows = zip(*columns, strict=True) if columns else iter([()] * count)
    return [None if not row or any(value in (None, "") for value in row) else repr(row) for row in rows]


def _offer(values: Mapping[str, list[Any]], trails: Sequence[Trail] | None) -> tuple[str, ...]:
    if trails is None or "tier" in values:
        return ()
    return (
        "The log tells who held each ticket, but not of which tier they are: --tier 1=GROUP,GROUP says it, "
        "--tier-by-reassignments counts the groups that a ticket took.",
    )


def _unknown_groups(groups: Sequence[str | None], tier_of_group: Mapping[str, str]) -> tuple[str, ...]:
    counts = Counter(group for group in groups if group is not None)
    without = [(group, count) for group, count in counts.most_common() if _folded(group) not in tier_of_group]
    present = {_folded(group) for group in counts}
    absent = [name for name in tier_of_group if name not in present]
    warnings = []
    if without:
        shown = ", ".join(f"{group} ({count:,})" for group, count in without[:_GROUPS_SHOWN])
        more = ", ..." if len(without) > _GROUPS_SHOWN else ""
        warnings.append(
            f"Groups without a tier: {len(without):,}; their {sum(count for _, count in without):,} tickets get none: "
            f"{shown}{more}. State it with --tier TIER=GROUP."
        )
    if absent:
        shown = ", ".join(absent[:_GROUPS_SHOWN]) + (", ..." if len(absent) > _GROUPS_SHOWN else "")
        warnings.append(f"No ticket was solved by these groups that have a tier: {shown}.")
    return tuple(warnings)


def _folded(group: str) -> str:
    return (label_of(group) or "").casefold()
