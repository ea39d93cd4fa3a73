"""The numbers that a search may change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from training.recipe import SHIPPED, BoostedRecipe, LinearRecipe, Recipe, load_recipe
from training.search_space import RANGES, Range, ranges_of, values_of, with_values

FAMILIES = {"linear", "ratio", "boosted", "ordinal", "embedding"}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_that_ships_lies_within_its_range(name: str) -> None:
    """No recipe of ours begins outside the ranges, and every path is one of the recipe's."""
    values = values_of(load_recipe(name), RANGES)
    assert set(values) == {each.path for each in RANGES}
    for each in RANGES:
        assert 0 < each.low <= values[each.path] <= each.high
        assert isinstance(values[each.path], int) is each.is_whole


def test_only_families_that_are_tried_are_searched() -> None:
    """A family that a recipe does not try adds no numbers."""
    assert {each.family for each in ranges_of(Recipe(), families={"linear", "boosted", "neighbours"})} == {
        "linear",
        "boosted",
    }
    assert {each.family for each in RANGES} == FAMILIES


def test_a_range_is_wide_enough_for_the_recipe_as_given() -> None:
    """Numbers that a person chose outside the usual range can be drawn again."""
    recipe = replace(Recipe(), linear=LinearRecipe(ratio_penalty=40.0), boosted=BoostedRecipe(rounds=5))
    found = {each.path: each for each in ranges_of(recipe, families=FAMILIES)}
    usual = {each.path: each for each in RANGES}
    assert (found["linear.ratio_penalty"].low, found["linear.ratio_penalty"].high) == (
        usual["linear.ratio_penalty"].low,
        40.0,
    )
    assert (found["boosted.rounds"].low, found["boosted.rounds"].high) == (5, usual["boosted.rounds"].high)


def test_numbers_go_where_their_paths_say() -> None:
    """Other numbers change nothing else of a recipe, and can be read back."""
    values = {"linear.ratio_penalty": 2.5, "boosted.leaves": 9, "encoder.penalty": 4.0}
    changed = with_values(Recipe(name="own"), values)
    assert changed.linear == LinearRecipe(ratio_penalty=2.5)
    assert changed.boosted == BoostedRecipe(leaves=9)
    assert {path: value for path, value in values_of(changed, RANGES).items() if path in values} == values
    assert with_values(changed, values_of(Recipe(), RANGES)) == Recipe(name="own")


def test_numbers_are_rounded_as_a_person_writes_them() -> None:
    """Three digits, whole numbers whole, and never out of the range."""
    rate = Range("boosted.learning_rate", "boosted", 0.01239, 0.3)
    assert rate.rounded(0.123456) == 0.123
    assert rate.rounded(0.01239) == 0.0124
    assert rate.rounded(0.2999) == 0.3
    assert Range("x.y", "x", 0.12346, 0.5).rounded(0.12346) == 0.12346
    rounds = Range("boosted.rounds", "boosted", 5, 400, is_whole=True).rounded(123.0)
    assert (rounds, isinstance(rounds, int)) == (123, True)
