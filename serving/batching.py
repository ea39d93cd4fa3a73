"""Concurrent requests worked off together: what arrives while a batch is in hand makes the next batch.

Knows nothing of tickets or models: it takes a function from items to outcomes, and runs it on one thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from features.errors import TriageError

Item = TypeVar("Item")
Result = TypeVar("Result")
# The function answers each item with its result or with the error that is its caller's alone.
Outcome: TypeAlias = Result | Exception
_Waiting: TypeAlias = tuple[Item, "asyncio.Future[Result]"]

LARGEST_BATCH = 32
LONGEST_QUEUE = 1_024


class OverloadedError(TriageError):
    """More work waits than may wait; the caller is asked to come back."""

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class MicroBatcher(Generic[Item, Result]):
    """Hands items to `process` in batches, on a thread of its own, and each outcome to its own caller.

    An item that arrives at an idle batcher is processed at once; nothing ever waits for company.
    `process` returns one outcome an item, in order; an error that it raises reaches the whole batch.
    """

    def __init__(
        self,
        process: Callable[[Sequence[Item]], Sequence[Outcome[Result]]],
        *,
        name: str,
        largest_batch: int = LARGEST_BATCH,
        longest_queue: int = LONGEST_QUEUE,
        observe_size: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._process = process
        self._name = name
        self._largest_batch = largest_batch
        self._longest_queue = longest_queue
        self._observe_size = observe_size
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the worker thread; call it from the event loop that will submit."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name=f"batcher-{self._name}", daemon=True)
        self._thread.start()

    async def submit(self, item: Item) -> Result:
        """Return the result of one item; raise its error, or OverloadedError where too much waits already."""
        future: asyncio.Future[Result] = self._loop.create_future()
        with self._changed:
            if self._closing:
                raise OverloadedError("The service is shutting down. Send the request again.", retry_after_seconds=5)
            if len(self._waiting) >= self._longest_queue:
                raise OverloadedError(
                    f"{len(self._waiting)} requests wait already, as many as may. Send the request again.",
                    retry_after_seconds=1,
                )
            self._waiting.append((item, future))
            self._changed.notify()
        return await future

    async def close(self) -> None:
        """Refuse new items, work off those that wait, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while batch := self._next_batch():
            outcomes = self._outcomes([item for item, _ in batch])
            self._loop.call_soon_threadsafe(_deliver, batch, outcomes)

    def _next_batch(self) -> list[_Waiting[Item, Result]]:
        """Return what waits, at most a batch; an empty list when closing and nothing is left."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest_batch))]

    def _outcomes(self, items: list[Item]) -> Sequence[Outcome[Result]]:
        try:
            self._observe_size(len(items))
            outcomes = self._process(items)
            if len(outcomes) != len(items):
                raise RuntimeError(f"{self._name}: {len(outcomes)} outcomes for {len(items)} items")
        except Exception as error:  # whatever it is, the thread must go on
            return [error] * len(items)
        return outcomes


def _deliver(batch: list[_Waiting[Item, Result]], outcomes: Sequence[Outcome[Result]]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():
            continue  # the caller went away
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
