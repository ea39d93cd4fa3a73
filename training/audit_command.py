"""The verb that looks for faults in a history's labels. It parses, calls one function and renders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from training.history_options import (
    Defaults,
    DropInvalid,
    EncoderName,
    GlossaryFile,
    History,
    Mapped,
    Orders,
    RecipeName,
    Restrictions,
    SavedMapping,
    Seed,
    encoder_of,
    mapping_of,
)


def audit_labels(
    history: History,
    target: Annotated[str, typer.Option(help="The target whose labels are looked at.")] = "category",
    map: Mapped = None,
    mapping: SavedMapping = None,
    recipe: RecipeName = "balanced",
    split_column: Annotated[
        str | None, typer.Option(help="Column that says which tickets --effect compares on (true or test).")
    ] = None,
    default: Defaults = None,
    only: Restrictions = None,
    order: Orders = None,
    glossary: GlossaryFile = None,
    drop_invalid: DropInvalid = False,
    encoder: EncoderName = None,
    effect: Annotated[
        bool, typer.Option("--effect", help="Also train without the suspected labels, and compare.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write every suspected label to this CSV file.")] = None,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """List the labels of a history that are probably wrong, and those that overlap."""
    from features.glossary import Glossary
    from training import label_audit, label_report
    from training.datasets import read_history
    from training.label_effect import effect_of_faults
    from training.labels import LabelRestriction, defaults_of_options
    from training.progress import Progress
    from training.recipe import load_recipe
    from training.recipe_options import with_options

    progress, chosen = Progress(is_shown=True), with_options(load_recipe(recipe), orders=order or [], encoder=encoder)
    table = read_history(
        history,
        mapping=mapping_of(map, mapping),
        drop_invalid=drop_invalid,
        defaults=defaults_of_options(default or []),
        restrictions=[LabelRestriction.from_option(option) for option in only or []],
        keep_columns=[split_column] if split_column else [],
        tiers=chosen.tiers,
        tier_order=chosen.orders.get("tier"),
    )
    chosen_encoder, without_encoder = encoder_of(chosen, is_asked_for=bool(encoder), progress=progress)
    for sentence in without_encoder:
        progress.say(sentence)
    tickets = label_audit.labelled_tickets(
        table.rows,
        target=target,
        recipe=chosen,
        glossary=Glossary.from_toml(glossary) if glossary else None,
        chosen_encoder=chosen_encoder,
        seed=seed,
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
