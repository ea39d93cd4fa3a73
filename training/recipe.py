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
from features.taxonomy import ORDINAL_TARGETS, StepCosts

SHIPPED = ("balanced", "best", "fast")
DEFAULT_RECIPE = "balanced"


@dataclass(frozen=True, slots=True)
class VectorizerRecipe:
    """How text becomes features."""

    least_documents: int = 2
    most_features: int = 150_000


@dataclass(frozen=True, slots=True)
class LinearRecipe:
    """The linear models: penalties as liblinear's C."""

    margin_penalty: float = 0.3
    ratio_penalty: float = 1.0
    ordinal_penalty: float = 10.0


@dataclass(frozen=True, slots=True)
class BoostedRecipe:
    """LightGBM on the counts of chosen features."""

    rounds: int = 120
    learning_rate: float = 0.1
    leaves: int = 31
    columns: int = 4000
    column_share: float = 0.6
    most_trees: int = 1600


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """Which text encoder is heard, by hub name or folder; none where the name is empty.

    `distilled` makes a static encoder of it, a vector a token; `most_tokens` is where a text is cut; `penalty` is the
    C of the logistic regression over the embeddings.
    """

    name: str = ""
    distilled: bool = False
    most_tokens: int = 160
    penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class TierRecipe:
    """How the tier of a past ticket is told where no column states it; `training.tiers` says what each is for.

    `groups` names the groups of each tier. `alike` are the fields that make tickets one kind: a tier is taken to
    solve a kind if it held at least `least_alike_tickets` of it and solved `least_solved_share` of them.
    """

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alike: tuple[str, ...] = ("category",)
    least_alike_tickets: int = 20
    least_solved_share: float = 0.8
    by_reassignments: bool = False
    most_steps: int = 3


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
    allowed_leaks: tuple[str, ...] = ()
    ignored_attributes: tuple[str, ...] = ()
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # An urgent ticket that waits hurts many; a normal one that is looked at first costs somebody minutes.
    costs: Mapping[str, StepCosts] = field(default_factory=lambda: {"priority": StepCosts(too_low=3.0, too_high=1.0)})
    neighbours: bool = True
    leave_out_of_scope: bool = True
    vectorizer: VectorizerRecipe = VectorizerRecipe()
    linear: LinearRecipe = LinearRecipe()
    boosted: BoostedRecipe = BoostedRecipe()
    encoder: EncoderRecipe = EncoderRecipe()
    split: SplitRecipe = SplitRecipe()
    tiers: TierRecipe = TierRecipe()

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
    if place == "costs":
        return _costs(value)
    if is_dataclass(default) and isinstance(value, Mapping):
        return _build(type(default), value, place=f"{place}.")
    has_lists = isinstance(value, Mapping) and all(isinstance(each, list) for each in value.values())
    if isinstance(default, Mapping) and has_lists:
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


def _costs(value: Any) -> Mapping[str, StepCosts]:
    """Return the costs of mistakes for each target that has some."""
    form = "costs.priority = {too_low = 3.0, too_high = 1.0}"
    if not isinstance(value, Mapping):
        raise RecipeError(f"'costs' in the recipe is {value!r}; expected a table for each target, as in {form}.")
    for name, table in value.items():
        if name not in ORDINAL_TARGETS:
            raise RecipeError(
                f"'costs.{name}' in the recipe: '{name}' is no scale, so no label of it is too low or too high. "
                f"State costs of: {', '.join(ORDINAL_TARGETS)}."
            )
        if not isinstance(table, Mapping):
            raise RecipeError(f"'costs.{name}' in the recipe is {table!r}; expected a table, as in {form}.")
    return {name: _build(StepCosts, table, place=f"costs.{name}.") for name, table in value.items()}


def _positive(value: Any, *, place: str) -> Any:
    if not 0 < value < math.inf:
        raise RecipeError(f"'{place}' in the recipe is {value!r}; expected a number above zero.")
    return value
