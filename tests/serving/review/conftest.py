"""A service with a queue and users of every role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.app import create_app
from serving.connections import read_connections
from serving.review.opening import open_review
from serving.review.sign_in import hash_password
from serving.settings import load_settings
from serving.storage.sql import open_storage
from tests.review_desk import CONNECTIONS, PASSWORD, Clock, Desk, add_users
from tests.running_service import FolderRegistry, Service


@pytest.fixture(scope="session")
def password_hash() -> str:
    """What is kept of the password of every user."""
    return hash_password(PASSWORD)


@pytest.fixture
def clock() -> Clock:
    """The clock of the service."""
    return Clock()


@pytest.fixture
def open_desk(tmp_path: Path, clock: Clock, password_hash: str) -> Iterator[Callable[..., Desk]]:
    """Open the service with users of every role."""
    opened: list[Desk] = []
    (tmp_path / "connections.toml").write_text(CONNECTIONS, encoding="utf-8")

    def open_(**variables: str) -> Desk:
        environ = {
            "TRIAGE_VAR_DIR": str(tmp_path / "var"),
            **variables,
        }
        settings = load_settings(environ)
        service = Service(create_app(settings, model_source=FolderRegistry(tmp_path / "registry"), clock=clock))
        service.start()
        storage = open_storage(settings.database_url)
        # Given to the pages alone: nothing here is worked on, so no worker need run beside.
        connections = read_connections(tmp_path / "connections.toml", environ={})
        open_review(service.app, storage=storage, settings=settings, connections=connections, clock=clock)
        opened.append(Desk(service, storage, clock))
        add_users(storage, password_hash)
        return opened[-1]

    yield open_
    for desk in opened:
        for browser in desk.browsers:
            browser.close()
        desk.service.stop()
        desk.storage.close()


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    """The service with the usual settings."""
    return open_desk()
