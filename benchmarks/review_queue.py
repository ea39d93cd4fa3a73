"""How fast the review queue answers while 10,000 items wait: the page, a filter, a search and one ticket.

    python benchmarks/review_queue.py [--items 10000] [--times 20] [--burst 6] [--database-url URL] [--json]

Prints the median and the 95th percentile of each page in milliseconds, over HTTP's own path without a network, and
below them what the database takes of it. The database is an SQLite file of its own, or the one at the address, which
must be empty: items are put into it, and PostgreSQL is given its statistics as it would collect them by itself within
a minute. `--burst` is how many of every 40 tickets arrive together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from fastapi import FastAPI

from serving.connections import Connections
from serving.review.opening import add_review_pages, open_review
from serving.review.sign_in import hash_password
from serving.settings import Settings, load_settings
from serving.storage.reviewing import QueueFilter, ReviewItem, Sight
from serving.storage.sql import SqlStorage, open_storage
from tests.review_desk import PASSWORD, START, Clock, add_users, item_id, make_audit, make_item, scored, targets

LIMIT_MILLISECONDS = 200.0
PAGES = {
    "queue": "/review",
    "queue, 40 minutes": "/review?minutes=40",
    "one label": "/review?target=category&label=printing",
    "search": "/review?q=every",
    "search, one found": "/review?q=09999",
    "search, nothing found": "/review?q=projector",
    "audits": "/review?kind=audits",
    "one ticket": f"/review/items/{item_id(7)}",
}
LOOKS = {
    "folded": QueueFilter(visible_to=Sight(restricted=(("helpdesk", "people-ops"),))),
    "folded, one label": QueueFilter(target="category", label="network", not_answered_by="kim"),
    "folded, one found": QueueFilter(text="09999"),
}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--items", type=int, default=10_000)
    asked.add_argument("--times", type=int, default=20)
    asked.add_argument("--burst", type=int, default=6)
    asked.add_argument("--database-url", default="")
    asked.add_argument("--json", action="store_true")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        variables = {"TRIAGE_VAR_DIR": folder}
        if options.database_url:
            variables["TRIAGE_DATABASE_URL"] = options.database_url
        storage = open_storage(load_settings(variables).database_url)
        try:
            fill(storage, items=options.items, burst=options.burst)
            if options.database_url.startswith("postgresql"):
                collect_statistics(options.database_url)
            taken = asyncio.run(pages(storage, load_settings(variables), times=options.times))
            taken |= looks(storage, times=options.times)
        finally:
            storage.close()
    told = {name: told_of(seconds) for name, seconds in taken.items()}
    is_quick = all(told[name]["p95"] < LIMIT_MILLISECONDS for name in PAGES)
    if options.json:
        print(json.dumps({"items": options.items, "limit_ms": LIMIT_MILLISECONDS, "is_quick": is_quick, "ms": told}))
        return
    print(f"{options.items:,} open items\n{'':<24}{'p50 ms':>10}{'p95 ms':>10}")
    for name, one in told.items():
        print(f"{name:<24}{one['p50']:>10.1f}{one['p95']:>10.1f}")
    print(f"every page under {LIMIT_MILLISECONDS:.0f} ms at the 95th percentile: {'yes' if is_quick else 'NO'}")


def fill(storage: SqlStorage, *, items: int, burst: int) -> None:
    add_users(storage, hash_password(PASSWORD))
    waiting = [_item(number, burst=burst) for number in range(items)]
    storage.queue.add(waiting)
    storage.record([scored(item) for item in waiting[:100]])


def collect_statistics(database_url: str) -> None:
    import psycopg
    from sqlalchemy import make_url

    address = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as opened:
        opened.execute("ANALYZE")


async def pages(storage: SqlStorage, settings: Settings, *, times: int) -> dict[str, Sequence[float]]:
    import httpx

    app = FastAPI()
    add_review_pages(app)
    app.state.services = _NoModel()
    open_review(app, storage=storage, settings=settings, connections=Connections({}), clock=Clock())
    cookie = app.state.sessions.start(storage.people.users.find_by_email("minji@example.com"))
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://localhost",
        cookies={"triage_session": cookie},
        headers={"accept": "text/html"},
    )

    async def opened(path: str) -> None:
        answer = await client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)

    async with client:
        return {name: await timed(lambda path=path: opened(path), times=times) for name, path in PAGES.items()}


def looks(storage: SqlStorage, *, times: int) -> dict[str, Sequence[float]]:
    """Return what the database alone takes for the rows and for their number."""

    async def measured() -> dict[str, Sequence[float]]:
        taken: dict[str, Sequence[float]] = {}
        for name, chosen in LOOKS.items():
            read: Mapping[str, Callable[[], Any]] = {
                f"database, {name}": lambda chosen=chosen: storage.queue.open_items(chosen, is_folded=True),
                f"database, number {name}": lambda chosen=chosen: storage.queue.count_open(chosen),
            }
            for what, act in read.items():
                taken[what] = await timed(lambda act=act: asyncio.to_thread(act), times=times)
        return taken

    return asyncio.run(measured())


async def timed(act: Callable[[], Awaitable[Any]], *, times: int) -> Sequence[float]:
    """Return the milliseconds of each of some runs, after one that warms up."""
    await act()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await act()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def told_of(taken: Sequence[float]) -> Mapping[str, float]:
    return {name: round(float(np.percentile(taken, share)), 2) for name, share in (("p50", 50), ("p95", 95))}


class _NoModel:
    """What the pages read of the service besides: no model is loaded."""

    @property
    def models(self) -> _NoModel:
        return self

    def current(self, name: str = "") -> None:  # noqa: ARG002
        return None


def _item(number: int, *, burst: int) -> ReviewItem:
    due = START + timedelta(minutes=number % 6000)
    if number % 50 == 0:
        return make_audit(number, due_at=due)
    cluster = f"burst-{number // 40}" if number % 40 < burst else ""
    preview = f"vpn drops every few minutes ({number:05})"
    item = make_item(number, cluster=cluster, priority_rank=number % 4, worth=number % 97 / 97, preview=preview)
    category = ("network", "printing", "email", "account")[number % 4]
    return replace(item, targets=targets(category), due_at=due)


if __name__ == "__main__":
    main()
