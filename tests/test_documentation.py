"""What the documents claim: commands run, replies have their real shape, tables match the code, links lead on."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from fastapi import FastAPI
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner, Result

import triage
from features.answers import ModelIdentity, answer
from features.errors import InvalidRowsError
from features.glossary import Glossary
from features.history import ARTICLE_FIELDS, TICKET_FIELDS
from serving.api_replies import AnswerReply, ProblemReply
from serving.api_schemas import read_ticket
from serving.app import create_app
from serving.connections import read_connections
from serving.model_store import RegisteredVersion
from serving.settings import describe_settings, load_settings
from training.fit import Trained
from training.recipe import SHIPPED, load_recipe

_ROOT = Path(__file__).resolve().parents[1]
_READMES = ("README.md", "README.ko.md")
_DOCUMENTS = (*_READMES, "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", "docs/helpdesks.md")
_LEFT_OUT = "..."
# What a target's answer has only where another label than the likeliest is expected to cost less.
_OPTIONAL = {"advised", "set"}
_OTHER_COMMANDS = {"curl", "mlflow", "source"}
_KEY = re.compile(r"tt_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")
# A recipe that trains in a second or two.
_TINY_RECIPE = 'name = "tiny"\nleast_tickets_per_label = 6\n[boosted]\nrounds = 10\n[split]\nfolds = 2\n'
_EVERY_README = pytest.mark.parametrize("readme", _READMES)
_EVERY_DOCUMENT = pytest.mark.parametrize("document", _DOCUMENTS)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a document: its language and its text."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A Markdown document, taken apart: its fenced blocks, and its lines outside of them."""

    blocks: tuple[Block, ...]
    lines: tuple[str, ...]

    @property
    def prose(self) -> str:
        """Everything outside the fenced blocks."""
        return "\n".join(self.lines)

    @property
    def headings(self) -> list[str]:
        """The headings, each with its signs."""
        return [line for line in self.lines if line.startswith("#")]

    @property
    def tables(self) -> list[list[list[str]]]:
        """The tables as rows of cells, the header first."""
        tables: list[list[list[str]]] = [[]]
        for line in self.lines:
            if line.startswith("|"):
                tables[-1].append([cell.strip() for cell in line.strip().strip("|").split("|")])
            elif tables[-1]:
                tables.append([])
        return [[row for row in table if set("".join(row)) - set("-: ")] for table in tables if table]

    @property
    def code_spans(self) -> list[str]:
        """What stands between single backticks."""
        return re.findall(r"`([^`\n]+)`", self.prose)

    def texts(self, language: str) -> list[str]:
        """Return the texts of the blocks in a language."""
        return [block.text for block in self.blocks if block.language == language]

    @property
    def commands(self) -> list[list[str]]:
        """The command lines of the console blocks, each in words, without variables set before them."""
        lines = "\n".join(self.texts("console")).replace("\\\n", " ").splitlines()
        return [_without_variables(shlex.split(line)) for line in lines if line.strip()]


def _without_variables(words: list[str]) -> list[str]:
    return words[1:] if "=" in words[0] else words


def _read(name: str) -> Document:
    blocks, lines, inside = [], [], None
    for line in (_ROOT / name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("```"):
            (lines if inside is None else inside[1]).append(line)
        elif inside is None:
            inside = (line.removeprefix("```"), list[str]())
        else:
            blocks.append(Block(inside[0], "\n".join(inside[1])))
            inside = None
    assert inside is None, f"a block of {name} is not closed"
    return Document(tuple(blocks), tuple(lines))


def _sample(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_ROOT / "data" / name).read_text(encoding="utf-8").splitlines()]


def _parse(words: list[str]) -> None:
    """Parse the words after `triage` as the command line would; raise what it raises."""
    command: Any = typer.main.get_command(triage.app)
    while hasattr(command, "commands"):
        verb, *words = words
        command = command.commands[verb]
    command.make_context(verb, words)


def _run(words: list[str]) -> Result:
    # On a busy machine LightGBM's threads wait for each other twenty times as long as they compute.
    with threadpool_limits(limits=1):
        return CliRunner().invoke(triage.app, words)


# Commands


@_EVERY_DOCUMENT
def test_command_lines_parse(document: str) -> None:
    """Every line of a console block is a command of ours that takes these options, a make target, or a known tool."""
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in _read(document).commands:
        if words[0] == "triage" and words[-1] != "--help":
            _parse(words[1:])
        elif words[0] == "triage":
            assert _run(words[1:]).exit_code == 0
        elif words[0] == "make":
            assert words[1] in targets
        else:
            assert words[0] in _OTHER_COMMANDS, words


@_EVERY_DOCUMENT
def test_commands_in_sentences_exist(document: str) -> None:
    """A command that a sentence or a table names is a verb of ours or a make target; one with options parses."""
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    for span in _read(document).code_spans:
        words = _without_variables(span.split())
        if words[:1] == ["make"] and len(words) > 1:
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), span
        elif words[:1] == ["triage"] and any(word.startswith("--") for word in words):
            _parse(shlex.split(span)[1:])
        elif words[:1] == ["triage"] and len(words) > 1:
            assert _run([*words[1:], "--help"]).exit_code == 0, span


def test_readmes_show_every_verb() -> None:
    """No verb of the command is missing from the README, but `demo`, which `make demo` stands for."""
    command: Any = typer.main.get_command(triage.app)
    shown = {words[1] for words in _read("README.md").commands if words[0] == "triage"}
    assert shown == set(command.commands) - {"demo"}


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an export as the README maps it, made of every fourth sample ticket, and what it names besides."""
    monkeypatch.chdir(tmp_path)
    columns = {"Number": "id", "Short description": "subject", "Description": "body", "Opened": "created_at"}
    columns |= {"Closed": "resolved_at", "Service": "category", "Assignment group": "group", "Location": "organization"}
    with (tmp_path / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "Priority", "When", "Type"])
        for ticket in _sample("sample_tickets.jsonl")[::4]:
            tier = int(ticket["tier"])
            scales = [f"P{tier}", ("now", "today", "week")[tier - 1], ticket["kind"].capitalize()]
            writer.writerow([*(ticket[field] for field in columns.values()), *scales])
    articles = _sample("sample_articles.jsonl")
    with (tmp_path / "articles.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "title", "body"], *([each["id"], each["title"], each["body"]] for each in articles)])
    recipe, glossary, _ = _read("README.md").texts("toml")
    (tmp_path / "ours.toml").write_text(recipe, encoding="utf-8")
    (tmp_path / "words.toml").write_text(glossary, encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(_TINY_RECIPE, encoding="utf-8")
    return tmp_path


def test_training_commands_run_as_written(export: Path) -> None:
    """The README's lines on one's own export train on such an export, one after the other."""
    lines = [words for words in _read("README.md").commands if words[:3] == ["triage", "train", "--history"]]
    for words in lines:
        recipe = [] if "--recipe" in words else ["--recipe", "tiny.toml"]
        # What comes later wins: a search is begun as written, and is not waited for.
        budget = ["--budget", "1s"] if "--budget" in words else []
        done = _run([*words[1:], *recipe, *budget, "--no-register", "--json"])
        assert done.exit_code == 0, (words, done.output, done.exception)
        assert json.loads(done.stdout.splitlines()[-1])["targets"]
    assert len(lines) >= 5


def test_report_is_the_one_that_readmes_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that break the checks are reported in the words of the README, and nothing is written but the report."""
    monkeypatch.chdir(tmp_path)
    english, korean = (_read(name) for name in _READMES)
    (shown,) = english.texts("text")
    assert korean.texts("text") == [shown]
    rows = [
        "Number,Short description,Description,Opened,Closed,Service,Assignment group,Priority,Location",
        "4001,VPN,The tunnel drops every five minutes,2026-05-14 09:12,2026-05-14 11:00,network,network-ops,P2,Busan",
        "4002,프린터,출력이 안 됩니다,2026-05-14 09:20,2026-05-13 10:00,printing,workplace,P3,Seoul",
        "4003,,,2026-05-14 09:31,,hr,people-ops,P3,Seoul",
        "4004,Payslip,Where is the one for April?,2026-13-40,,hr,people-ops,P4,Rotterdam",
    ]
    (tmp_path / "tickets.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    mapping = next(words for words in english.commands if "--save-mapping" in words)
    assert isinstance(_run(mapping[1:]).exception, InvalidRowsError)
    done = _run(next(words for words in english.commands if "--report" in words)[1:])
    assert isinstance(done.exception, InvalidRowsError)
    assert done.stderr.startswith(shown + "\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mapping.toml", "rejected.csv", "tickets.csv"]


@_EVERY_README
def test_recipe_and_glossary_load(readme: str, tmp_path: Path) -> None:
    """The recipe and the glossary that a README shows can be used."""
    recipe, glossary, _ = _read(readme).texts("toml")
    (tmp_path / "ours.toml").write_text(recipe, encoding="utf-8")
    (tmp_path / "words.toml").write_text(glossary, encoding="utf-8")
    assert load_recipe(str(tmp_path / "ours.toml")).name == "ours"
    assert Glossary.from_toml(tmp_path / "words.toml").apply("한ERP에서 브이피엔") == "HanERP에서 VPN"


@pytest.mark.parametrize("document", [*_READMES, "docs/helpdesks.md"])
def test_connections_load(document: str, tmp_path: Path) -> None:
    """The connections that a document shows are read as they stand, with secrets from the environment."""
    shown = [text for text in _read(document).texts("toml") if "vendor = " in text]
    (tmp_path / "helpdesks.toml").write_text("\n".join(shown), encoding="utf-8")
    environ = dict.fromkeys(re.findall(r'"env:(\w+)"', "\n".join(shown)), "secret")
    assert read_connections(tmp_path / "helpdesks.toml", environ=environ).by_name


@_EVERY_README
def test_shipped_recipes_are_named(readme: str) -> None:
    """A README names every recipe that ships."""
    assert set(SHIPPED) <= set(_read(readme).code_spans)


# Replies


class _OneBundle:
    """A registry that holds one version of one model."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle

    def resolve(self, name: str, *, alias: str, version: str) -> RegisteredVersion:
        """Return the one version."""
        return RegisteredVersion(version or "1", f"{name} {alias}")

    def download(self, name: str, version: str, into: Path) -> Path:
        """Copy it."""
        return Path(shutil.copytree(self._bundle, into / name / version))


@dataclass(frozen=True, slots=True)
class Service:
    """A service with a small model, and the key that the README's own line made for it."""

    app: FastAPI
    key: str

    def answers(self, *requests: httpx.Request) -> Sequence[httpx.Response]:
        """Start the service, send it requests one after the other from this machine, and stop it."""

        async def sent() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app)
            async with self.app.router.lifespan_context(self.app), httpx.AsyncClient(transport=transport) as client:
                return [await client.send(request) for request in requests]

        return asyncio.run(sent())


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample_bundle: Path) -> Service:
    """A service that writes into a folder of the test."""
    monkeypatch.setenv("TRIAGE_VAR_DIR", str(tmp_path))
    words = next(words for words in _read("README.md").commands if words[:3] == ["triage", "keys", "create"])
    printed = _KEY.search(_run(words[1:]).stdout)
    assert printed is not None
    settings = load_settings({"TRIAGE_VAR_DIR": str(tmp_path)})
    return Service(create_app(settings, model_source=_OneBundle(sample_bundle)), printed.group())


def _request_of_curl(words: list[str], *, key: str) -> httpx.Request:
    """Return the request that a curl line sends from a shell in which `$KEY` is a key."""
    options = list(zip(words[2::2], words[3::2], strict=True))
    headers = dict(value.replace("$KEY", key).split(": ", 1) for option, value in options if option == "-H")
    (body,) = (value for option, value in options if option == "-d")
    return httpx.Request("POST", words[1], headers=headers, content=body.encode())


def test_curl_line_is_answered(service: Service) -> None:
    """The README's request, with a key made by its own line, is answered, and a repetition gets the same answer."""
    (words,) = (words for words in _read("README.md").commands if words[0] == "curl" and ":8000/" in words[1])
    first, second = service.answers(*(_request_of_curl(words, key=service.key) for _ in range(2)))
    assert (first.status_code, second.status_code) == (200, 200)
    AnswerReply.model_validate_json(first.content)
    assert second.content == first.content
    assert second.headers["Idempotent-Replayed"] == "true"


def test_problem_is_the_one_that_readmes_show(service: Service) -> None:
    """A date that is none is refused in the words of the README."""
    _, shown = map(json.loads, _read("README.md").texts("json"))
    ticket = {"subject": "VPN", "created_at": "yesterday"}
    (replied,) = service.answers(httpx.Request("POST", "http://127.0.0.1:8000/v1/score", json=ticket))
    assert replied.status_code == shown["status"]
    assert replied.json() == shown
    ProblemReply.model_validate(shown)


@_EVERY_README
def test_readmes_list_every_route(readme: str) -> None:
    """The table of routes holds those of the API's own description, and no other."""
    paths = create_app(load_settings({})).openapi()["paths"]
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    rows = [row[0] for table in _read(readme).tables for row in table]
    assert {cell.strip("`") for cell in rows if re.match(r"`(GET|POST) /", cell)} == described


def _without_marks(shown: Any) -> Any:
    """Return a shortened reply without the marks of what was left out."""
    if isinstance(shown, list):
        return [_without_marks(entry) for entry in shown if entry != _LEFT_OUT]
    if isinstance(shown, dict):
        return {name: _without_marks(value) for name, value in shown.items()}
    return shown


def _assert_same_shape(shown: Any, real: Any) -> None:
    """Fail where a shortened reply has other names, in another order, or other types than a real one."""
    assert type(shown) is type(real), (shown, real)
    if isinstance(real, dict):
        assert [name for name in shown if name not in _OPTIONAL] == [name for name in real if name not in _OPTIONAL]
        for name in shown.keys() & real.keys():
            _assert_same_shape(shown[name], real[name])
    elif isinstance(real, list) and real:
        for entry in shown:
            if entry != _LEFT_OUT:
                _assert_same_shape(entry, real[0])


@_EVERY_README
def test_reply_has_the_shape_of_a_real_one(readme: str, sample_trained: Trained) -> None:
    """The scored ticket of a README is shaped as the demo ticket's answer, and is an answer by the API's own schema."""
    shown = json.loads(_read(readme).texts("json")[0])
    sent = json.loads((_ROOT / "data" / "demo_ticket_ko.json").read_text(encoding="utf-8"))
    incoming = read_ticket(sent, max_text_characters=100_000)
    (scored,) = sample_trained.bundle.score([incoming.ticket])
    real = answer(scored, model=ModelIdentity("ticket-triage", "1", "champion"))
    _assert_same_shape(shown, real)
    AnswerReply.model_validate(_without_marks(shown))
    assert shown["ticket_id"] == sent["id"]
    assert shown["warnings"] == real["warnings"]


def test_reply_speaks_of_the_sample() -> None:
    """Labels, articles and similar tickets of the shown reply are those of the sample; whole lists sum to one."""
    shown = json.loads(_read("README.md").texts("json")[0])
    taxonomy = tomllib.loads((_ROOT / "data" / "taxonomy.toml").read_text(encoding="utf-8"))
    for name, target in shown["targets"].items():
        ranked = [target, *_without_marks(target["alternatives"])]
        assert {entry["label"] for entry in ranked} <= set(taxonomy[name])
        total = sum(entry["probability"] for entry in ranked)
        whole = _LEFT_OUT not in target["alternatives"]
        assert abs(total - 1) < 0.001 if whole else total < 1
    articles = {article["id"]: article for article in _sample("sample_articles.jsonl")}
    for shown_article in _without_marks(shown["articles"]):
        article = articles[shown_article["id"]]
        assert (shown_article["title"], shown_article["url"]) == (article["title"], article["url"])


# Tables


def _settings_of(readme: str) -> list[list[str]]:
    tables = _read(readme).tables
    (table,) = (table for table in tables if any("TRIAGE_VAR_DIR" in row[0] for row in table))
    return table[1:]


def test_settings_are_those_of_the_code() -> None:
    """The README's table of settings is what the settings say of themselves."""
    described = [[f"`{row.variable}`", f"`{row.default}`", row.description] for row in describe_settings()]
    assert _settings_of("README.md") == described


def test_korean_settings_are_the_same() -> None:
    """The Korean table has the same variables and defaults, each with a meaning in Korean."""
    english, korean = _settings_of("README.md"), _settings_of("README.ko.md")
    assert [row[:2] for row in korean] == [row[:2] for row in english]
    assert all(re.search("[가-힣]", row[2]) for row in korean)


@_EVERY_README
def test_columns_are_those_of_the_rows(readme: str) -> None:
    """The table of columns names every field of a ticket and of an article once."""
    (table,) = (table for table in _read(readme).tables if any("`article_ids`" in row[1] for row in table))
    *ticket_rows, article_row = table[1:]
    named = [name for row in ticket_rows for name in re.findall(r"`([^`]+)`", row[1])]
    assert sorted(named) == sorted(name if name != "attributes" else "attributes.*" for name in TICKET_FIELDS)
    assert re.findall(r"`([^`]+)`", article_row[1]) == list(ARTICLE_FIELDS)


@_EVERY_DOCUMENT
def test_no_figure_is_left_open(document: str) -> None:
    """Every figure of the documents was measured and filled in."""
    assert "@@" not in (_ROOT / document).read_text(encoding="utf-8")


# Links and the two languages


@_EVERY_DOCUMENT
def test_links_lead_to_files(document: str) -> None:
    """Every link that is no web address leads to a file of the repository."""
    place = (_ROOT / document).parent
    links = re.findall(r"\]\(([^)\s]+)\)", _read(document).prose)
    missing = [link for link in links if "://" not in link and not (place / link).exists()]
    assert not missing


def test_named_files_exist() -> None:
    """Every file and folder that the documents name in code letters is there."""
    for document in (*_READMES, "CONTRIBUTING.md"):
        for span in _read(document).code_spans:
            is_path = re.fullmatch(r"[a-z_]+(/[a-z_]+)*(/|\.(py|toml|txt|md|svg))", span)
            if is_path and span not in ("contracts/", "journeys/"):
                assert (_ROOT / span).exists(), f"{document}: {span}"


def test_pictures_are_the_same_but_for_their_language() -> None:
    """Both READMEs show as many pictures, and each Korean one is drawn as the English one."""
    drawn = []
    for readme in _READMES:
        pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", _read(readme).prose)
        texts = [(_ROOT / picture).read_text(encoding="utf-8") for picture in pictures]
        drawn.append([re.findall(r"<(rect|path)\b", text) for text in texts])
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 1


def _structure(document: Document) -> dict[str, Any]:
    links = re.findall(r"\]\(([^)\s]+)\)", document.prose)
    return {
        "headings": [heading.split(" ")[0] for heading in document.headings],
        "blocks": [
            (block.language, re.sub(r"^#.*$", "#", block.text, flags=re.MULTILINE)) for block in document.blocks
        ],
        "tables": [[len(row) for row in table] for table in document.tables],
        "links": sorted(link.replace(".ko.", ".") for link in links),
    }


def test_both_readmes_are_built_alike() -> None:
    """The Korean README has the headings, blocks, tables and links of the English one; comments are translated."""
    english, korean = (_structure(_read(name)) for name in _READMES)
    for part in english:
        assert korean[part] == english[part], part


def test_both_readmes_give_the_same_figures() -> None:
    """Row by row the tables of figures hold the same numbers."""
    english, korean = (
        [
            [sorted(re.findall(r"\d[\d.,]*\d|\d", cell)) for cell in row]
            for table in _read(name).tables
            for row in table
            if "make bench-serving" in str(table)
        ]
        for name in _READMES
    )
    assert len(english) > 10
    assert korean == english
