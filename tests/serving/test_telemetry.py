"""Metrics and log lines: counts, durations and identifiers, and nothing that a ticket says."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from features.answers import ModelIdentity
from serving.event_log import Event, configure_logging, log_event
from serving.served_models import LoadFailure
from serving.telemetry import Telemetry

MODEL = ModelIdentity("ticket-triage", "3", "champion")
ANSWER: dict[str, Any] = {
    "language": "ko",
    "targets": {
        "category": {"decision": "suggest", "probability": 0.91},
        "group": {"decision": "abstain", "probability": None},
    },
}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, in place of standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("info", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def metrics(telemetry: Telemetry) -> str:
    return telemetry.render().decode()


def test_an_answer_is_counted_by_model_language_target_and_decision() -> None:
    """Each answered ticket shows in the counts; a target that failed alone is counted apart."""
    telemetry = Telemetry()
    telemetry.answered([ANSWER, ANSWER], model=MODEL)
    shown = metrics(telemetry)
    assert 'triage_scored_tickets_total{language="ko",model="ticket-triage",version="3"} 2.0' in shown
    assert 'triage_decisions_total{decision="suggest",model="ticket-triage",target="category"} 2.0' in shown
    assert 'triage_target_failures_total{model="ticket-triage",target="group"} 2.0' in shown
    assert 'triage_confidence_count{model="ticket-triage",target="category"} 2.0' in shown
    assert 'triage_confidence_bucket{le="0.9",model="ticket-triage",target="category"} 0.0' in shown
    assert 'triage_confidence_bucket{le="0.95",model="ticket-triage",target="category"} 2.0' in shown
    assert 'triage_confidence_count{model="ticket-triage",target="group"}' not in shown


def test_the_version_that_answers_is_shown_and_no_other(log: io.StringIO) -> None:
    """After a swap the metrics name the new version alone."""
    telemetry = Telemetry()
    telemetry.model_served(MODEL, is_fallback=False)
    telemetry.model_served(ModelIdentity("ticket-triage", "4", "champion"), is_fallback=True)
    shown = metrics(telemetry)
    assert 'triage_model_info{alias="champion",model="ticket-triage",version="4"} 1.0' in shown
    assert 'version="3"' not in shown
    assert 'triage_model_swaps_total{model="ticket-triage"} 1.0' in shown
    assert 'triage_model_fallbacks_total{model="ticket-triage"} 1.0' in shown
    assert [(line["event"], line["version"]) for line in lines(log)] == [("model_served", "3"), ("model_served", "4")]


def test_a_failure_is_counted_each_time_and_logged_once(log: io.StringIO) -> None:
    """A registry that stays down fills the counter, not the log."""
    telemetry = Telemetry()
    failure = LoadFailure(datetime(2026, 5, 14, tzinfo=UTC), "4", "the registry does not answer")
    for is_new in (True, False, False):
        telemetry.model_failed("ticket-triage", failure=failure, is_new=is_new)
    assert 'triage_model_failures_total{model="ticket-triage"} 3.0' in metrics(telemetry)
    (line,) = lines(log)
    assert (line["event"], line["level"], line["because"]) == ("model_failed", "warning", failure.because)


def test_batches_and_requests_are_measured() -> None:
    """Sizes of batches and durations of requests are there to be plotted."""
    telemetry = Telemetry()
    telemetry.batch_taken("scoring", size=7)
    telemetry.request_answered("/v1/score", method="POST", status=200, seconds=0.004)
    shown = metrics(telemetry)
    assert 'triage_batch_size_bucket{batcher="scoring",le="8.0"} 1.0' in shown
    assert (
        'triage_request_duration_seconds_bucket{le="0.005",method="POST",route="/v1/score",status="200"} 1.0' in shown
    )


def test_two_services_in_one_process_count_apart() -> None:
    """The metrics of one service hold nothing of another's."""
    first, second = Telemetry(), Telemetry()
    first.answered([ANSWER], model=MODEL)
    assert "triage_scored_tickets_total{" not in metrics(second)


def test_a_line_is_one_json_object(log: io.StringIO) -> None:
    """An event is one line of JSON with its moment, level and fields, Korean unescaped."""
    log_event(Event.SERVICE_STARTED, model="문의-분류")
    (line,) = lines(log)
    assert line["event"] == "service_started"
    assert line["model"] == "문의-분류"
    assert datetime.fromisoformat(line["at"]).tzinfo is not None
    assert "문의-분류" in log.getvalue()


def test_the_words_of_an_error_are_not_logged(log: io.StringIO) -> None:
    """An error is logged as its class and the places it passed: its words may quote a ticket."""
    try:
        raise ValueError("비밀번호는 1234입니다")
    except ValueError as error:
        log_event(Event.REQUEST_FAILED, level=logging.ERROR, error=error)
        logging.getLogger("uvicorn.error").error("a library's own words", exc_info=True)
    ours, theirs = lines(log)
    assert ours["error"] == theirs["error"] == "ValueError"
    assert "test_the_words_of_an_error_are_not_logged" in ours["at_lines"]
    assert "1234" not in log.getvalue()


def test_the_level_decides_what_is_logged(log: io.StringIO) -> None:
    """Nothing less severe than the level is written."""
    logging.getLogger("serving").debug("a detail")
    assert log.getvalue() == ""
