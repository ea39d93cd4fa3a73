"""How fast a webhook is answered, and how long after it the ticket is written, at a steady rate of deliveries.

    python benchmarks/webhook_latency.py [--seconds 60] [--rate 50] [--database postgresql|sqlite|URL] [--json]

A simulated Zendesk without a rate limit sends webhooks of new tickets, one every 1/rate seconds, whether or not the
ones before are answered, to `triage serve`; `triage work` (the same process on SQLite) reads each ticket, scores it
and writes it back. A webhook is timed from the moment at which it was to be sent until its 2xx is read, by which it is
committed: a sender that falls behind counts against us. The write-back's delay is from the same moment until the
simulated ticket holds our note. All of it, the helpdesk and the sender included, shares one machine's processors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

# First of all, since files of this folder have the names of packages there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx

from benchmarks.chaos import Process, closing_storage, database, fill, free_port, prepared, the_processes
from serving.helpdesks.interface import EventKind
from serving.storage.sql import SqlStorage
from tests.simulated_helpdesks.interface import Webhook
from tests.simulated_helpdesks.tickets import SimulatedTicket
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

LONGEST_START_SECONDS = 90.0
LONGEST_DRAIN_SECONDS = 600.0
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Latencies:
    """What was measured; times in milliseconds but for the write-back's, in seconds."""

    deliveries: int
    per_second: float
    refused: int
    webhook_p50_ms: float
    webhook_p95_ms: float
    webhook_p99_ms: float
    webhook_longest_ms: float
    written: int
    write_back_p50_seconds: float
    write_back_p99_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=50, help="deliveries a second")
    parser.add_argument("--workers", type=int, default=1, help="processes of `triage work`, where the database has any")
    parser.add_argument("--database", default="postgresql", help="postgresql, sqlite or an address")
    parser.add_argument("--drain", type=float, default=LONGEST_DRAIN_SECONDS, help="seconds to wait for the writing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="webhooks-") as folder, database(options.database, Path(folder)) as url:
        told = asdict(run(options, url=url, folder=Path(folder)))
    if options.json:
        print(json.dumps(told))
        return
    print(f"# Webhooks on {options.database}, {options.rate:g} a second for {options.seconds:g} seconds\n")
    for name, value in told.items():
        print(f"{name.replace('_', ' '):<24} {value}")


def run(options: argparse.Namespace, *, url: str, folder: Path) -> Latencies:
    helpdesk = SimulatedZendesk()
    with helpdesk.running():
        count = round(options.rate * options.seconds)
        tickets = fill(helpdesk, count + WARM_UP, random.Random(options.seed))
        environment = prepared(helpdesk, url=url, folder=folder)
        port = free_port()
        processes = the_processes(environment, port=port, on_sqlite=url.startswith("sqlite"), folder=folder)
        with closing_storage(url) as storage, started(processes[: 1 + options.workers], port=port):
            warm, measured = tickets[:WARM_UP], tickets[WARM_UP:]
            asyncio.run(send_at(options.rate, helpdesk, warm, port=port))
            wait_until_done(storage, seconds=options.drain)
            sent = asyncio.run(send_at(options.rate, helpdesk, measured, port=port))
            wait_until_done(storage, seconds=options.drain)
        return measures(measured, sent)


@contextmanager
def started(processes: Sequence[Process], *, port: int) -> Iterator[None]:
    """Run the processes for as long as the block lasts, from the moment at which the server answers."""
    for process in processes:
        process.start()
    try:
        wait_until_alive(port)
        yield
    finally:
        for process in processes:
            process.end()


def wait_until_alive(port: int) -> None:
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/livez", timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit("triage serve did not begin to answer")


@dataclass(frozen=True, slots=True)
class Sent:
    """A webhook that was sent: when it was due by our clock, how long its answer took, and whether it was a 2xx."""

    due_at: datetime
    seconds: float
    is_success: bool


async def send_at(
    rate: float, helpdesk: SimulatedZendesk, tickets: Sequence[SimulatedTicket], *, port: int
) -> list[Sent]:
    """Send a webhook of each ticket at its own moment, however long those before it take."""
    address = f"http://127.0.0.1:{port}/webhooks/{helpdesk.connection()['name']}"
    # Signed beforehand, so that the sender's own work is not measured.
    webhooks = [helpdesk.webhook(EventKind.CREATED, ticket) for ticket in tickets]
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=64)) as client:
        began, began_at = time.perf_counter(), time.time()

        async def send(number: int, webhook: Webhook) -> Sent:
            due = number / rate
            await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
            try:
                answered = await client.post(address, content=webhook.body, headers=dict(webhook.headers))
                is_success = answered.is_success
            except httpx.HTTPError:
                is_success = False
            took = time.perf_counter() - began - due
            return Sent(datetime.fromtimestamp(began_at + due, UTC), took, is_success)

        return await asyncio.gather(*(send(number, webhook) for number, webhook in enumerate(webhooks)))


def wait_until_done(storage: SqlStorage, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (waiting := storage.deliveries.counts()["accepted"]) and time.monotonic() < deadline:
        print(f"{waiting} deliveries wait", file=sys.stderr, flush=True)
        time.sleep(2)


def measures(tickets: Sequence[SimulatedTicket], sent: Sequence[Sent]) -> Latencies:
    answered = sorted(one.seconds * 1000 for one in sent)
    delays = sorted(
        (note_at - one.due_at).total_seconds()
        for ticket, one in zip(tickets, sent, strict=True)
        if (note_at := noted_at(ticket)) is not None
    )
    lasted = (sent[-1].due_at - sent[0].due_at).total_seconds() + sent[-1].seconds
    return Latencies(
        deliveries=len(sent),
        per_second=round(len(sent) / lasted, 1),
        refused=sum(not one.is_success for one in sent),
        webhook_p50_ms=round(share(answered, 0.50), 1),
        webhook_p95_ms=round(share(answered, 0.95), 1),
        webhook_p99_ms=round(share(answered, 0.99), 1),
        webhook_longest_ms=round(answered[-1], 1),
        written=len(delays),
        write_back_p50_seconds=round(share(delays, 0.50), 2),
        write_back_p99_seconds=round(share(delays, 0.99), 2),
    )


def noted_at(ticket: SimulatedTicket) -> datetime | None:
    return next((message.at for message in ticket.messages if not message.is_public), None)


def share(ordered: Sequence[float], part: float) -> float:
    """Return the value that a part of the values, given in order, does not exceed."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


if __name__ == "__main__":
    main()
