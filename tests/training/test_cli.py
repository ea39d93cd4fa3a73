"""The verbs of a data scientist, as a person or a script calls them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from features.bundle import ModelBundle
from features.errors import HistoryError, InvalidRowsError, RecipeError, RegistryError
from training.cli import add_commands

Run: TypeAlias = Callable[..., Result]
_TOPICS = {"network": ("vpn", "tunnel", "접속이"), "printer": ("paper", "toner", "용지가")}
_FILLERS = ("please", "again", "오늘", "자꾸", "the", "desk", "since", "안돼요")
ARTICLES: list[dict[str, object]] = [
    {"id": "KB-1", "title": "VPN tunnel drops", "body": "Restart the tunnel"},
    {"id": "KB-2", "title": "Paper jam", "body": "Take out the paper and the toner"},
]
RECIPE = 'name = "tiny"\nleast_tickets_per_label = 5\nneighbours = false\n[boosted]\nrounds = 20\n[split]\nfolds = 2\n'


def _tickets(count: int = 100, **columns: Callable[[int], object]) -> list[dict[str, object]]:
    """Return tickets of two categories, the last fifth of which is the test part, with columns by number."""
    random = np.random.default_rng(4)
    rows: list[dict[str, object]] = []
    for number in range(count):
        category = list(_TOPICS)[number % 2]
        words = [*random.choice(_TOPICS[category], 2), *random.choice(_FILLERS, 4), str(number)]
        row: dict[str, object] = {
            "id": f"HD-{number}",
            "subject": words[0],
            "body": " ".join(words[1:]),
            "category": category,
            "priority": ("high", "normal", "low")[number % 3],
            "article_ids": [f"KB-{number % 2 + 1}"],
            "part": "test" if number >= count * 4 // 5 else "train",
        }
        rows.append(row | {name: value(number) for name, value in columns.items()})
    return rows


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the verbs run, with a history, articles and a small recipe."""
    _write(tmp_path / "tickets.jsonl", _tickets())
    _write(tmp_path / "articles.jsonl", ARTICLES)
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "TRIAGE_VAR"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Run a verb in this process."""
    app = typer.Typer()
    add_commands(app)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def train(run: Run) -> Callable[..., dict[str, Any]]:
    """Train without registering, and return what is printed as JSON."""

    def train_(*options: str) -> dict[str, Any]:
        history = () if "--history" in options else ("--history", "tickets.jsonl")
        result = run("train", *history, "--recipe", "tiny.toml", "--no-register", "--json", *options)
        assert result.exit_code == 0, result.stderr
        printed: dict[str, Any] = json.loads(result.stdout)
        return printed

    return train_


# --- what train prints ------------------------------------------------------------------------------------------------


def test_train_ends_with_one_json_object(run: Run, folder: Path) -> None:
    """With --json standard output holds the result alone, on one line; how far it is goes to standard error."""
    options = ("--history", "tickets.jsonl", "--articles", "articles.jsonl", "--recipe", "tiny.toml", "--no-register")
    result = run("train", *options, "--json")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    printed = json.loads(result.stdout)
    assert printed["model_version"] is None
    assert printed["seconds"] > 0
    assert set(printed["tickets"]) == {"read", "invalid", "duplicates", "train", "evidence", "test"}
    assert printed["tickets"]["read"] == 100
    assert set(printed["targets"]) == {"category", "priority"}
    for figures in printed["targets"].values():
        assert {"accuracy", "macro_f1", "log_loss", "calibration_error"} <= set(figures)
        assert set(figures["baseline"]) == {"accuracy", "macro_f1"}
        assert 0 <= figures["accuracy"] <= 1
    assert printed["articles"]["recall_at_5"] == 1.0
    assert "category: out of fold: 100%" in result.stderr


def test_train_tells_a_person_what_came_out(run: Run) -> None:
    """Without --json the counts, a table with the baseline beside ours, and the articles' recall are shown."""
    result = run(
        *("train", "--history", "tickets.jsonl", "--articles", "articles.jsonl"),
        *("--recipe", "tiny.toml", "--no-register"),
    )
    assert "100 tickets read: 70 to train, 15 as evidence, 15 to test, 0 invalid, 0 repeated." in result.stdout
    header, category, priority = result.stdout.splitlines()[-5:-2]
    assert header.split() == ["target", "accuracy", "baseline", "macro", "F1", "baseline", "majority"]
    assert (category.split()[0], priority.split()[0]) == ("category", "priority")
    assert "The right article is among the first five for 100% of 15 test tickets" in result.stdout
    assert "Not registered" in result.stdout


def test_nothing_is_written_unless_asked_for(train: Callable[..., Any], folder: Path) -> None:
    """Without registering and --output a training run leaves no file, neither here nor under var."""
    before = sorted(folder.rglob("*"))
    train()
    assert sorted(folder.rglob("*")) == before


def test_the_bundle_can_be_kept(train: Callable[..., Any], folder: Path) -> None:
    """--output writes a bundle that loads, with the recipe and the seed of the run."""
    train("--output", "bundle", "--seed", "11", "--articles", "articles.jsonl")
    bundle = ModelBundle.load(folder / "bundle")
    assert (bundle.manifest.seed, bundle.manifest.recipe["name"]) == (11, "tiny")
    assert bundle.articles is not None


def test_articles_alone_can_be_trained(run: Run) -> None:
    """Without a history no ticket is counted and no target shown."""
    result = run("train", "--articles", "articles.jsonl", "--no-register", "--json")
    printed = json.loads(result.stdout)
    assert (printed["targets"], printed["tickets"]["read"], printed["articles"]["articles"]) == ({}, 0, 2)
    shown = run("train", "--articles", "articles.jsonl", "--no-register").stdout
    assert "2 articles are ranked" in shown
    assert "tickets read" not in shown


# --- a search before training -----------------------------------------------------------------------------------------


def test_a_search_before_training_is_told(train: Callable[..., Any], folder: Path) -> None:
    """With --budget the result holds what was tried, gained and changed, and the same command goes on from it."""
    first = train("--budget", "0.1s")["search"]
    assert first["trials"] >= 1
    assert first["earlier"] == 0
    assert first["out_of_fold_log_loss"] <= first["out_of_fold_log_loss_as_given"]
    assert train("--budget", "0.1s")["search"]["earlier"] == first["trials"]
    assert len(list((folder / "var" / "searches").iterdir())) == 1


def test_a_search_is_told_to_a_person(run: Run) -> None:
    """A line of the summary says how many trials there were and what came of them."""
    result = run(
        *("train", "--history", "tickets.jsonl", "--recipe", "tiny.toml", "--no-register", "--budget", "0.1s"),
    )
    assert re.search(r"Search: \d+ trials? \(\d+ pruned\), ", result.stdout)
    assert "searching" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--history", "tickets.jsonl", "--budget", "soon"), "'soon' is no duration"),
        (("--articles", "articles.jsonl", "--budget", "10m"), "give --history FILE as well"),
    ],
)
def test_a_search_that_cannot_be_is_refused(run: Run, options: tuple[str, ...], said: str) -> None:
    """What is no duration, and a search without a history, are refused before anything is read."""
    with pytest.raises(RecipeError, match=said):
        run("train", "--no-register", *options)


# --- what train is told -----------------------------------------------------------------------------------------------


def test_columns_are_mapped_and_the_mapping_kept(train: Callable[..., Any], folder: Path) -> None:
    """A history of other column names is read by --map; saved, the mapping does the same by --mapping."""
    renamed = [{"Nr": row["id"], "Text": row["body"], "Topic": row["category"]} for row in _tickets()]
    _write(folder / "export.jsonl", renamed)
    options = ("--map", "id=Nr", "--map", "body=Text", "--map", "category=Topic", "--save-mapping", "saved.toml")
    stated = train("--history", "export.jsonl", *options)
    assert set(stated["targets"]) == {"category"}
    again = train("--history", "export.jsonl", "--mapping", "saved.toml")
    assert again["targets"] == stated["targets"]


def test_a_default_and_a_restriction_take_labels_out(train: Callable[..., Any], folder: Path) -> None:
    """A value that nobody chose is no label, and labels count only in the rows that are named."""
    assert train()["targets"]["priority"]["labels"] == 3
    assert train("--default", "priority=Normal")["targets"]["priority"]["labels"] == 2
    restricted = train("--only", "priority:category=network")["targets"]
    assert restricted["priority"]["tickets"] < restricted["category"]["tickets"]


def test_an_order_is_stated(train: Callable[..., Any], folder: Path) -> None:
    """Labels of no known scale are learned in the order that --order states."""
    _write(folder / "tickets.jsonl", _tickets(priority=lambda number: ("whenever", "soon")[number % 2]))
    train("--order", "priority=soon, whenever", "--output", "bundle")
    labels = {target.name: target.labels for target in ModelBundle.load(folder / "bundle").targets}
    assert labels["priority"] == ("soon", "whenever")


def test_a_split_is_given_by_a_column(train: Callable[..., Any]) -> None:
    """The column says which tickets are the test part."""
    assert train("--split-column", "part")["tickets"]["test"] == 20


def test_a_glossary_becomes_part_of_the_model(train: Callable[..., Any], folder: Path) -> None:
    """The site's words are saved with the bundle."""
    (folder / "words.toml").write_text('[terms]\nVPN = ["브이피엔"]\n', encoding="utf-8")
    train("--glossary", "words.toml", "--output", "bundle")
    assert ModelBundle.load(folder / "bundle").glossary.terms == {"VPN": ("브이피엔",)}


def test_invalid_rows_are_reported_and_can_be_left_out(train: Callable[..., Any], run: Run, folder: Path) -> None:
    """Rows that break a check stop the run with a table and a file; --drop-invalid goes on and counts them."""
    _write(folder / "tickets.jsonl", _tickets(created_at=lambda number: "soon" if number in (3, 5) else "2026-02-03"))
    with pytest.raises(InvalidRowsError, match="2 of the 100 rows"):
        run("train", "--history", "tickets.jsonl", "--no-register", "--report", "report.csv")
    report = (folder / "report.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in report] == ["line", "4", "6"]
    (folder / "report.csv").unlink()
    printed = train("--drop-invalid", "--report", "report.csv")
    assert (printed["tickets"]["read"], printed["tickets"]["invalid"]) == (100, 2)
    assert (folder / "report.csv").exists()


def test_rare_labels_are_listed(train: Callable[..., Any], run: Run, folder: Path) -> None:
    """A label with too few tickets is named with its count, for a script and for a person."""
    _write(
        folder / "tickets.jsonl",
        _tickets(priority=lambda number: "urgent" if number < 3 else ("high", "low")[number % 2]),
    )
    assert train()["excluded_labels"] == [{"target": "priority", "label": "urgent", "tickets": 3}]
    shown = run("train", "--history", "tickets.jsonl", "--recipe", "tiny.toml", "--no-register").stdout
    assert "Labels of priority with too few tickets are left out: urgent (3)." in shown


# --- the registry -----------------------------------------------------------------------------------------------------


def test_a_worse_version_is_promoted_by_force_alone(run: Run, folder: Path, empty_mlflow_database: bytes) -> None:
    """Versions are registered one after the other; the gate refuses a worse one, and a promotion can be undone."""
    (folder / "var").mkdir()
    (folder / "var" / "mlflow.db").write_bytes(empty_mlflow_database)
    options = ("--recipe", "tiny.toml", "--split-column", "part", "--json")

    _write(folder / "good.jsonl", _tickets(priority=lambda _: None))
    _write(folder / "worse.jsonl", _tickets(priority=lambda _: None, category=_turned_round))

    first = json.loads(run("train", "--history", "good.jsonl", *options).stdout)
    assert first["model_version"] == "1"
    second = run("train", "--history", "worse.jsonl", "--recipe", "tiny.toml", "--split-column", "part")
    assert second.stdout.splitlines()[-1].startswith("Version 2 of ticket-triage is registered; ")
    listed = json.loads(run("compare", "--json").stdout)
    assert [(version["version"], version["aliases"]) for version in listed] == [
        ("2", ["challenger"]),
        ("1", ["champion"]),
    ]
    assert listed[1]["accuracy"]["category"] == first["targets"]["category"]["accuracy"]
    assert run("compare").stdout.splitlines()[0].startswith("version 2 [challenger]")

    refused = run("promote")
    assert refused.exit_code == 1
    assert "  NO  category: accuracy is 0.000" in refused.stdout
    assert refused.stdout.splitlines()[-1].startswith("Not promoted: the gate says no.")
    forced = run("promote", "2", "--force", "--json")
    assert forced.exit_code == 0
    printed = json.loads(forced.stdout)
    assert (printed["promoted"], printed["champion"], printed["gate_passed"]) == (True, "2", False)
    assert not all(finding["passed"] for finding in printed["findings"])
    assert run("rollback").stdout == "Version 1 of ticket-triage is the champion again.\n"
    again = run("promote", "1")
    assert again.exit_code == 0
    assert again.stdout.splitlines()[-1] == "Version 1 of ticket-triage is the champion."


def _turned_round(number: int) -> str:
    """Return the right label in the test part and the wrong one everywhere else."""
    return list(_TOPICS)[number % 2 if number >= 80 else 1 - number % 2]


def test_an_empty_registry_is_said_to_be_empty(run: Run, folder: Path) -> None:
    """Where nothing is registered there is nothing to compare, promote or go back to, and no database is made."""
    assert json.loads(run("compare", "--json").stdout) == []
    for verb in ("promote", "rollback"):
        with pytest.raises(RegistryError, match="No model 'ticket-triage' is registered yet"):
            run(verb)
    assert not (folder / "var").exists()


def test_tiers_are_told_from_a_log_of_events(train: Callable[..., dict[str, Any]], folder: Path) -> None:
    """A log of two rows a ticket trains the tier of the group that solved it, and says which groups have none."""
    events: list[dict[str, object]] = []
    for number, row in enumerate(_tickets()):
        first = row | {"step": 0, "state": "new", "team": "desk"}
        solver = ("desk", "network")[number % 2] if number % 20 else "legal"
        events += [first, first | {"step": 1, "state": "solved", "team": solver}]
    _write(folder / "events.jsonl", events)
    printed = train(
        *("--history", "events.jsonl", "--map", "group=team", "--events", "step", "--solved", "state=solved"),
        *("--tier", "1=Desk", "--tier", "2=Network"),
    )
    assert printed["tickets"]["read"] == 100
    assert printed["targets"]["tier"]["labels"] == 2
    assert any("their 5 tickets get none: legal (5)" in warning for warning in printed["warnings"])
    counted = train("--history", "events.jsonl", "--map", "group=team", "--events", "step", "--tier-by-reassignments")
    assert counted["targets"]["tier"]["labels"] == 2


def test_a_leak_is_refused_unless_it_is_allowed(train: Callable[..., dict[str, Any]], run: Run, folder: Path) -> None:
    """A column that is filled in later stops the training; --allow-leak vouches for it."""
    _write(folder / "leaky.jsonl", _tickets(**{"Closed by": lambda number: f"E-{number % 3}"}))
    options = ("--history", "leaky.jsonl", "--map", "attributes.by=Closed by")
    with pytest.raises(HistoryError, match='--allow-leak "Closed by"'):
        run("train", *options, "--recipe", "tiny.toml", "--no-register")
    assert "category" in train(*options, "--allow-leak", "Closed by")["targets"]


# --- help -------------------------------------------------------------------------------------------------------------


def _verbs() -> dict[str, Any]:
    """Return what the command line knows of each verb."""
    app = typer.Typer()
    add_commands(app)
    group: Any = typer.main.get_command(app)
    verbs: dict[str, Any] = group.commands
    return verbs


def test_every_verb_and_option_is_explained() -> None:
    """Each verb says in a sentence what it does, and each of its options what it is for."""
    for verb, command in _verbs().items():
        assert command.help, verb
        assert command.help.split("\n")[0].endswith("."), verb
        for parameter in command.params:
            assert getattr(parameter, "help", ""), f"{verb} {parameter.name}"


def test_train_takes_the_options_that_are_promised(run: Run) -> None:
    """The options of a training run are those of the documents."""
    options = {option for parameter in _verbs()["train"].params for option in parameter.opts}
    options |= {option for parameter in _verbs()["train"].params for option in parameter.secondary_opts}
    assert {
        *("--history", "--articles", "--map", "--mapping", "--recipe", "--split-column", "--seed", "--register"),
        *("--no-register", "--json", "--report", "--drop-invalid", "--glossary", "--default"),
    } <= options
    assert "--json" in run("promote", "--help").stdout


@pytest.mark.parametrize("seed", ["-1", "2147483648", "soon"])
def test_a_seed_that_cannot_be_used_is_refused(run: Run, seed: str) -> None:
    """A seed is a number that every library takes; another one is refused before anything is read."""
    result = run("train", "--history", "gone.jsonl", "--seed", seed)
    assert result.exit_code == 2
    assert "--seed" in result.stderr
    assert "Traceback" not in result.stderr
