"""Recipes: what ships, what a file may hold, and what is said of a mistake in it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from features.errors import RecipeError
from features.taxonomy import StepCosts
from training.recipe import DEFAULT_RECIPE, SHIPPED, EncoderRecipe, Recipe, load_recipe

SAMPLE = Path(__file__).parents[2] / "data" / "sample_recipe.toml"


def _recipe(folder: Path, text: str) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(str(path))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_is_named_after_its_file(name: str) -> None:
    """Every recipe that ships can be read, and says its own name in the record of the run."""
    assert load_recipe(name).name == name


def test_the_default_recipe_is_the_defaults() -> None:
    """The recipe that is used without a choice is what the code states as defaults, and an encoder beside it."""
    assert DEFAULT_RECIPE in SHIPPED
    shipped = load_recipe(DEFAULT_RECIPE)
    assert shipped.encoder.distilled
    assert replace(shipped, encoder=EncoderRecipe()) == Recipe()


def test_the_fast_recipe_does_less() -> None:
    """What is called fast has fewer rounds or folds than the default."""
    fast, default = load_recipe("fast"), load_recipe(DEFAULT_RECIPE)
    assert (fast.boosted.rounds, fast.split.folds) < (default.boosted.rounds, default.split.folds)


def test_the_samples_recipe_can_be_read() -> None:
    """The recipe of the sample tickets states the orders of its scales."""
    assert load_recipe(str(SAMPLE)).orders["priority"] == ("urgent", "high", "normal", "low")


def test_a_file_changes_what_it_states(tmp_path: Path) -> None:
    """A key that is stated takes the place of the default, in sections too; all else stays."""
    recipe = _recipe(
        tmp_path,
        'name = "ours"\nleast_tickets_per_label = 3\nrestricted_groups = ["hr"]\n'
        '[orders]\ntier = ["L1", "L2"]\n[boosted]\nlearning_rate = 1\n',
    )
    assert (recipe.name, recipe.least_tickets_per_label, recipe.restricted_groups) == ("ours", 3, ("hr",))
    assert recipe.orders == {"tier": ("L1", "L2")}
    assert recipe.boosted.learning_rate == 1.0
    assert recipe.boosted.rounds == Recipe().boosted.rounds


def test_tiers_and_allowed_leaks_are_stated_in_a_file(tmp_path: Path) -> None:
    """A recipe holds the groups of each tier, numbers as names, and what counts as known at intake."""
    recipe = _recipe(
        tmp_path,
        'allowed_leaks = ["state"]\n[tiers]\nalike = ["attributes.form"]\n[tiers.groups]\n1 = ["Desk", "Help Line"]\n',
    )
    assert recipe.allowed_leaks == ("state",)
    assert (recipe.tiers.groups, recipe.tiers.alike) == ({"1": ("Desk", "Help Line")}, ("attributes.form",))
    with pytest.raises(RecipeError, match=r"'tiers\.groups' in the recipe is"):
        _recipe(tmp_path, '[tiers.groups]\n1 = "Desk"\n')


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    """A file that states nothing changes nothing; a byte-order mark at its start does not matter."""
    assert _recipe(tmp_path, "") == Recipe()
    (tmp_path / "marked.toml").write_text('name = "ours"', encoding="utf-8-sig")
    assert load_recipe(str(tmp_path / "marked.toml")).name == "ours"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[boosted", "is no valid TOML"),
        ("round = 3", r"Unknown key 'round' in the recipe\. The keys here are: name, least_tickets_per_label"),
        ("[boosted]\ndepth = 3", r"Unknown key 'boosted\.depth' in the recipe\. The keys here are: rounds"),
        ("boosted = 3", "'boosted' in the recipe is 3"),
        ("name = 3", "'name' in the recipe is 3; expected something like 'balanced'"),
        ('restricted_groups = "hr"', "'restricted_groups' in the recipe is 'hr'"),
        ('orders = ["high", "low"]', "'orders' in the recipe is"),
        ("[boosted]\nrounds = 1.5", r"'boosted\.rounds' in the recipe is 1\.5"),
        ("[boosted]\nrounds = true", r"'boosted\.rounds' in the recipe is True"),
        ("[boosted]\nrounds = 0", r"'boosted\.rounds' in the recipe is 0; expected a number above zero"),
        ("[linear]\nmargin_penalty = -0.1", r"'linear\.margin_penalty' in the recipe is -0\.1"),
        ("[linear]\nmargin_penalty = nan", r"'linear\.margin_penalty' in the recipe is nan"),
        ("[linear]\nmargin_penalty = inf", r"'linear\.margin_penalty' in the recipe is inf"),
        (
            "costs = 3",
            r"'costs' in the recipe is 3; expected a table for each target, as in costs\.priority = \{too_low",
        ),
        (
            "[costs.category]\ntoo_low = 3",
            r"'costs\.category' in the recipe: 'category' is no scale.* State costs of: prio",
        ),
        ("[costs]\npriority = 3", r"'costs\.priority' in the recipe is 3; expected a table, as in costs\.priority = "),
        (
            "[costs.priority]\nlow = 3",
            r"Unknown key 'costs\.priority\.low' in the recipe\. The keys here are: too_low, too",
        ),
        (
            "[costs.priority]\ntoo_low = 0",
            r"'costs\.priority\.too_low' in the recipe is 0\.0; expected a number above zero",
        ),
        ('[costs.priority]\ntoo_low = "5"', r"'costs\.priority\.too_low' in the recipe is '5'"),
        ("[split]\ntest_share = 0.9", r"'split\.test_share' in the recipe come to 1\.05; expected less than 1"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(tmp_path: Path, text: str, message: str) -> None:
    """An unknown key and a value of the wrong type or size are refused, with the place and what was expected."""
    with pytest.raises(RecipeError, match=message):
        _recipe(tmp_path, text)


def test_costs_are_stated_by_target(tmp_path: Path) -> None:
    """Costs take the place of the default's; what is not stated of a target is 1, an empty table turns all off."""
    stated = _recipe(tmp_path, "costs.urgency = {too_low = 5}\n[costs.tier]\ntoo_high = 0.5")
    assert stated.costs == {"urgency": StepCosts(5.0, 1.0), "tier": StepCosts(1.0, 0.5)}
    assert _recipe(tmp_path, "costs = {}").costs == {}


@pytest.mark.parametrize("name", SHIPPED)
def test_missing_an_urgent_ticket_costs_more(name: str) -> None:
    """The shipped recipes weigh a priority that is too low more than one that is too high."""
    costs = load_recipe(name).costs["priority"]
    assert costs.too_low > costs.too_high


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    """A name that is neither a file nor shipped is an error that names what is."""
    with pytest.raises(RecipeError, match=r"No recipe 'slow': it is neither a file nor one of balanced, best, fast"):
        load_recipe("slow")


def test_a_recipe_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """A file that is not in UTF-8 is said to be so."""
    path = tmp_path / "recipe.toml"
    path.write_bytes('name = "우리"'.encode("cp949"))
    with pytest.raises(RecipeError, match=r"recipe\.toml' is not in UTF-8"):
        load_recipe(str(path))


def test_a_recipe_is_recorded_in_full() -> None:
    """The record of a run holds every value of the recipe, in plain types."""
    recorded = json.loads(json.dumps(Recipe().as_json()))
    assert set(_leaves(recorded)) == set(_leaves(asdict(Recipe())))
    assert recorded["boosted"]["rounds"] == Recipe().boosted.rounds


def test_every_value_of_a_recipe_can_be_stated_in_a_file() -> None:
    """No key of a recipe is of a type that a TOML file cannot hold."""
    for place, value in _values(Recipe()):
        assert isinstance(value, bool | int | float | str | tuple | dict), place


def _leaves(table: dict[str, Any], before: str = "") -> list[str]:
    found: list[str] = []
    for name, value in table.items():
        found += _leaves(value, f"{before}{name}.") if isinstance(value, dict) and value else [f"{before}{name}"]
    return found


def _values(recipe: Any, before: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for each in fields(recipe):
        value = getattr(recipe, each.name)
        found += _values(value, f"{before}{each.name}.") if is_dataclass(value) else [(f"{before}{each.name}", value)]
    return found
