"""From a helpdesk to a model and back: exported, trained, promoted, and a ticket of the same helpdesk scored."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

import triage
from features.bundle import ModelBundle
from features.tickets import Ticket
from serving.connections import read_connections
from serving.helpdesks.vendors import open_helpdesk
from tests.connected_helpdesk import now, write_connections
from tests.simulated_helpdesks.interface import SimulatedHelpdesk
from tests.simulated_helpdesks.servicenow import SimulatedServiceNow
from tests.simulated_helpdesks.tickets import Author, SimulatedArticle, SimulatedTicket
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

_DATA = Path(__file__).resolve().parents[2] / "data"
_TICKETS, _EVERY = 150, 6
# Trains in seconds, on what a handful of tickets can teach.
_RECIPE = """
name = "tiny"
least_tickets_per_label = 4
orders.priority = ["urgent", "high", "normal", "low"]
[boosted]
rounds = 10
[split]
folds = 2
"""
# Too few features to tell any label from another.
_POOR_RECIPE = f"{_RECIPE}[vectorizer]\nmost_features = 30\n"
_TARGETS = ("category", "kind", "priority", "tier", "group")
_FLOORS = {"hr": "07", "network": "3F", "account": "12"}


class _Clock:
    """The helpdesk's own clock, which its history moves."""

    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> datetime:
        return self.moment


@dataclass(frozen=True, slots=True)
class Site:
    """A helpdesk full of closed tickets, and the name of the connection to it."""

    helpdesk: SimulatedHelpdesk
    connection: str
    closed: tuple[SimulatedTicket, ...]
    folder: Path

    def read(self, ticket: SimulatedTicket) -> Ticket:
        """Return a ticket as the worker reads it when its event comes in."""
        connection = read_connections(self.folder / "connections.toml", environ={}).get(self.connection)
        with closing(open_helpdesk(connection, clock=now)) as helpdesk:
            return helpdesk.read(ticket.id).ticket


def _told(*words: str, exit_code: int = 0) -> dict[str, Any]:
    # On a busy machine LightGBM's threads wait for each other twenty times as long as they compute.
    with threadpool_limits(limits=1):
        done = CliRunner().invoke(triage.app, [*words, "--json"])
    assert done.exit_code == exit_code, (words, done.output, done.exception)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _trained(recipe: str, *options: str) -> dict[str, Any]:
    return _told("train", "--history", "tickets.jsonl", "--recipe", recipe, *options)


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_DATA / name).read_text(encoding="utf-8").splitlines()]


def _zendesk(clock: _Clock) -> SimulatedHelpdesk:
    return SimulatedZendesk(clock=clock)


def _servicenow(clock: _Clock) -> SimulatedHelpdesk:
    return SimulatedServiceNow(clock=clock)


@pytest.fixture(params=[_zendesk, _servicenow], ids=["zendesk", "servicenow"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_mlflow_database: bytes
) -> Iterator[Site]:
    """A helpdesk with a history in Korean and English, in an environment with an empty registry."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "mlflow.db").write_bytes(empty_mlflow_database)
    (tmp_path / "tiny.toml").write_text(_RECIPE, encoding="utf-8")
    (tmp_path / "poor.toml").write_text(_POOR_RECIPE, encoding="utf-8")
    monkeypatch.setenv("TRIAGE_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TRIAGE_CONNECTIONS", str(tmp_path / "connections.toml"))
    monkeypatch.chdir(tmp_path)
    clock = _Clock()
    with request.param(clock).running() as helpdesk:
        closed = _filled(helpdesk, clock=clock)
        clock.moment = now()
        file = write_connections(tmp_path / "connections.toml", helpdesk)
        (name,) = _with_floor(file, helpdesk)
        yield Site(helpdesk, name, closed, tmp_path)


def _filled(helpdesk: SimulatedHelpdesk, *, clock: _Clock) -> tuple[SimulatedTicket, ...]:
    values: dict[str, dict[str, str]] = helpdesk.connection()["values"]
    rows = list(itertools.islice(_rows("sample_tickets.jsonl"), 0, None, _EVERY))[:_TICKETS]
    began_at, closed = now() - timedelta(days=300), []
    for number, row in enumerate(rows):
        clock.moment = began_at + timedelta(days=number)
        fields = {target: values.get(target, {}).get(row[target], row[target]) for target in _TARGETS}
        ticket = helpdesk.add_ticket(
            row["subject"],
            f"{row['body']}\n{_telling_words(row)}",
            channel="portal",
            organization=row["organization"],
            fields=fields,
            custom={"u_floor": _FLOORS.get(row["category"], "1")},
            article_ids=[one.removeprefix("KB-") for one in row["article_ids"]],
        )
        clock.moment += timedelta(hours=1)
        helpdesk.say(ticket, "해결했습니다. It is solved.", author=Author.AGENT)
        helpdesk.close_ticket(ticket)
        closed.append(ticket)
    helpdesk.articles += [
        SimulatedArticle(one["id"].removeprefix("KB-"), one["title"], one["body"])
        for one in _rows("sample_articles.jsonl")
    ]
    return tuple(closed)


def _telling_words(row: Mapping[str, str]) -> str:
    """Return a word for each label, so that few tickets teach them: not the label itself, which would be a leak."""
    return " ".join(f"{row[target]}{target}"[::-1] for target in _TARGETS)


def _with_floor(file: Path, helpdesk: SimulatedHelpdesk) -> list[str]:
    """Let the connection tell the site's own field, where the simulated helpdesk does not name it itself."""
    text = file.read_text(encoding="utf-8")
    if "attributes" not in text:
        file.write_text(f'{text}attributes = {{"u_floor" = "u_floor"}}\n', encoding="utf-8")
    return list(read_connections(file, environ={}).by_name)


def test_a_helpdesks_history_becomes_the_model_that_scores_it(site: Site) -> None:
    """Exported, trained on unmapped and let pass by the gate, the better of two models answers as its rows teach."""
    files = ("--tickets", "tickets.jsonl", "--articles", "articles.jsonl")
    exported = _told("export", "--connection", site.connection, "--since", "365d", *files)
    assert exported == {"tickets": _TICKETS, "forgotten": 0, "unconfirmed": 0, "articles": 66}
    # The first that is trained is the champion for want of another.
    poor = _trained("poor.toml")["model_version"]
    trained = _trained("tiny.toml", "--articles", "articles.jsonl", "--output", "bundle")
    assert set(trained["targets"]) >= set(_TARGETS)
    assert trained["tickets"]["read"] == _TICKETS
    assert trained["tickets"]["invalid"] == 0
    _assert_gate_lets_pass(trained["model_version"])
    _assert_gate_refuses(poor)

    asked = {"id": "new", "subject": "VPN", "body": "재택 중인데 VPN이 5분마다 끊깁니다", "channel": "portal"}
    (site.folder / "ticket.json").write_text(json.dumps(asked), encoding="utf-8")
    answer = _told("score", "ticket.json")
    assert answer["model"]["version"] == trained["model_version"]
    assert set(answer["targets"]) == set(trained["targets"])
    _assert_rows_score_as_live_events(site)


def _assert_gate_lets_pass(version: str) -> None:
    judged = _told("promote", version)
    assert judged["gate_passed"], [one for one in judged["findings"] if not one["passed"]]
    assert judged["champion"] == version
    # Both were tried on the same tickets, so that the gate had something to compare.
    beside = [one["sentence"] for one in judged["findings"] if "the champion's" in one["sentence"]]
    assert {sentence.partition(":")[0] for sentence in beside} == set(_TARGETS)


def _assert_gate_refuses(version: str) -> None:
    judged = _told("promote", version, exit_code=1)
    assert (judged["promoted"], judged["champion"], judged["gate_passed"]) == (False, None, False)
    against = [one["sentence"] for one in judged["findings"] if not one["passed"]]
    assert any("points below it" in sentence for sentence in against), against


def _assert_rows_score_as_live_events(site: Site) -> None:
    from training.datasets import read_history

    bundle = ModelBundle.load(site.folder / "bundle")
    rows = {row.id: row for row in read_history(site.folder / "tickets.jsonl").rows}
    chosen = site.closed[::5]
    assert all(rows[ticket.id].attributes for ticket in chosen)
    live = bundle.score([site.read(ticket) for ticket in chosen])
    past = bundle.score([rows[ticket.id].ticket() for ticket in chosen])
    bare = bundle.score([replace(rows[ticket.id].ticket(), attributes={}) for ticket in chosen])
    assert any(one.predictions != other.predictions for one, other in zip(past, bare, strict=True))
    for one, other in zip(live, past, strict=True):
        for target, prediction in one.predictions.items():
            told = {each.label: each.probability for each in other.predictions[target].ranking}
            assert {each.label: each.probability for each in prediction.ranking} == pytest.approx(told, abs=1e-9)
