"""Personal data from a webhook to a model: what must never be kept is nowhere, and the rest goes when told to."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

import triage
from serving.app import create_app
from serving.event_log import JsonFormatter
from serving.helpdesks.interface import EventKind
from serving.settings import Settings, load_settings
from serving.storage.sql import open_storage
from tests.connected_helpdesk import write_connections
from tests.running_service import FolderRegistry, Service, wait_until
from tests.simulated_helpdesks.tickets import Author, SimulatedTicket
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

if TYPE_CHECKING:
    from training.datasets import ArticleTable

_DATA = Path(__file__).resolve().parents[2] / "data"
_REQUESTER = "malsoon.kim@haneul.example"
# All people, numbers and secrets here are invented; each stands once, so that whatever is found tells where it leaked.
_NEVER_KEPT = {
    "resident number": ("880515-2345678", "910203-1456789"),
    "password": ("Tr33house!7", "haneul2026!x"),
    "token": ("ghp_" + "madeupmadeupmadeup0123456789abcdef12", "zx81spectrum48kinvented"),
    "card": ("4111-1111-1111-1111", "5500 0000 0000 0004"),
}
_PERSONAL = {
    "phone": ("010-0000-4321", "010-0000-8765"),
    "mail address": ("malsoon.kim@haneul.example", "seojun.park@haneul.example"),
    "name": ("김말순", "박서준"),
}
_KOREAN = (
    "VPN 접속이 안 됩니다, 주민번호 880515-2345678",
    "영업팀 김말순 대리입니다. 재택 중인데 VPN 연결이 계속 끊깁니다. 연락처 010-0000-4321, "
    "메일 malsoon.kim@haneul.example 입니다. 비밀번호: Tr33house!7 로 해도 안 되고 "
    f"토큰 {_NEVER_KEPT['token'][0]} 도 만료라고 합니다. 법인카드 4111-1111-1111-1111 결제도 안 돼요.",
)
_ENGLISH = (
    "VPN drops, my password is haneul2026!x",
    "The VPN connection drops every few minutes. Approved by 박서준 팀장, call 010-0000-8765 or write to "
    "seojun.park@haneul.example. My registration number is 910203-1456789, "
    "api_key=zx81spectrum48kinvented, card 5500 0000 0000 0004. Please help.",
)


@dataclass(frozen=True, slots=True)
class Site:
    """A service connected to a helpdesk, and the folder in which it keeps all that it keeps."""

    helpdesk: SimulatedZendesk
    service: Service
    settings: Settings
    folder: Path

    def triage_ticket(self, said: tuple[str, str]) -> SimulatedTicket:
        """File a ticket, tell of it and wait until it is written back."""
        ticket = self.helpdesk.add_ticket(*said, requester_email=_REQUESTER)
        webhook = self.helpdesk.webhook(EventKind.CREATED, ticket)
        answered = self.service.post("/webhooks/zendesk-main", content=webhook.body, headers=dict(webhook.headers))
        assert answered.status_code == 202, answered.text
        deliveries = self.service.app.state.services.storage.deliveries
        wait_until(lambda: deliveries.counts()["accepted"] == 0)
        return ticket

    def kept(self) -> bytes:
        """Return every byte that the service keeps."""
        return b"\n".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())


@pytest.fixture
def site(sample_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    registry = FolderRegistry(tmp_path / "registry")
    registry.register(sample_bundle)
    helpdesk = SimulatedZendesk()
    with helpdesk.running():
        variables = {
            "TRIAGE_VAR_DIR": str(tmp_path / "var"),
            "TRIAGE_CONNECTIONS": str(write_connections(tmp_path / "connections.toml", helpdesk)),
            "TRIAGE_SWEEP_MINUTES": "0",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings = load_settings(variables)
        service = Service(create_app(settings, model_source=registry))
        service.start()
        service.wait_until_ready()
        yield Site(helpdesk, service, settings, tmp_path / "var")
        service.stop()


def _found(content: bytes, kinds: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return what of the kinds stands in a content, as it is or as JSON and URLs write it."""
    found = []
    for kind, values in kinds.items():
        for value in values:
            writings = {value, json.dumps(value)[1:-1], value.replace("@", "%40"), value.replace(" ", "")}
            found += [f"{kind}: {value}" for one in writings if one.encode() in content][:1]
    return found


def _run(*words: str) -> str:
    done = CliRunner().invoke(triage.app, list(words))
    assert done.exit_code == 0, (words, done.output, done.exception)
    return done.stdout


def test_secrets_are_nowhere_and_the_rest_is_forgotten(
    site: Site, sample_articles: ArticleTable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Database, logs, notes, export and model hold no secret; logs, notes, export and model nothing personal either.

    Once the requester is forgotten, the database holds nothing personal of theirs any more.
    """
    caplog.set_level(logging.INFO)
    tickets = [site.triage_ticket(said) for said in (_KOREAN, _ENGLISH)]
    notes = "\n".join(note for ticket in tickets for note in ticket.notes)
    assert [len(ticket.notes) for ticket in tickets] == [1, 1], "there was nothing to search"
    assert _originals(site, tickets), "nothing was kept that could leak"
    for ticket in tickets:
        site.helpdesk.set_field(ticket, "priority", "high", author=Author.AGENT)
        site.helpdesk.set_field(ticket, "category", "network", author=Author.AGENT)
        site.helpdesk.close_ticket(ticket)
    export = tmp_path / "tickets.jsonl"
    _run("export", "--connection", "zendesk-main", "--since", "365d", "--tickets", str(export), "--json")
    exported = export.read_bytes()
    assert exported.count(b"\n") == len(tickets)
    logs = _logs(caplog)
    assert logs.count("delivery_done") >= len(tickets)

    everything_personal = _NEVER_KEPT | _PERSONAL
    assert _found(site.kept(), _NEVER_KEPT) == []
    for name, text in (("notes", notes), ("logs", logs)):
        assert _found(text.encode(), everything_personal) == [], name
    assert _found(exported, everything_personal) == []
    assert _found(_trained_on(export, sample_articles, folder=tmp_path), everything_personal) == []

    assert _found(site.kept(), _PERSONAL), "the requester's own words were to be kept for a while"
    told = json.loads(_run("forget", "--requester", _REQUESTER.upper(), "--json"))
    assert told == {"tickets": len(tickets)}
    _empty_the_log_of_changes(site)
    assert _found(site.kept(), everything_personal) == []


def _originals(site: Site, tickets: Sequence[SimulatedTicket]) -> bool:
    with closing(open_storage(site.settings.database_url)) as storage:
        read = storage.originals.read
        at = site.helpdesk.clock()
        return all(read("zendesk-main", ticket_id=one.id, by="the test", at=at) is not None for one in tickets)


def _logs(caplog: pytest.LogCaptureFixture) -> str:
    """Return what was logged, as it is written and as it was said."""
    return "\n".join(f"{JsonFormatter().format(record)} {record.getMessage()}" for record in caplog.records)


def _empty_the_log_of_changes(site: Site) -> None:
    """Let SQLite put its log of changes into the database, as it does by itself once nobody has it open."""
    import sqlite3

    path = site.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _trained_on(export: Path, articles: ArticleTable, *, folder: Path) -> bytes:
    """Return every byte of a model trained on sample tickets, the export, and the same tickets as they were written."""
    from training.datasets import read_history
    from training.fit import fit_bundle
    from training.recipe import BoostedRecipe, Recipe, SplitRecipe

    lines = (_DATA / "sample_tickets.jsonl").read_text(encoding="utf-8").splitlines()[::6]
    exported = [json.loads(line) for line in export.read_text(encoding="utf-8").splitlines()]
    raw = [
        {**json.loads(lines[number]), "id": f"raw-{number}", "subject": subject, "body": body}
        for number, (subject, body) in enumerate((_KOREAN, _ENGLISH))
    ]
    history = folder / "history.jsonl"
    rows = [*lines, *(json.dumps(row, ensure_ascii=False) for row in (*exported, *raw))]
    history.write_text("\n".join(rows) + "\n", encoding="utf-8")
    recipe = Recipe(name="tiny", least_tickets_per_label=4, boosted=BoostedRecipe(rounds=3), split=SplitRecipe(folds=2))
    with threadpool_limits(limits=1):
        fit_bundle(read_history(history), articles, recipe=recipe, seed=7).bundle.save(folder / "bundle")
    return _unpacked(folder / "bundle")


def _unpacked(folder: Path) -> bytes:
    """Return every byte of a folder's files, those within archives unpacked."""
    contents: list[bytes] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        elif path.is_file():
            contents.append(path.read_bytes())
    return b"\n".join(contents)
