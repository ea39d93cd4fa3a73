"""The options by which verbs read a history, and what they mean. Knows nothing of what is made of the history."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from features.errors import EncoderError, HistoryError

if TYPE_CHECKING:
    from features.history import ColumnMapping
    from training.encoder_choice import ChosenEncoder
    from training.progress import Progress
    from training.recipe import Recipe

# LightGBM keeps a seed in 31 bits.
_MOST_SEED = 2**31 - 1
_TABLE = "CSV, TSV, Parquet, JSON lines or Excel"

History: TypeAlias = Annotated[Path, typer.Argument(help=f"Tickets: {_TABLE}.")]
GivenHistory: TypeAlias = Annotated[Path | None, typer.Option(help=f"Tickets: {_TABLE}.")]
Mapped: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="FIELD=COLUMN", help="A field of a ticket and the column that holds it.")
]
SavedMapping: TypeAlias = Annotated[Path | None, typer.Option(help="A mapping of a history saved as TOML.")]
RecipeName: TypeAlias = Annotated[str, typer.Option(help="fast, balanced, or a TOML file.")]
Defaults: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="TARGET=VALUE", help="A value that nobody chose: it is no label.")
]
Restrictions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="TARGET:COLUMN=VALUE", help="Labels of the target count in these rows only."),
]
Orders: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="TARGET=A,B,C", help="The labels of a scale, most pressing first.")
]
GlossaryFile: TypeAlias = Annotated[Path | None, typer.Option(help="The site's own words, as TOML.")]
DropInvalid: TypeAlias = Annotated[bool, typer.Option("--drop-invalid", help="Go on without rows that break a check.")]
EncoderName: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME|DIR|none", help="A text encoder of the hub or in a folder, not the recipe's."),
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, max=_MOST_SEED, help="Seed of everything random.")]


def mapping_of(options: list[str] | None, saved: Path | None, *, save_to: Path | None = None) -> ColumnMapping:
    """Return the saved mapping with the options laid over it, and save that where asked to."""
    from features.history import TICKET_FIELDS, ColumnMapping

    mapping = ColumnMapping.from_toml(saved, known_fields=TICKET_FIELDS) if saved else ColumnMapping()
    mapping = mapping.merged(ColumnMapping.from_options(options or [], known_fields=TICKET_FIELDS))
    if save_to is not None:
        with writing(save_to):
            save_to.write_text(mapping.to_toml(), encoding="utf-8")
    return mapping


def encoder_of(
    recipe: Recipe, *, is_asked_for: bool, progress: Progress
) -> tuple[ChosenEncoder | None, tuple[str, ...]]:
    """Return the recipe's encoder, or none and why; raise EncoderError where one that was asked for cannot be had."""
    from training.encoder_choice import encoder_or_reason

    chosen, without = encoder_or_reason(recipe.encoder, var_dir=var_dir(), progress=progress)
    if is_asked_for and without:
        raise EncoderError(without[0])
    return chosen, without


def var_dir() -> Path:
    """Return the folder of everything that is written at run time."""
    return Path(os.environ.get("TRIAGE_VAR_DIR") or "var")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure to write into a sentence."""
    try:
        yield
    except OSError as error:
        raise HistoryError(f"'{path}' cannot be written: {error.strerror or error}. Name another place.") from None
