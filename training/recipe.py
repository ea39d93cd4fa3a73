"""What is trained and how: the recipe, a TOML file that is logged with the run."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from features.errors import RecipeError

SHIPPED = ("balanced", "fast")
DEFAULT_RECIPE = "balanced"


@dataclass(frozen=True, slots=True)
class VectorizerRecipe:
    """How text becomes features."""

    least_documents: int = 1
    most_features: int = 150_000


@dataclass(frozen=True, slots=True)
class LinearRecipe:
    """The two linear models: penalties as liblinear's C."""

    margin_penalty: float = 0.3
    ratio_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class BoostedRecipe:
    """LightGBM on the counts of chosen features."""

    rounds: int = 120
    learning_rate: float = 0.1
    leaves: int = 31
    columns: int = 4000
    column_share: float = 0.3
    most_trees: int = 1600


@dataclass(frozen=True, slots=True)
class SplitRecipe:
    """The shares of the history set apart, and how many folds give the out-of-fold scores."""

    evidence_share: float = 0.15
    test_share: float = 0.15
    folds: int = 5
    folds_when_large: int = 3
    large: int = 10_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a training run makes of a history, but for the history and the seed."""

    name: str = DEFAULT_RECIPE
    least_tickets_per_label: int = 10
    restricted_groups: tuple[str, ...] = ()
    site_patterns: tuple[str, ...] = ()
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    neighbours: bool = True
    vectorizer: VectorizerRecipe = VectorizerRecipe()
    linear: LinearRecipe = LinearRecipe()
    boosted: BoostedRecipe = BoostedRecipe()
    split: SplitRecipe = SplitRecipe()

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as plain values, for the run's record."""
        return asdict(self)


def load_recipe(name_or_file: str) -> Recipe:
    """Return a recipe that ships with the product, or the one in a file of your own.

    Raises RecipeError for an unknown name, a broken file, an unknown key or a value of the wrong type.
    """
    if name_or_file in SHIPPED:
        text = resources.files("training").joinpath(f"recipes/{name_or_file}.toml").read_text(encoding="utf-8")
    elif Path(name_or_file).is_file():
        text = _content(Path(name_or_file))
    else:
        raise RecipeError(
            f"No recipe '{name_or_file}': it is neither a file nor one of {', '.join(SHIPPED)}. "
            "Give the path of a TOML file or one of these names."
        )
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe '{name_or_file}' is no valid TOML: {error}.") from None
    recipe: Recipe = _build(Recipe, table, place="")
    set_apart = recipe.split.evidence_share + recipe.split.test_share
    if set_apart >= 1:
        raise RecipeError(
            f"'split.evidence_share' and 'split.test_share' in the recipe come to {set_apart:g}; "
            "expected less than 1, so that tickets are left to train on."
        )
    return recipe


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RecipeError(f"The recipe '{path}' cannot be read: {error.strerror}. Check the path.") from None
    except UnicodeDecodeError:
        raise RecipeError(f"The recipe '{path}' is not in UTF-8. Save it in that encoding.") from None


def _build(kind: Any, table: Mapping[str, Any], *, place: str) -> Any:
    """Return a recipe dataclass from a TOML table, each value checked against the default's type."""
    defaults = kind()
    known = {each.name: getattr(defaults, each.name) for each in fields(kind)}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise RecipeError(f"Unknown key '{place}{name}' in the recipe. The keys here are: {', '.join(known)}.")
        values[name] = _checked(value, known[name], place=f"{place}{name}")
    return kind(**values)


def _checked(value: Any, default: Any, *, place: str) -> Any:
    if is_dataclass(default) and isinstance(value, Mapping):
        return _build(type(default), value, place=f"{place}.")
    if isinstance(default, Mapping) and isinstance(value, Mapping):
        return {str(name): tuple(map(str, labels)) for name, labels in value.items()}
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(map(str, value))
    if isinstance(default, bool) and isinstance(value, bool):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, float) and number:
        return _positive(float(value), place=place)
    if isinstance(default, int) and not isinstance(default, bool) and number and isinstance(value, int):
        return _positive(value, place=place)
    if isinstance(default, str) and isinstance(value, str):
        return value
    raise RecipeError(f"'{place}' in the recipe is {value!r}; expected something like {default!r}.")


def _positive(value: Any, *, place: str) -> Any:
    if not 0 < value < math.inf:
        raise RecipeError(f"'{place}' in the recipe is {value!r}; expected a number above zero.")
    return value
