"""What the tests of several vendors need: their published payloads, and adapters that are closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.connections import Connection
from serving.helpdesks.interface import Helpdesk
from serving.helpdesks.vendors import open_helpdesk
from tests.simulated_helpdesks.interface import SimulatedHelpdesk

_PUBLISHED = Path(__file__).resolve().parents[4] / "shared" / "payloads"


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of published payloads beside the repository, which is not part of it."""
    if not _PUBLISHED.is_dir():
        pytest.skip("the published payloads are not here: they lie in ../shared/payloads")
    return _PUBLISHED


@pytest.fixture
def connect(helpdesk: SimulatedHelpdesk) -> Iterator[Callable[..., Helpdesk]]:
    """Return adapters of the module's simulated helpdesk, with settings of the connection changed."""
    connected: list[Helpdesk] = []

    def made(**changed: Any) -> Helpdesk:
        connection = Connection.model_validate({**helpdesk.connection(), **changed})
        connected.append(open_helpdesk(connection, clock=helpdesk.clock))
        return connected[-1]

    yield made
    for adapter in connected:
        adapter.close()
