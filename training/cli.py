"""The verbs of a data scientist, but for those with a module of their own. They parse, call one function and render."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import HistoryError, InvalidRowsError, RecipeError
from training.audit_command import audit_labels
from training.history_options import (
    Defaults,
    DropInvalid,
    EncoderName,
    GivenHistory,
    GlossaryFile,
    Mapped,
    Orders,
    RecipeName,
    Restrictions,
    SavedMapping,
    Seed,
    encoder_of,
    mapping_of,
    var_dir,
    writing,
)

if TYPE_CHECKING:
    from features.history import ColumnMapping
    from training.fit import Trained
    from training.registry import VersionSummary
    from training.search import Search

DEFAULT_MODEL = "ticket-triage"

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
ModelName = Annotated[str, typer.Option("--model", help="Name of the registered model.")]


def add_commands(app: typer.Typer) -> None:
    """Add the training verbs to the command."""
    app.command()(train)
    app.command()(compare)
    app.command()(promote)
    app.command()(rollback)
    app.command()(audit_labels)


def train(
    history: GivenHistory = None,
    articles: Annotated[Path | None, typer.Option(help="Knowledge-base articles, in the same formats.")] = None,
    reviews: Annotated[Path | None, typer.Option(help="What people put right: of triage export --reviews.")] = None,
    map: Mapped = None,
    map_article: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=COLUMN", help="The same for the fields of an article.")
    ] = None,
    mapping: SavedMapping = None,
    save_mapping: Annotated[Path | None, typer.Option(help="Save the mapping of the history as TOML.")] = None,
    recipe: RecipeName = "balanced",
    split_column: Annotated[
        str | None, typer.Option(help="Column that says which tickets are the test part (true or test).")
    ] = None,
    default: Defaults = None,
    only: Restrictions = None,
    order: Orders = None,
    events: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The history has a row an event: the column that orders them.")
    ] = None,
    solved: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Events in which a ticket stands solved.")
    ] = None,
    tier: Annotated[
        list[str] | None, typer.Option(metavar="TIER=GROUP,GROUP", help="The groups of a tier, where none is stated.")
    ] = None,
    tier_by_reassignments: Annotated[
        bool, typer.Option("--tier-by-reassignments", help="The tier is the number of groups that a ticket took.")
    ] = False,
    allow_leak: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="This is known at intake, whatever it seems to be.")
    ] = None,
    glossary: GlossaryFile = None,
    drop_invalid: DropInvalid = False,
    report: Annotated[Path | None, typer.Option(help="Write every failing row to this CSV file.")] = None,
    encoder: EncoderName = None,
    budget: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Search better numbers that long before: 90s, 10m, 1h.")
    ] = None,
    seed: Seed = 0,
    register: Annotated[bool, typer.Option(help="Log the run and register the version in MLflow.")] = True,
    output: Annotated[Path | None, typer.Option(help="Also write the bundle to this new folder.")] = None,
    model: ModelName = DEFAULT_MODEL,
    as_json: AsJson = False,
) -> None:
    """Train a model on a history of tickets, on articles, or on both."""
    started = time.perf_counter()
    from features.glossary import Glossary
    from training.datasets import read_articles, read_history
    from training.event_log import EventLog
    from training.fit import fit_bundle
    from training.labels import LabelRestriction, defaults_of_options
    from training.progress import Progress
    from training.recipe import load_recipe
    from training.recipe_options import with_options
    from training.review_files import read_reviews

    if history is None and articles is None:
        raise HistoryError("There is nothing to learn from: give --history FILE, --articles FILE, or both.")
    if reviews is not None and history is None:
        raise HistoryError("--reviews puts the labels of a history right: give --history FILE as well.")
    if output is not None:
        _require_new_folder(output)
    chosen_recipe = with_options(
        load_recipe(recipe),
        orders=order or [],
        tiers=tier or [],
        by_reassignments=tier_by_reassignments,
        allowed_leaks=allow_leak or [],
        encoder=encoder,
    )
    search = _search(budget, has_history=history is not None)
    try:
        table = None
        if history is not None:
            table = read_history(
                history,
                mapping=mapping_of(map, mapping, save_to=save_mapping),
                drop_invalid=drop_invalid,
                defaults=defaults_of_options(default or []),
                restrictions=[LabelRestriction.from_option(option) for option in only or []],
                keep_columns=[split_column] if split_column else [],
                events=EventLog.from_options(events, solved or []),
                tiers=chosen_recipe.tiers,
                tier_order=chosen_recipe.orders.get("tier"),
            )
        review_table = None if reviews is None else read_reviews(reviews)
        article_table = None
        if articles is not None:
            article_table = read_articles(
                articles, mapping=_article_mapping(map_article or []), drop_invalid=drop_invalid
            )
    except InvalidRowsError as error:
        _write_report(error.report, report)
        raise
    for read in (table, article_table):
        if read is not None and read.report:
            _write_report(read.report, report)
    progress = Progress(is_shown=True)
    chosen_encoder, without_encoder = encoder_of(chosen_recipe, is_asked_for=bool(encoder), progress=progress)
    trained = fit_bundle(
        table,
        article_table,
        reviews=review_table,
        recipe=chosen_recipe,
        seed=seed,
        given_split=None if table is None or split_column is None else table.kept_columns[split_column],
        glossary=Glossary.from_toml(glossary) if glossary else None,
        chosen_encoder=chosen_encoder,
        search=search,
        progress=progress,
    )
    trained = replace(trained, warnings=(*without_encoder, *trained.warnings))
    if output is not None:
        with writing(output):
            trained.bundle.save(output)
    tables = [("history", history, table), ("articles", articles, article_table), ("reviews", reviews, review_table)]
    version = _register(trained, model, tables) if register else None
    result = _result(trained, version=version, seconds=time.perf_counter() - started)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(_summary(trained, result, model=model))


def compare(model: ModelName = DEFAULT_MODEL, as_json: AsJson = False) -> None:
    """Show the registered versions side by side."""
    from training.registry import default_tracking_uri, list_versions

    versions = list_versions(tracking_uri=default_tracking_uri(os.environ), model_name=model)
    if as_json:
        print(json.dumps([_version_json(version) for version in versions], ensure_ascii=False))
        return
    for version in versions:
        print(_version_line(version))


def promote(
    version: Annotated[str, typer.Argument(help="The version that is to answer from now on.")] = "challenger",
    model: ModelName = DEFAULT_MODEL,
    force: Annotated[bool, typer.Option("--force", help="Promote although the gate says no.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion, if the gate lets it pass; without a number, the latest one trained."""
    from training import registry
    from training.gates import judge

    where = {"tracking_uri": registry.default_tracking_uri(os.environ), "model_name": model}
    verdict = judge(registry.version_scorecard(version, **where), registry.champion_scorecard(**where))
    is_promoted = verdict.passed or force
    champion = registry.promote(version, **where) if is_promoted else None
    if as_json:
        findings = [{"sentence": finding.sentence, "passed": finding.passed} for finding in verdict.findings]
        print(
            json.dumps(
                {
                    "promoted": is_promoted,
                    "champion": None if champion is None else champion.version,
                    "gate_passed": verdict.passed,
                    "findings": findings,
                },
                ensure_ascii=False,
            )
        )
    else:
        for finding in verdict.findings:
            print(f"  {'ok' if finding.passed else 'NO'}  {finding.sentence}")
        if champion is not None:
            print(f"Version {champion.version} of {model} is the champion.")
        else:
            print("Not promoted: the gate says no. Train again, or promote all the same with --force.")
    if not is_promoted:
        raise typer.Exit(1)


def rollback(model: ModelName = DEFAULT_MODEL, as_json: AsJson = False) -> None:
    """Make the champion before the present one the champion again."""
    from training import registry

    version = registry.rollback(tracking_uri=registry.default_tracking_uri(os.environ), model_name=model).version
    if as_json:
        print(json.dumps({"model": model, "champion": version}))
    else:
        print(f"Version {version} of {model} is the champion again.")


def has_champion(model: str = DEFAULT_MODEL) -> bool:
    """Tell whether a model answers already."""
    from training.registry import champion_scorecard, default_tracking_uri

    return champion_scorecard(tracking_uri=default_tracking_uri(os.environ), model_name=model) is not None


def _search(budget: str | None, *, has_history: bool) -> Search | None:
    from training.durations import duration_seconds
    from training.search import Search

    if budget is None:
        return None
    if not has_history:
        raise RecipeError("--budget searches numbers for the tickets of a history: give --history FILE as well.")
    return Search(duration_seconds(budget), var_dir() / "searches")


def _article_mapping(options: list[str]) -> ColumnMapping:
    from features.history import ARTICLE_FIELDS, ColumnMapping

    return ColumnMapping.from_options(options, known_fields=ARTICLE_FIELDS)


def _write_report(problems: Any, path: Path | None) -> None:
    from training.row_reports import render_report, write_report

    print(render_report(problems), file=sys.stderr)
    if path is not None:
        write_report(problems, path)
        print(f"All {len(problems):,} are in '{path}'.", file=sys.stderr)


def _require_new_folder(path: Path) -> None:
    if path.exists():
        raise HistoryError(f"'{path}' exists already. Name a new folder with --output.")
    if not path.absolute().parent.is_dir():
        raise HistoryError(f"The folder of '{path}' does not exist. Name a new folder in one that does with --output.")


def _register(trained: Trained, model: str, tables: Sequence[tuple[str, Path | None, Any]]) -> str:
    from training.datasets import fingerprint
    from training.registry import DataSource, default_tracking_uri, log_and_register

    registered = log_and_register(
        trained,
        model_name=model,
        tracking_uri=default_tracking_uri(os.environ),
        sources=[
            DataSource(path.name, role, fingerprint(table.rows), len(table.rows))
            for role, path, table in tables
            if path is not None
        ],
    )
    return registered.version


def _result(trained: Trained, *, version: str | None, seconds: float) -> dict[str, Any]:
    metrics = dict(trained.bundle.manifest.metrics)
    articles = metrics.pop("articles", None)
    result: dict[str, Any] = {
        "model_version": version,
        "seconds": round(seconds, 2),
        "tickets": dict(trained.bundle.manifest.parts),
        "targets": metrics,
        "excluded_labels": [
            {"target": each.target, "label": each.label, "tickets": each.tickets_count} for each in trained.excluded
        ],
        "warnings": list(trained.warnings),
    }
    if trained.searched is not None:
        result["search"] = trained.searched.as_json()
    return result | {"articles": articles or {}}


def _summary(trained: Trained, result: dict[str, Any], *, model: str) -> str:
    lines = [*trained.warnings, *([trained.searched.sentence()] if trained.searched else [])]
    for target in dict.fromkeys(each.target for each in trained.excluded):
        rare = [f"{each.label} ({each.tickets_count})" for each in trained.excluded if each.target == target]
        lines.append(f"Labels of {target} with too few tickets are left out: {', '.join(rare)}.")
    counts = result["tickets"]
    if counts["read"]:
        lines.append(
            f"{counts['read']:,} tickets read: {counts['train']:,} to train, {counts['evidence']:,} as evidence, "
            f"{counts['test']:,} to test, {counts['invalid']:,} invalid, {counts['duplicates']:,} repeated."
        )
    lines += _review_lines(counts)
    if result["targets"]:
        lines.append(f"{'target':<10}{'accuracy':>10}{'baseline':>10}{'macro F1':>10}{'baseline':>10}{'majority':>10}")
    for name, figures in result["targets"].items():
        plain = figures["baseline"]
        lines.append(
            f"{name:<10}{figures['accuracy']:>10.3f}{plain['accuracy']:>10.3f}{figures['macro_f1']:>10.3f}"
            f"{plain['macro_f1']:>10.3f}{figures['majority']:>10.3f}"
        )
    found = result.get("articles", {})
    if "recall_at_5" in found:
        lines.append(
            f"The right article is among the first five for {found['recall_at_5']:.0%} "
            f"of {found['tickets']} test tickets ({found['baseline']['recall_at_5']:.0%} from the articles alone)."
        )
    elif found:
        lines.append(f"{found['articles']:,} articles are ranked; no test ticket names the one that solved it.")
    version = result["model_version"]
    lines.append(
        f"Version {version} of {model} is registered; {result['seconds']:.1f} s."
        if version
        else f"Not registered; {result['seconds']:.1f} s."
    )
    return "\n".join(lines)


def _review_lines(counts: Mapping[str, int]) -> list[str]:
    told = {name.removeprefix("reviews_"): count for name, count in counts.items() if name.startswith("reviews_")}
    said = [f"{count:,} {name.replace('_', ' ')}" for name, count in told.items() if count]
    return [f"Labels of reviews: {', '.join(said) or 'none'}."] if told else []


def _accuracies(version: VersionSummary) -> dict[str, float]:
    return {
        name.removesuffix("/accuracy"): value
        for name, value in version.metrics.items()
        if name.count("/") == 1 and name.endswith("/accuracy")
    }


def _version_json(version: VersionSummary) -> dict[str, Any]:
    return {
        "version": version.version,
        "created_at": version.created_at.isoformat(),
        "aliases": list(version.aliases),
        "tags": dict(version.tags),
        "accuracy": _accuracies(version),
    }


def _version_line(version: VersionSummary) -> str:
    figures = ", ".join(f"{target} {value:.3f}" for target, value in _accuracies(version).items())
    aliases = f" [{', '.join(version.aliases)}]" if version.aliases else ""
    return f"version {version.version}{aliases}  {version.created_at:%Y-%m-%d %H:%M}  {figures}"
