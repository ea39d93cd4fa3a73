"""What the serving verbs share: errors as one sentence, settings of the environment, JSON on one line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import TriageError

if TYPE_CHECKING:
    from serving.settings import Settings

EXIT_STATUS = 2

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on one line.")]


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn an error of ours into its message on standard error and exit status 2."""
    try:
        yield
    except TriageError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_STATUS) from None


def settings_of_environment(**overrides: str) -> Settings:
    """Return the settings of the environment, with what options state in place of it; raise SettingsError."""
    from serving.settings import load_settings

    stated = {name: value for name, value in overrides.items() if value}
    return load_settings({**os.environ, **stated})


def print_json(value: Mapping[str, Any]) -> None:
    """Print an object on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False))
