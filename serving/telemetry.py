"""What operators see of a running service: Prometheus metrics. Holds counts and durations, never what a ticket says."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.answers import ModelIdentity
from serving.event_log import Event, log_event
from serving.served_models import LoadFailure

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)

__all__ = ["CONTENT_TYPE", "Telemetry"]


class Telemetry:
    """The metrics of one service, in a registry of their own; safe to call from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._histogram(
            "triage_request_duration_seconds", "Time to answer a request.", ("route", "method", "status"), _SECONDS
        )
        self._tickets = self._counter("triage_scored_tickets", "Tickets scored.", ("model", "version", "language"))
        self._decisions = self._counter("triage_decisions", "Decisions by target.", ("model", "target", "decision"))
        self._confidence = self._histogram(
            "triage_confidence", "Probability of the most probable label.", ("model", "target"), _PROBABILITIES
        )
        self._target_failures = self._counter(
            "triage_target_failures", "Targets that failed alone and abstained.", ("model", "target")
        )
        self._batch_sizes = self._histogram("triage_batch_size", "Items done together.", ("batcher",), _BATCH_SIZES)
        self._served = self._gauge("triage_model_info", "The version that answers.", ("model", "version", "alias"))
        self._swaps = self._counter("triage_model_swaps", "Versions put in service.", ("model",))
        self._fallbacks = self._counter("triage_model_fallbacks", "Local copies put in service.", ("model",))
        self._failures = self._counter("triage_model_failures", "Attempts to follow the registry in vain.", ("model",))
        self._deliveries = self._counter("triage_deliveries", "Webhook deliveries.", ("connection", "outcome"))
        self._identities: dict[str, ModelIdentity] = {}

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def request_answered(self, route: str, *, method: str, status: int, seconds: float) -> None:
        """Note a request and how long its answer took."""
        self._requests.labels(route, method, str(status)).observe(seconds)

    def answered(self, answers: Sequence[Mapping[str, Any]], *, model: ModelIdentity) -> None:
        """Note answers that a model gave."""
        for answer in answers:
            self._tickets.labels(model.name, model.version, answer["language"]).inc()
            for target, given in answer["targets"].items():
                self._decisions.labels(model.name, target, given["decision"]).inc()
                if given["probability"] is None:
                    self._target_failures.labels(model.name, target).inc()
                else:
                    self._confidence.labels(model.name, target).observe(given["probability"])

    def delivered(self, connection: str, *, outcome: str) -> None:
        """Note a delivery and what became of it: accepted, duplicate, or why it was ignored."""
        self._deliveries.labels(connection, outcome).inc()

    def batch_taken(self, batcher: str, *, size: int) -> None:
        """Note how many items were worked off together."""
        self._batch_sizes.labels(batcher).observe(size)

    def model_served(self, identity: ModelIdentity, *, is_fallback: bool) -> None:
        """Note that a model answers from now on, and whether it is a local copy in place of the registry's."""
        before = self._identities.get(identity.name)
        if before is not None:
            self._served.remove(before.name, before.version, before.alias)
        self._identities[identity.name] = identity
        self._served.labels(identity.name, identity.version, identity.alias).set(1)
        (self._fallbacks if is_fallback else self._swaps).labels(identity.name).inc()
        log_event(Event.MODEL_SERVED, model=identity.name, version=identity.version, is_fallback=is_fallback)

    def model_failed(self, name: str, *, failure: LoadFailure, is_new: bool) -> None:
        """Note that following the registry failed; the log hears of each kind of failure once."""
        self._failures.labels(name).inc()
        if is_new:
            log_event(
                Event.MODEL_FAILED,
                level=logging.WARNING,
                model=name,
                version=failure.version,
                because=failure.because,
            )

    def _counter(self, name: str, words: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, words, labels, registry=self._registry)

    def _gauge(self, name: str, words: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, words, labels, registry=self._registry)

    def _histogram(self, name: str, words: str, labels: tuple[str, ...], buckets: Sequence[float]) -> Histogram:
        return Histogram(name, words, labels, buckets=buckets, registry=self._registry)


class RequestTiming:
    """ASGI middleware that tells the telemetry of every request; it adds a few microseconds to each."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note its route, status and duration."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_seconds = time.perf_counter()
        status = 500

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:
            self._telemetry.request_answered(
                # A path that no route knows would make a metric of every address that strangers try.
                getattr(scope.get("route"), "path", "unknown"),
                method=scope["method"] if scope["method"] in _METHODS else "other",
                status=status,
                seconds=time.perf_counter() - began_seconds,
            )
