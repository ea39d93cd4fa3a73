"""Deliveries while everything fails: what was lost, what was written twice, what was written as it should be.

    python benchmarks/chaos.py [--deliveries 2000] [--kills 20] [--database sqlite|postgresql|URL] [--json]

A simulated Zendesk sends webhooks, a fifth of them twice, to `triage serve`; it fails 30 % of our calls, a third of
those after having done the work. Meanwhile the server and the workers (two on PostgreSQL; on SQLite the server works
itself) are killed with SIGKILL at random and started again. Every webhook is sent until it is answered with 2xx, as
vendors do. At the end each ticket must have exactly one note, the fields that were recorded for it and no other, and
no word that its requester sees. A ticket of which the model has nothing to say gets no note, and is counted as quiet.

A promise so weak that the sample's few tickets allow it (at most half wrong) lets fields be filled in: what is measured
is that nothing is lost, not that it is right.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# First of all, since files of this folder have the names of packages there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
from sqlalchemy import create_engine, text

from serving.helpdesks.interface import EventKind
from serving.notes import markers_in
from serving.storage.intake import EffectState, FieldStatus
from serving.storage.policies import PromiseRecord
from serving.storage.sql import SqlStorage, open_storage
from tests.simulated_helpdesks.tickets import SimulatedTicket
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

ROOT = Path(__file__).resolve().parents[1]
POSTGRESQL = os.environ.get("TRIAGE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
FAILING_SHARE, DUPLICATE_SHARE = 0.3, 0.2
MODEL_DIR = ROOT / "var" / "benchmarks" / "chaos"
LONGEST_SECONDS = 3_600
WEAK_PROMISE = 0.5


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of the tickets; of a quiet one the model had nothing to say, so that no note was due."""

    tickets: int
    deliveries: int
    kills: int
    written: int
    quiet: int
    lost: int
    twice: int
    wrong_fields: int
    public: int
    fields_written: int
    seconds: float
    attempts: Mapping[str, int]


class Process:
    """A process of the service that is killed and started again."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command, self._environment, self._log = command, dict(environment), log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log, cwd=ROOT)

    def kill_and_start(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.start()

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=2_000, help="webhooks, the duplicates among them")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql or an address")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, database(options.database, Path(folder)) as url:
        ledger = run(options, url=url, folder=Path(folder))
    shown = {name: getattr(ledger, name) for name in Ledger.__slots__}
    if options.json:
        print(json.dumps(shown))
    else:
        print(f"# Chaos on {options.database}\n")
        for name, value in shown.items():
            print(f"{name.replace('_', ' '):<16} {value}")
    if ledger.lost or ledger.twice or ledger.wrong_fields or ledger.public:
        sys.exit(1)


@contextmanager
def database(named: str, folder: Path) -> Iterator[str]:
    """Yield the address of an empty database; a PostgreSQL one is dropped at the end."""
    if named == "sqlite":
        yield f"sqlite:///{folder / 'triage.db'}"
        return
    if named != "postgresql":
        yield named
        return
    name = f"triage_chaos_{secrets.token_hex(4)}"
    server = create_engine(
        f"{POSTGRESQL.replace('postgresql://', 'postgresql+psycopg://')}/postgres", isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield f"{POSTGRESQL}/{name}"
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def run(options: argparse.Namespace, *, url: str, folder: Path) -> Ledger:
    drawn = random.Random(options.seed)
    helpdesk = SimulatedZendesk()
    with helpdesk.running():
        tickets = fill(helpdesk, round(options.deliveries / (1 + DUPLICATE_SHARE)), drawn)
        webhooks = [(ticket, f"chaos-{number}") for number, ticket in enumerate(tickets)]
        webhooks += drawn.choices(webhooks, k=options.deliveries - len(webhooks))
        drawn.shuffle(webhooks)
        environment = prepared(helpdesk, url=url, folder=folder)
        port = free_port()
        processes = the_processes(environment, port=port, on_sqlite=url.startswith("sqlite"), folder=folder)
        with closing_storage(url) as storage:
            promise(storage, environment["CHAOS_TARGETS"].split(","))
            helpdesk.faults.failing_share = FAILING_SHARE
            began = time.monotonic()
            for process in processes:
                process.start()
            killer = threading.Thread(target=kill_at_random, args=(processes, options.kills, drawn.random()))
            killer.start()
            send_all(helpdesk, webhooks, port=port)
            killer.join()
            wait_until_done(storage)
            seconds = time.monotonic() - began
            for process in processes:
                process.end()
            return the_ledger(tickets, storage, options=options, seconds=seconds)


@contextmanager
def closing_storage(url: str) -> Iterator[SqlStorage]:
    storage = open_storage(url)
    try:
        yield storage
    finally:
        storage.close()


def fill(helpdesk: SimulatedZendesk, count: int, drawn: random.Random) -> list[SimulatedTicket]:
    """File tickets with the sample's words, each with a number so that no two are the same."""
    lines = (ROOT / "data" / "sample_tickets.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    chosen = [drawn.choice(rows) for _ in range(count)]
    return [
        helpdesk.add_ticket(f"{row['subject']} #{number}", row["body"], id=str(10_000 + number))
        for number, row in enumerate(chosen)
    ]


def prepared(helpdesk: SimulatedZendesk, *, url: str, folder: Path) -> dict[str, str]:
    """Train the model where that was not done before, write the connection, and return the environment."""
    tracking = f"sqlite:///{MODEL_DIR / 'mlflow.db'}"
    environment = {
        **os.environ,
        "TRIAGE_VAR_DIR": str(MODEL_DIR),
        "MLFLOW_TRACKING_URI": tracking,
        "PYTHONPATH": str(ROOT),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    if not (MODEL_DIR / "mlflow.db").exists():
        MODEL_DIR.mkdir(parents=True, exist_ok=True)
        train = ["train", "--history", "data/sample_tickets.jsonl", "--articles", "data/sample_articles.jsonl"]
        subprocess.run(
            [sys.executable, "-m", "triage", *train, "--recipe", "data/sample_recipe.toml"],
            env=environment,
            cwd=ROOT,
            check=True,
            stdout=sys.stderr,
        )
    connection = helpdesk.connection() | {"calls_per_minute": 1_000_000}
    connections = folder / "connections.toml"
    connections.write_text(as_toml(connection), encoding="utf-8")
    return environment | {
        "TRIAGE_DATABASE_URL": url,
        "TRIAGE_CONNECTIONS": str(connections),
        "TRIAGE_SWEEP_MINUTES": "0",
        "TRIAGE_AUTH": "open",
        "TRIAGE_LOG_LEVEL": "warning",
        "CHAOS_TARGETS": ",".join(connection["modes"]),
    }


def as_toml(table: Mapping[str, Any]) -> str:
    """Write a connection as the file of connections holds it; JSON's texts, numbers and lists are TOML's."""
    name = table["name"]
    lines = [f"[{name}]"]
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines += [f"{key} = {json.dumps(value)}" for key, value in table.items() if key != "name" and key not in inner]
    for key, values in inner.items():
        lines.append(f"[{name}.{key}]")
        lines += [f"{json.dumps(part)} = {_inline(value)}" for part, value in values.items()]
    return "\n".join(lines) + "\n"


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {json.dumps(part)}" for key, part in value.items()) + "}"
    return json.dumps(value)


def the_processes(environment: Mapping[str, str], *, port: int, on_sqlite: bool, folder: Path) -> list[Process]:
    command = [sys.executable, "-m", "triage"]
    server = Process("serve", [*command, "serve", "--port", str(port)], environment, folder / "serve.log")
    if on_sqlite:
        return [server]
    workers = [
        Process(slot, [*command, "work", "--slot", slot], environment, folder / f"{slot}.log")
        for slot in ("work-1", "work-2")
    ]
    return [server, *workers]


def promise(storage: SqlStorage, targets: list[str]) -> None:
    for target in targets:
        storage.policies.promises.set(
            PromiseRecord(
                model="ticket-triage",
                connection="zendesk-main",
                target=target,
                largest_error=WEAK_PROMISE,
                by="chaos",
                at=datetime.now(UTC),
            )
        )


def kill_at_random(processes: list[Process], kills: int, seed: float) -> None:
    drawn = random.Random(seed)
    for _ in range(kills):
        time.sleep(drawn.uniform(2, 10))
        drawn.choice(processes).kill_and_start()


def send_all(helpdesk: SimulatedZendesk, webhooks: list[tuple[SimulatedTicket, str]], *, port: int) -> None:
    """Send webhooks from eight threads, each until it is answered with 2xx."""
    url = f"http://127.0.0.1:{port}/webhooks/{helpdesk.connection()['name']}"

    def send(one: tuple[SimulatedTicket, str]) -> None:
        ticket, delivery = one
        while True:
            webhook = helpdesk.webhook(EventKind.CREATED, ticket, delivery=delivery)
            try:
                answered = httpx.post(url, content=webhook.body, headers=dict(webhook.headers), timeout=10)
            except httpx.HTTPError:
                time.sleep(0.2)
                continue
            if answered.is_success:
                return
            if answered.status_code < 500:
                raise SystemExit(f"a webhook was refused with {answered.status_code}: {answered.text}")
            time.sleep(0.2)

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(send, webhooks))


def wait_until_done(storage: SqlStorage) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while (waiting := storage.deliveries.counts()["accepted"]) and time.monotonic() < deadline:
        print(f"{waiting} deliveries wait", file=sys.stderr, flush=True)
        time.sleep(10)


def the_ledger(
    tickets: list[SimulatedTicket], storage: SqlStorage, *, options: argparse.Namespace, seconds: float
) -> Ledger:
    written = quiet = lost = twice = wrong = public = fields_written = 0
    for ticket in tickets:
        markers = [marker for note in ticket.notes for marker in markers_in(note)]
        written += len(markers) == 1 and len(ticket.notes) == 1
        twice += len(ticket.notes) > 1
        public += bool(ticket.public_messages_of_ours) or ticket.status != "open"
        effects = storage.effects.for_ticket("zendesk-main", ticket_id=ticket.id)
        is_quiet = not ticket.notes and [(one.state, one.note) for one in effects] == [(EffectState.WRITTEN, False)]
        quiet += is_quiet
        lost += not markers and not is_quiet
        recorded = {
            one.target: one.after for effect in effects for one in effect.fields if one.status is FieldStatus.WRITTEN
        }
        fields_written += len(recorded)
        expected = {**SimulatedZendesk.default_fields, **recorded}
        wrong += any(ticket.fields.get(target, "") != value for target, value in expected.items()) or len(effects) != 1
    deliveries = storage.deliveries.list(limit=10 * len(tickets))
    attempts = Counter(str(one.attempts) if one.attempts < 6 else "6 and more" for one in deliveries)
    return Ledger(
        tickets=len(tickets),
        deliveries=options.deliveries,
        kills=options.kills,
        written=written,
        quiet=quiet,
        lost=lost,
        twice=twice,
        wrong_fields=wrong,
        public=public,
        fields_written=fields_written,
        seconds=round(seconds, 1),
        attempts=dict(sorted(attempts.items())),
    )


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    main()
