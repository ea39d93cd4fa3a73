"""What a command line states is laid over a recipe."""

from __future__ import annotations

import pytest

from features.errors import RecipeError
from training.recipe import Recipe, TierRecipe
from training.recipe_options import with_options


def test_nothing_stated_changes_nothing() -> None:
    """Without options a recipe stays as it is, and so does what it states itself."""
    recipe = Recipe(orders={"tier": ("1", "2")}, allowed_leaks=("state",), tiers=TierRecipe(by_reassignments=True))
    assert with_options(recipe) == recipe


def test_an_order_takes_the_place_of_the_recipes() -> None:
    """The labels of a scale are those stated last, without the spaces around them."""
    recipe = with_options(Recipe(orders={"tier": ("1", "2"), "impact": ("a",)}), orders=["tier=L1, L2"])
    assert recipe.orders == {"tier": ("L1", "L2"), "impact": ("a",)}


def test_groups_of_a_tier_add_up() -> None:
    """Groups may be stated in several options and in the recipe; names with spaces stay whole."""
    recipe = Recipe(tiers=TierRecipe(groups={"1": ("Desk",)}))
    tiers = with_options(recipe, tiers=["1=Help Line", "2=Network, 전산팀"], by_reassignments=True).tiers
    assert tiers.groups == {"1": ("Desk", "Help Line"), "2": ("Network", "전산팀")}
    assert tiers.by_reassignments


def test_allowed_leaks_add_up() -> None:
    """What the recipe and the command line allow is allowed."""
    assert with_options(Recipe(allowed_leaks=("a",)), allowed_leaks=["b"]).allowed_leaks == ("a", "b")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"orders": ["priority"]}, "'priority' states no order. Write TARGET=A,B,C"),
        ({"orders": ["size=a,b"]}, "Unknown target 'size'"),
        ({"tiers": ["1="]}, "'1=' states no groups. Write TIER=GROUP,GROUP, as in --tier 1=Service Desk"),
        ({"tiers": ["=Desk"]}, "'=Desk' states no groups"),
        ({"tiers": ["1=Desk,,"]}, "'1=Desk,,' states no groups"),
    ],
)
def test_an_option_that_states_nothing_is_refused(options: dict[str, list[str]], message: str) -> None:
    """A missing name, a missing value and an unknown target are named with what to write."""
    with pytest.raises(RecipeError) as failure:
        with_options(Recipe(), **options)  # type: ignore[arg-type]
    assert message in str(failure.value)
