"""The alerts that stand on every page until somebody has seen them; a page is shown even where they cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request

from features.errors import StorageError
from serving.storage.policies import Alert


def open_alerts(request: Request) -> Sequence[Alert]:
    """Return the alerts that nobody has acknowledged, newest first."""
    pages = getattr(request.app.state, "oversight_pages", None)
    if pages is None:
        return ()
    try:
        found: Sequence[Alert] = pages.alerts.open_alerts()
    except StorageError:
        return ()
    return found
