"""Lays what a command line states over a recipe: orders, tiers, leaks that are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from features.errors import RecipeError
from training.labels import require_target
from training.recipe import EncoderRecipe, Recipe

NO_ENCODER = "none"


def with_options(
    recipe: Recipe,
    *,
    orders: Sequence[str] = (),
    tiers: Sequence[str] = (),
    by_reassignments: bool = False,
    allowed_leaks: Sequence[str] = (),
    encoder: str | None = None,
) -> Recipe:
    """Return the recipe with `TARGET=A,B,C` orders, `TIER=GROUP,GROUP` tiers and names of leaks that are none.

    `encoder` takes the place of the recipe's; `none` stands for no encoder.

    Raises RecipeError for an option that states nothing, or an unknown target.
    """
    stated_orders = dict(recipe.orders)
    for option in orders:
        target, labels = _list_of(option, "order", "TARGET=A,B,C, most pressing first")
        require_target(target)
        stated_orders[target] = labels
    groups = dict(recipe.tiers.groups)
    for option in tiers:
        tier, names = _list_of(option, "groups", "TIER=GROUP,GROUP, as in --tier 1=Service Desk")
        groups[tier] = (*groups.get(tier, ()), *names)
    return replace(
        recipe,
        orders=stated_orders,
        allowed_leaks=(*recipe.allowed_leaks, *allowed_leaks),
        encoder=recipe.encoder if encoder is None else with_encoder(recipe.encoder, encoder),
        tiers=replace(recipe.tiers, groups=groups, by_reassignments=by_reassignments or recipe.tiers.by_reassignments),
    )


def with_encoder(recipe: EncoderRecipe, name: str) -> EncoderRecipe:
    """Return the recipe with another encoder by its name or folder, or with no encoder for the name `none`."""
    return replace(recipe, name="" if name == NO_ENCODER else name)


def _list_of(option: str, noun: str, form: str) -> tuple[str, tuple[str, ...]]:
    name, _, entries = (part.strip() for part in option.partition("="))
    listed = tuple(entry.strip() for entry in entries.split(","))
    if not name or not all(listed):
        raise RecipeError(f"'{option}' states no {noun}. Write {form}.")
    return name, listed
