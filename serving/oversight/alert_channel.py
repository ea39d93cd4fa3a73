"""Tells a channel of Slack or Teams through its incoming webhook. Knows nothing of alerts but their words."""

from __future__ import annotations

import logging

import httpx

from serving.event_log import Event, log_event

_TIMEOUT_SECONDS = 10.0


class AlertChannel:
    """An incoming webhook; both vendors take a JSON object with a `text`."""

    def __init__(self, url: str, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds

    def tell(self, text: str) -> bool:
        """Send a text and return whether it was taken; a failure is logged without the address, which is a secret."""
        try:
            reply = httpx.post(self._url, json={"text": text}, timeout=self._timeout_seconds, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log_event(Event.ALERT_NOT_SENT, level=logging.WARNING, error=error)
            return False
        return reply.is_success
