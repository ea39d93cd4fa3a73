"""What the service logs: one JSON object a line, a constant event with identifiers, never what a ticket says."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import TextIO, TypeAlias

_LOGGER = logging.getLogger("serving")
_FIELDS = "triage_fields"
_FRAMES_KEPT = 8

Field: TypeAlias = str | int | float | bool | None


class Event(StrEnum):
    """All that is worth a line."""

    SERVICE_STARTED = "service_started"
    SERVICE_STOPPED = "service_stopped"
    MODEL_SERVED = "model_served"
    MODEL_FAILED = "model_failed"
    REQUEST_FAILED = "request_failed"
    DELIVERY_UNREADABLE = "delivery_unreadable"
    DELIVERY_DONE = "delivery_done"
    DELIVERY_POSTPONED = "delivery_postponed"
    DELIVERY_DEAD = "delivery_dead"
    ATTEMPT_FAILED = "attempt_failed"
    SWEEP_DONE = "sweep_done"
    POLICIES_UNKNOWN = "policies_unknown"
    PROMISE_BROKEN = "promise_broken"
    DRIFT_FOUND = "drift_found"
    ALERT_NOT_SENT = "alert_not_sent"
    WORKER_STARTED = "worker_started"
    WORKER_STOPPED = "worker_stopped"
    WORKER_FAILED = "worker_failed"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SIGN_IN_FAILED = "sign_in_failed"
    TEXT_SHOWN = "text_shown"


def log_event(event: Event, *, level: int = logging.INFO, error: BaseException | None = None, **fields: Field) -> None:
    """Log an event with identifiers; of an error its class and the places it passed: its words may quote a ticket."""
    if error is not None:
        fields["error"] = type(error).__name__
        fields["at_lines"] = _places(error.__traceback__)
    _LOGGER.log(level, event.value, extra={_FIELDS: fields})


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's moment, level and event, and the fields of ours."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= {"error": type(record.exc_info[1]).__name__, "at_lines": _places(record.exc_info[2])}
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(level: str, *, stream: TextIO | None = None) -> None:
    """Send all logging of this process to one stream (standard error without one) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def _places(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-_FRAMES_KEPT:]
    return " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
