"""The tier of a past ticket: the lowest that could have solved it, as far as the history tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import HistoryError, RecipeError
from training.recipe import TierRecipe
from training.tiers import Trail, lowest_tiers, tiers_of_groups, with_tiers

GROUPS = {"1": ("Desk", "서비스데스크"), "2": ("Network", "ERP"), "3": ("Vendor",)}
RULES = TierRecipe(groups=GROUPS, least_alike_tickets=10, least_solved_share=0.8)
ORDER = ("1", "2", "3")


def _trail(*groups: str) -> Trail:
    """Return a ticket that these groups held and the last of them solved."""
    return Trail(tuple(dict.fromkeys(groups)), groups[-1] if groups else None)


def _lowest(trails: Sequence[Trail], kinds: Sequence[str | None]) -> list[str | None]:
    return lowest_tiers(trails, tier_of_group=tiers_of_groups(GROUPS), order=ORDER, kinds=kinds, rules=RULES)


def test_who_solved_a_ticket_counts_and_not_who_had_it_first_or_last() -> None:
    """What the first tier got back and solved is of the first tier; what the second solved is of the second."""
    trails = [_trail("Desk", "Network", "Desk"), _trail("Desk", "Network"), _trail("Vendor", "ERP")]
    assert _lowest(trails, [None] * 3) == ["1", "2", "2"]


def test_a_lower_tier_with_a_good_record_could_have_solved_what_it_never_held() -> None:
    """The first tier solves 9 of 10 password tickets that it holds: one that went past it is of the first tier."""
    record = [_trail("Desk")] * 9 + [_trail("Desk", "Network")]
    passed_over = [_trail("Network"), _trail("Vendor")]
    tiers = _lowest([*record, *passed_over], ["password"] * 12)
    assert tiers[10:] == ["1", "1"]


def test_a_tier_that_handed_a_ticket_on_could_not_solve_it() -> None:
    """A good record does not count against what the ticket itself shows."""
    record = [_trail("Desk")] * 20
    assert _lowest([*record, _trail("Desk", "Vendor")], ["password"] * 21)[-1] == "3"


@pytest.mark.parametrize(
    ("solved", "handed_on", "kind"),
    [(9, 0, "password"), (7, 3, "password"), (20, 0, "vpn"), (20, 0, None)],
    ids=["too few tickets", "too poor a record", "another kind", "no kind"],
)
def test_without_a_good_record_of_the_kind_the_solver_stands(solved: int, handed_on: int, kind: str | None) -> None:
    """A lower tier is named only where it solved nearly all of enough tickets of the same kind."""
    trails = [_trail("Desk")] * solved + [_trail("Desk", "Network")] * handed_on + [_trail("Network")]
    kinds = [kind] * (len(trails) - 1) + ["password" if kind else None]
    assert _lowest(trails, kinds)[-1] == "2"


def test_the_lowest_of_several_able_tiers_is_taken() -> None:
    """Where the first and the second tier could both have done it, it is the first; after it failed, the second."""
    record = [_trail("Desk")] * 40 + [_trail("ERP")] * 40
    tiers = _lowest([*record, _trail("Vendor"), _trail("Desk", "Vendor")], ["login"] * 82)
    assert tiers[-2:] == ["1", "2"]


def test_a_ticket_that_nobody_with_a_tier_solved_has_none() -> None:
    """A group without a tier and a ticket that nobody held give no label."""
    assert _lowest([_trail("Facilities"), _trail(), _trail("Desk", "Facilities")], [None] * 3) == [None] * 3


_GROUPS = st.sampled_from(("Desk", "Network", "ERP", "Vendor", "Facilities"))
_TICKETS = st.lists(st.tuples(st.lists(_GROUPS, max_size=4), st.sampled_from(("a", "b", None))), max_size=60)


@given(_TICKETS)
def test_the_label_is_never_above_the_solver_nor_a_tier_that_failed(
    tickets: list[tuple[list[str], str | None]],
) -> None:
    """Whatever happened, the label is the solver's tier or a lower one that never held the ticket."""
    tier_of_group = tiers_of_groups(GROUPS)
    trails = [_trail(*groups) for groups, _ in tickets]
    for trail, tier in zip(trails, _lowest(trails, [kind for _, kind in tickets]), strict=True):
        solver = tier_of_group.get((trail.solver or "").casefold())
        held = {tier_of_group.get(group.casefold()) for group in trail.groups}
        assert (tier is None) == (solver is None)
        if tier is not None and solver is not None:
            assert tier == solver or (tier < solver and tier not in held)


# --- columns ----------------------------------------------------------------------------------------------------------


def test_a_map_gives_each_ticket_the_tier_of_its_group() -> None:
    """Names of groups count in letters of either case; a group without a tier is named with its tickets."""
    values: dict[str, list[Any]] = {"group": ["desk", "ERP ", None, "Legal", "Legal"]}
    told = with_tiers(values, trails=None, rules=RULES)
    assert told.values["tier"] == ["1", "2", None, None, None]
    assert told.warnings[0] == (
        "Groups without a tier: 1; their 2 tickets get none: Legal (2). State it with --tier TIER=GROUP."
    )
    assert told.warnings[1].startswith("No ticket was solved by these groups that have a tier: 서비스데스크, network")


def test_one_group_a_ticket_gives_nobody_a_record() -> None:
    """Without a log all that a tier held it solved, which says nothing: the kind of ticket does not count."""
    values = {"group": ["Desk"] * 50 + ["Vendor"], "category": ["password"] * 51}
    assert with_tiers(values, trails=None, rules=RULES).values["tier"][-1] == "3"


def test_tickets_are_alike_by_the_fields_that_the_recipe_names() -> None:
    """Kinds come from labels or from attributes; a ticket that lacks one of them is like no other."""
    trails = [_trail("Desk")] * 20 + [_trail("Vendor")] * 3
    attributes = [{"form": "reset"}] * 20 + [{"form": "reset"}, {"form": "order"}, {}]
    values: dict[str, list[Any]] = {"group": [trail.solver for trail in trails], "attributes": attributes}
    rules = TierRecipe(groups=GROUPS, alike=("attributes.form",))
    assert with_tiers(values, trails=trails, rules=rules).values["tier"][-3:] == ["1", "3", "3"]
    rules = TierRecipe(groups=GROUPS, alike=())
    assert with_tiers(values, trails=trails, rules=rules).values["tier"][-3:] == ["3", "3", "3"]


def test_a_log_counts_the_groups_until_the_solver() -> None:
    """To and fro does not count: what the first group solved in the end took one group."""
    trails = [_trail("a"), _trail("a", "b", "a"), _trail("a", "b"), _trail("a", "b", "c", "d"), _trail()]
    values: dict[str, list[Any]] = {"reassignments": [0, 2, 1, 3, 7]}
    told = with_tiers(values, trails=trails, rules=TierRecipe(by_reassignments=True))
    assert told.values["tier"] == ["1", "1", "2", "3", None]


def test_without_a_log_reassignments_are_counted() -> None:
    """A count of reassignments is one less than the groups, with all above the most in one."""
    rules = TierRecipe(by_reassignments=True, most_steps=2)
    assert with_tiers({"reassignments": [0, 1, 5, None]}, trails=None, rules=rules).values["tier"] == [
        *("1", "2", "2", None)
    ]


def test_a_stated_tier_stays_as_it_is() -> None:
    """A column of tiers is neither replaced nor filled up, and that is said."""
    values: dict[str, list[Any]] = {"tier": ["L2", None], "group": ["Desk", "Desk"]}
    told = with_tiers(values, trails=None, rules=RULES)
    assert told.values == values
    assert told.warnings == ("A column states the tier: it is not told from groups or reassignments.",)


def test_nothing_is_told_unless_asked_for() -> None:
    """A history with groups and reassignments gets no tier of itself; for a log it is said what could be told."""
    values: dict[str, list[Any]] = {"group": ["Desk"], "reassignments": [1]}
    assert with_tiers(values, trails=None, rules=TierRecipe()).values == values
    assert with_tiers(values, trails=None, rules=TierRecipe()).warnings == ()
    assert "--tier-by-reassignments" in with_tiers(values, trails=[_trail("Desk")], rules=TierRecipe()).warnings[0]


def test_what_the_history_lacks_is_said() -> None:
    """Tiers of groups need a column of groups, a count needs a column of reassignments."""
    with pytest.raises(HistoryError, match="--map group=COLUMN"):
        with_tiers({"category": ["a"]}, trails=None, rules=RULES)
    with pytest.raises(HistoryError, match="--map reassignments=COLUMN"):
        with_tiers({"category": ["a"]}, trails=None, rules=TierRecipe(by_reassignments=True))


def test_tiers_need_an_order() -> None:
    """Names without a known order need a stated one, which then tells what is lower."""
    rules = TierRecipe(groups={"front": ("Desk",), "back": ("ERP",)})
    with pytest.raises(RecipeError, match="--order tier="):
        with_tiers({"group": ["Desk"]}, trails=None, rules=rules)
    told = with_tiers({"group": ["Desk"]}, trails=None, rules=rules, stated_order=("front", "back"))
    assert told.values["tier"] == ["front"]


def test_a_group_has_one_tier() -> None:
    """A group under two tiers is a mistake in the recipe, whatever the letters."""
    with pytest.raises(RecipeError, match="'desk' is of tier 1 and of tier 2"):
        tiers_of_groups({"1": ("Desk",), "2": ("desk",)})
