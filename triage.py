"""The command `triage`: hands each verb to training or to serving, and shows errors as one sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import serving.cli
import serving.users_cli
import training.cli
from features.errors import TriageError

SAMPLE = Path(__file__).resolve().parent / "data"

app = typer.Typer(
    help="Triage support tickets on intake, in Korean and English.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
training.cli.add_commands(app)
serving.cli.add_commands(app)


@app.command()
def demo(once: Annotated[bool, typer.Option("--once", help="End after the two scored tickets.")] = False) -> None:
    """Train on the sample tickets, score one in Korean and one in English, and serve the API."""
    if not training.cli.has_champion():
        print("Training on the sample tickets in data/ ...", file=sys.stderr)
        training.cli.train(
            history=SAMPLE / "sample_tickets.jsonl",
            articles=SAMPLE / "sample_articles.jsonl",
            recipe=str(SAMPLE / "sample_recipe.toml"),
        )
    for name in ("demo_ticket_ko.json", "demo_ticket_en.json"):
        print(f"\ntriage score data/{name}")
        serving.cli.score(str(SAMPLE / name))
    if not once:
        serving.users_cli.add_demo_user()
        serving.cli.serve()


def main() -> None:
    """Run the command; an error that a user can act on is one sentence and exit status 2."""
    # Threads that wait for one another must not burn the cores that others need; read when LightGBM is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except TriageError as error:
        print(f"triage: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:
        if os.environ.get("TRIAGE_DEBUG"):
            raise
        print(
            f"triage: an unexpected {type(error).__name__}; this is a fault of the program. "
            "Set TRIAGE_DEBUG=1 to see where, and report it.",
            file=sys.stderr,
        )
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
