"""The verb that looks for faults in a history's labels. It parses, calls one function and renders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

# LightGBM keeps a seed in 31 bits.
_MOST_SEED = 2**31 - 1


def audit_labels(
    history: Annotated[Path, typer.Argument(help="Tickets: CSV, TSV, Parquet, JSON lines or Excel.")],
    target: Annotated[str, typer.Option(help="The target whose labels are looked at.")] = "category",
    map: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=COLUMN", help="A field of a ticket and the column that holds it.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="A mapping of a history saved as TOML.")] = None,
    recipe: Annotated[str, typer.Option(help="fast, balanced, or a TOML file.")] = "balanced",
    split_column: Annotated[
        str | None, typer.Option(help="Column that says which tickets --effect compares on (true or test).")
    ] = None,
    default: Annotated[
        list[str] | None, typer.Option(metavar="TARGET=VALUE", help="A value that nobody chose: it is no label.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="TARGET:COLUMN=VALUE", help="Labels of the target count in these rows only."),
    ] = None,
    order: Annotated[
        list[str] | None, typer.Option(metavar="TARGET=A,B,C", help="The labels of a scale, most pressing first.")
    ] = None,
    glossary: Annotated[Path | None, typer.Option(help="The site's own words, as TOML.")] = None,
    drop_invalid: Annotated[
        bool, typer.Option("--drop-invalid", help="Go on without rows that break a check.")
    ] = False,
    effect: Annotated[
        bool, typer.Option("--effect", help="Also train without the suspected labels, and compare.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write every suspected label to this CSV file.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=_MOST_SEED, help="Seed of everything random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """List the labels of a history that are probably wrong, and those that overlap."""
    from features.glossary import Glossary
    from features.history import TICKET_FIELDS, ColumnMapping
    from training import label_audit, label_report
    from training.datasets import read_history
    from training.label_effect import effect_of_faults
    from training.labels import LabelRestriction, defaults_of_options
    from training.progress import Progress
    from training.recipe import load_recipe
    from training.recipe_options import with_options

    progress, chosen = Progress(is_shown=True), with_options(load_recipe(recipe), orders=order or [])
    columns = ColumnMapping.from_toml(mapping, known_fields=TICKET_FIELDS) if mapping else ColumnMapping()
    table = read_history(
        history,
        mapping=columns.merged(ColumnMapping.from_options(map or [], known_fields=TICKET_FIELDS)),
        drop_invalid=drop_invalid,
        defaults=defaults_of_options(default or []),
        restrictions=[LabelRestriction.from_option(option) for option in only or []],
        keep_columns=[split_column] if split_column else [],
        tiers=chosen.tiers,
        tier_order=chosen.orders.get("tier"),
    )
    tickets = label_audit.labelled_tickets(
        table.rows,
        target=target,
        recipe=chosen,
        glossary=Glossary.from_toml(glossary) if glossary else None,
        progress=progress,
    )
    found = label_audit.audit_labels(tickets, recipe=chosen, seed=seed, progress=progress)
    moved = None
    if effect:
        words = table.kept_columns[split_column] if split_column else None
        given_split = None if words is None else [words[place] for place in tickets.places]
        moved = effect_of_faults(tickets, recipe=chosen, seed=seed, given_split=given_split, progress=progress)
    if out is not None:
        label_report.write_suspects(found, out)
    if as_json:
        print(json.dumps(label_report.as_json(found, moved), ensure_ascii=False))
    else:
        print(label_report.summary(found, moved))
