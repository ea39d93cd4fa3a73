"""The review pages behind a real server on loopback, with a real database, users of every role and a set clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from serving.app import create_app
from serving.connections import read_connections
from serving.review.opening import open_review
from serving.review.sign_in import hash_password
from serving.server import bind
from serving.settings import load_settings
from serving.storage.outcomes import UnattendedRecord
from serving.storage.policies import PromiseRecord
from serving.storage.reviewing import ReviewItem
from serving.storage.sql import SqlStorage, open_storage
from tests.review_desk import CONNECTIONS, PASSWORD, Clock, Page, add_users, item_id, scored
from tests.running_service import FolderRegistry, wait_until


@dataclass(frozen=True, slots=True)
class ReviewServer:
    """A server with review pages, its storage and its clock."""

    url: str
    app: FastAPI
    storage: SqlStorage
    clock: Clock

    def add(self, *items: ReviewItem) -> None:
        """Put items into the queue, with the records of their scored tickets."""
        self.storage.queue.add(items)
        self.storage.record([scored(item) for item in items])

    def promise(self, *items: ReviewItem, target: str = "category", largest_error: float = 0.05) -> None:
        """Make a promise for a target, under which what was suggested for these tickets ran unattended."""
        at = self.clock()
        made = PromiseRecord("ticket-triage", "helpdesk", target, largest_error, by=item_id(9000), at=at, version=1)
        assert self.storage.policies.promises.set(made)
        self.storage.outcomes.unattended.record_all([_unattended(item, target) for item in items])

    @contextmanager
    def client(self, who: str = "", *, language: str = "en") -> Iterator[Client]:
        """Give a browser without a window, in which somebody is signed in or nobody."""
        headers = {"accept": "text/html", "accept-language": language}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30) as opened:
            client = Client(opened)
            if who:
                assert client.sign_in(who).status_code == 303
            yield client


@dataclass(frozen=True, slots=True)
class Client:
    """A browser without a window."""

    http: httpx.Client

    def page(self, path: str) -> Page:
        """Open a page that is there."""
        answer = self.http.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.status_code)
        return Page(answer.text)

    def fields(self, path: str, form: str) -> dict[str, str]:
        """Return what a form of a page holds as it is opened."""
        return dict(self.page(path).forms[form])

    def send(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """Send a form."""
        return self.http.post(path, data=fields)

    def sign_in(self, who: str, password: str = PASSWORD) -> httpx.Response:
        """Sign in as a person would."""
        fields = dict(Page(self.http.get("/review/sign-in").text).forms["sign-in-form"])
        return self.send("/review/sign-in", {**fields, "email": f"{who}@example.com", "password": password})


@contextmanager
def review_server(folder: Path, *, bundle: Path | None = None, **variables: str) -> Iterator[ReviewServer]:
    """Serve the review pages for as long as the block lasts, with a model where its bundle is given."""
    (folder / "connections.toml").write_text(CONNECTIONS, encoding="utf-8")
    settings = load_settings({"TRIAGE_VAR_DIR": str(folder / "var"), "TRIAGE_PORT": "0", **variables})
    clock = Clock()
    listening = bind(settings)
    registry = FolderRegistry(folder / "registry")
    if bundle is not None:
        registry.register(bundle)
    app = create_app(settings, model_source=registry, clock=clock)
    server = uvicorn.Server(uvicorn.Config(app, ws="none", lifespan="on", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening.socket]})
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        url = str(listening.describe(settings)["url"])
        if bundle is not None:
            wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        storage = open_storage(settings.database_url)
        # Given to the pages alone: nothing here is worked on, so no worker need run beside.
        connections = read_connections(folder / "connections.toml", environ={})
        open_review(app, storage=storage, settings=settings, connections=connections, clock=clock)
        add_users(storage, hash_password(PASSWORD))
        yield ReviewServer(url, app, storage, clock)
        storage.close()
    finally:
        server.should_exit = True
        thread.join()


def _unattended(item: ReviewItem, target: str) -> UnattendedRecord:
    told = item.targets[target]
    return UnattendedRecord(
        entry_id=item.id,
        connection=item.connection,
        ticket_id=item.ticket_id,
        model=item.model,
        target=target,
        label=told["label"],
        probability=told["probability"],
        group=item.group,
        language=item.language,
        category=item.targets["category"]["label"],
        at=item.created_at,
        was_drawn=item.is_audit,
    )
