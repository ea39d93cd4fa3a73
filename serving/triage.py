"""What is done with a ticket once it is understood: score, decide, answer, record.

Knows no web, no SQL and no registry; a route and the command line call the same two methods.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from features.answers import ModelIdentity, answer
from features.decisions import Policy
from features.errors import ModelUnavailableError
from features.glossary import Glossary
from features.predictions import ScoredTicket
from features.tickets import Ticket
from serving.batching import LARGEST_BATCH, MicroBatcher, Outcome
from serving.served_models import ServedModel
from serving.storage.identifiers import time_ordered_id
from serving.storage.interface import ScoredEntry, Source

Answer: TypeAlias = dict[str, Any]

FIRST_USE_TIMEOUT_SECONDS = 30.0


class Models(Protocol):
    """Where models are found by name; an empty name asks for the default one."""

    def current(self, name: str = "") -> ServedModel | None:
        """Return the model that answers to a name, if it is loaded."""

    def request(self, name: str = "") -> Future[ServedModel]:
        """Ask for a model that need not be loaded yet; the future fails with ModelUnavailableError."""


class Recorder(Protocol):
    """Where scored tickets are recorded."""

    def record(self, entries: Sequence[ScoredEntry]) -> None:
        """Record entries, all or none; raise StorageError."""


class TriageObserver(Protocol):
    """Who is told of answers."""

    def answered(self, answers: Sequence[Mapping[str, Any]], *, model: ModelIdentity) -> None:
        """Note answers that a model gave."""

    def batch_taken(self, batcher: str, *, size: int) -> None:
        """Note how many items were worked off together."""


class Policies(Protocol):
    """Who knows the thresholds in force."""

    def in_force(self, model: ServedModel, *, connection: str) -> Mapping[str, Policy]:
        """Return the policy of each target of a model on a connection; a target without one runs on no promise."""


class WithoutPromises:
    """Stands where no promise has been made."""

    def in_force(self, model: ServedModel, *, connection: str) -> Mapping[str, Policy]:  # noqa: ARG002
        """Return none."""
        return {}


class Amendments(Protocol):
    """Who has a say in answers beside the model, such as the rules of a site."""

    def amended(
        self, answer: Mapping[str, Any], ticket: Ticket, *, model: ServedModel, connection: str
    ) -> dict[str, Any]:
        """Return an answer as it is to be given and recorded; the one that came in is not changed."""

    def glossary(self, base: Glossary, *, connection: str) -> Glossary:
        """Return a glossary with the words that the connection's leads have added to it."""


class WithoutAmendments:
    """Stands where answers are the model's alone."""

    def amended(
        self,
        answer: Mapping[str, Any],
        ticket: Ticket,  # noqa: ARG002
        *,
        model: ServedModel,  # noqa: ARG002
        connection: str,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the answer."""
        return dict(answer)

    def glossary(self, base: Glossary, *, connection: str) -> Glossary:  # noqa: ARG002
        """Return the glossary as it is."""
        return base


@dataclass(frozen=True, slots=True)
class IncomingTicket:
    """A ticket and what the caller should know of how it was understood."""

    ticket: Ticket
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, which model is to answer, and whether the answer is recorded.

    `entry_id` names the record of a single ticket where it must be the same however often it is asked for;
    `connection` and `delivery_id` say where a ticket came from that no caller sent.
    """

    model_name: str = ""
    caller: str = ""
    source: Source = Source.API
    is_recorded: bool = True
    entry_id: str = ""
    connection: str = ""
    delivery_id: str = ""


@dataclass(frozen=True, slots=True)
class _Task:
    """One ticket on its way; it holds the model that it began with."""

    incoming: IncomingTicket
    model: ServedModel
    request: Request
    began_at: datetime
    began_seconds: float


class TriageService:
    """Answers tickets: those that arrive together are scored together and recorded in one transaction."""

    def __init__(
        self,
        *,
        models: Models,
        recorder: Recorder,
        observer: TriageObserver,
        policies: Policies | None = None,
        amendments: Amendments | None = None,
        glossary: Glossary | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        first_use_timeout_seconds: float = FIRST_USE_TIMEOUT_SECONDS,
    ) -> None:
        self._models = models
        self._recorder = recorder
        self._observer = observer
        self._policies = WithoutPromises() if policies is None else policies
        self._amendments = WithoutAmendments() if amendments is None else amendments
        self._glossary = glossary
        self._now = now
        self._first_use_timeout_seconds = first_use_timeout_seconds
        self._scoring: MicroBatcher[_Task, Answer] = MicroBatcher(
            self._score, name="scoring", observe_size=lambda size: observer.batch_taken("scoring", size=size)
        )
        self._recording: MicroBatcher[Sequence[ScoredEntry], None] = MicroBatcher(
            self._record, name="recording", observe_size=lambda size: observer.batch_taken("recording", size=size)
        )

    def start(self) -> None:
        """Start the threads; call it from the event loop that will ask."""
        self._scoring.start()
        self._recording.start()

    async def close(self) -> None:
        """Answer what was accepted, then end the threads."""
        await self._scoring.close()
        await self._recording.close()

    async def triage(self, incoming: IncomingTicket, *, request: Request) -> Answer:
        """Return the answer to one ticket, recorded before it is returned.

        Raises ModelUnavailableError, StorageError where it could not be recorded, and OverloadedError.
        """
        task = self._task(incoming, model=await self.model(request.model_name), request=request)
        answered = await self._scoring.submit(task)
        if request.is_recorded:
            await self._recording.submit([self._entry(task, answered)])
        return answered

    async def unrecorded(self, incoming: IncomingTicket, *, request: Request) -> ScoredEntry:
        """Return the record of the answer to one ticket for the caller to keep, together with what belongs to it.

        Raises ModelUnavailableError and OverloadedError.
        """
        task = self._task(incoming, model=await self.model(request.model_name), request=request)
        return self._entry(task, await self._scoring.submit(task))

    async def triage_all(self, incoming: Sequence[IncomingTicket], *, request: Request) -> list[Answer]:
        """Return the answers to many tickets, in order, by one model; all are recorded or none.

        They are scored a batch at a time, so that single tickets find their turn between them.
        """
        model = await self.model(request.model_name)
        tasks = [self._task(one, model=model, request=request) for one in incoming]
        answers: list[Answer] = []
        for start in range(0, len(tasks), LARGEST_BATCH):
            batch = tasks[start : start + LARGEST_BATCH]
            answers += await asyncio.gather(*(self._scoring.submit(task) for task in batch))
        if request.is_recorded and answers:
            await self._recording.submit([self._entry(task, one) for task, one in zip(tasks, answers, strict=True)])
        return answers

    async def model(self, name: str = "") -> ServedModel:
        """Return the model that answers to a name, loading it if it is registered; raise ModelUnavailableError."""
        served = self._models.current(name)
        if served is not None:
            return served
        try:
            return await asyncio.wait_for(
                asyncio.wrap_future(self._models.request(name)), self._first_use_timeout_seconds
            )
        except TimeoutError:
            raise ModelUnavailableError("The model is still being loaded. Send the request again shortly.") from None

    def _task(self, incoming: IncomingTicket, *, model: ServedModel, request: Request) -> _Task:
        return _Task(incoming, model, request, self._now(), time.perf_counter())

    def _score(self, tasks: Sequence[_Task]) -> list[Outcome[Answer]]:
        """Answer tasks with one pass for each model and connection among them, which mostly is one."""
        places: dict[tuple[int, str], list[int]] = {}
        for place, task in enumerate(tasks):
            places.setdefault((id(task.model), task.request.connection), []).append(place)
        outcomes: dict[int, Outcome[Answer]] = {}
        for together in places.values():
            outcomes.update(zip(together, self._score_alike([tasks[place] for place in together]), strict=True))
        return [outcomes[place] for place in range(len(tasks))]

    def _score_alike(self, tasks: Sequence[_Task]) -> Sequence[Outcome[Answer]]:
        model, connection = tasks[0].model, tasks[0].request.connection
        base = model.bundle.glossary if self._glossary is None else self._glossary
        try:
            glossary = self._amendments.glossary(base, connection=connection)
            scored = model.bundle.score([task.incoming.ticket for task in tasks], glossary=glossary)
        except Exception as error:
            # A bundle means never to raise. Should it, the other tickets of the batch are not to suffer.
            if len(tasks) == 1:
                return [error]
            return [outcome for task in tasks for outcome in self._score_alike([task])]
        answers = [self._answer(task, one) for task, one in zip(tasks, scored, strict=True)]
        for task, one in zip(tasks, answers, strict=True):
            one["warnings"] = [*task.incoming.warnings, *one["warnings"]]
        self._observer.answered(answers, model=model.identity)
        return answers

    def _answer(self, task: _Task, scored: ScoredTicket) -> Answer:
        model, connection = task.model, task.request.connection
        policies = self._policies.in_force(model, connection=connection)
        given = answer(scored, model=model.identity, policies=policies)
        return self._amendments.amended(given, task.incoming.ticket, model=model, connection=connection)

    def _entry(self, task: _Task, answered: Answer) -> ScoredEntry:
        return ScoredEntry(
            id=task.request.entry_id or time_ordered_id(task.began_at),
            ticket_id=answered["ticket_id"],
            scored_at=task.began_at,
            model=task.model.identity,
            language=answered["language"],
            predictions=answered["targets"],
            articles=answered["articles"],
            similar_tickets=answered["similar_tickets"],
            warnings=answered["warnings"],
            caller=task.request.caller,
            source=task.request.source,
            duration_seconds=time.perf_counter() - task.began_seconds,
            connection=task.request.connection,
            delivery_id=task.request.delivery_id,
        )

    def _record(self, groups: Sequence[Sequence[ScoredEntry]]) -> list[Outcome[None]]:
        self._recorder.record([entry for group in groups for entry in group])
        return [None] * len(groups)
