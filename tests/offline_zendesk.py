"""A connection to Zendesk over which nothing is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from serving.connections import Connection
from serving.helpdesks.zendesk import Zendesk
from tests.simulated_helpdesks.zendesk import SIGNING_SECRET

NOW = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
OWN = {"own_user_id": "900", "signing_secrets": [SIGNING_SECRET]}


def offline(**changed: Any) -> Zendesk:
    """Return an adapter whose helpdesk is never called."""
    table = {"name": "zendesk-main", "vendor": "zendesk", "base_url": "http://127.0.0.1:9", **OWN, **changed}
    return Zendesk(Connection.model_validate(table), clock=lambda: NOW)
