"""A connection to ServiceNow over which nothing is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from serving.connections import Connection
from serving.helpdesks.interface import Delivery
from serving.helpdesks.servicenow import ServiceNow

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SETTINGS = {"name": "now", "vendor": "servicenow", "user": "triage.bot", "signing_secrets": ["s3cret"]}


def offline(**changed: Any) -> ServiceNow:
    return ServiceNow(Connection.model_validate({**SETTINGS, **changed}), clock=lambda: NOW)


def delivered(body: object, **headers: str) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery({name.replace("_", "-"): value for name, value in headers.items()}, raw, NOW)
