"""Concurrent requests worked off together, each with an outcome of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from serving.batching import LARGEST_BATCH, MicroBatcher, OverloadedError


class Gate:
    """A function for a batcher that waits to be let through, and remembers what it was given."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()
        self._open = threading.Event()
        if is_open:
            self._open.set()

    def open(self) -> None:
        """Let everything through from now on."""
        self._open.set()

    def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        """Double every item; fail those that are negative."""
        self.batches.append(list(items))
        self.threads.add(threading.get_ident())
        assert self._open.wait(timeout=10)
        return [ValueError(str(item)) if item < 0 else 2 * item for item in items]


async def _until(gate: Gate, *, batches: int) -> None:
    while len(gate.batches) < batches:
        await asyncio.sleep(0.001)


def test_everyone_gets_the_outcome_of_their_own_item() -> None:
    """Of a thousand items submitted at once, each caller gets the result of its own."""

    async def run() -> list[int]:
        batcher = MicroBatcher(Gate(is_open=True), name="test")
        batcher.start()
        results = await asyncio.gather(*(batcher.submit(item) for item in range(1_000)))
        await batcher.close()
        return results

    assert asyncio.run(run()) == [2 * item for item in range(1_000)]


def test_an_idle_batcher_does_not_wait_for_company() -> None:
    """A lone item is a batch of one, taken while nothing else is submitted."""
    gate = Gate(is_open=True)

    async def run() -> None:
        batcher = MicroBatcher(gate, name="test")
        batcher.start()
        for item in range(5):
            await batcher.submit(item)
        await batcher.close()

    asyncio.run(run())
    assert gate.batches == [[0], [1], [2], [3], [4]]


def test_what_arrives_during_a_batch_makes_the_next_ones() -> None:
    """While one item is worked on forty more queue; they are taken in order, at most 32 at once, on one thread."""
    gate = Gate()
    sizes: list[int] = []

    async def run() -> None:
        batcher = MicroBatcher(gate, name="test", observe_size=sizes.append)
        batcher.start()
        first = asyncio.create_task(batcher.submit(0))
        await _until(gate, batches=1)
        rest = [asyncio.create_task(batcher.submit(item)) for item in range(1, 41)]
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, *rest)
        await batcher.close()

    asyncio.run(run())
    assert gate.batches == [[0], list(range(1, 33)), list(range(33, 41))]
    assert sizes == [1, LARGEST_BATCH, 8]
    assert len(gate.threads) == 1


def test_an_error_reaches_its_own_caller_alone() -> None:
    """An item that fails leaves the others of its batch their results."""
    gate = Gate()

    async def run() -> list[int | BaseException]:
        batcher = MicroBatcher(gate, name="test")
        batcher.start()
        waiting = asyncio.gather(*(batcher.submit(item) for item in (1, -1, 2)), return_exceptions=True)
        await _until(gate, batches=1)
        gate.open()
        results = await waiting
        await batcher.close()
        return results

    first, failed, last = asyncio.run(run())
    assert (first, last) == (2, 4)
    assert isinstance(failed, ValueError)


def test_an_error_of_the_function_itself_reaches_the_whole_batch_and_nobody_else() -> None:
    """Where the function raises, everyone in the batch is told, and the batcher goes on."""

    def process(items: Sequence[int]) -> list[int | Exception]:
        if 13 in items:
            raise RuntimeError("thirteen")
        return list(items)

    async def run() -> int:
        batcher = MicroBatcher(process, name="test")
        batcher.start()
        with pytest.raises(RuntimeError, match="thirteen"):
            await batcher.submit(13)
        result = await batcher.submit(1)
        await batcher.close()
        return result

    assert asyncio.run(run()) == 1


def test_an_observer_that_fails_stops_nothing() -> None:
    """Should counting a batch fail, its callers hear of it and the next batch is processed."""
    sizes = iter([1])

    def observe(_size: int) -> None:
        if next(sizes, None):
            raise RuntimeError("no room to count")

    async def run() -> int:
        batcher = MicroBatcher(Gate(is_open=True), name="test", observe_size=observe)
        batcher.start()
        with pytest.raises(RuntimeError, match="no room"):
            await batcher.submit(1)
        result = await batcher.submit(2)
        await batcher.close()
        return result

    assert asyncio.run(run()) == 4


def test_a_function_that_loses_an_outcome_is_found_out() -> None:
    """Fewer outcomes than items is an error, and nobody waits for ever."""

    async def run() -> None:
        batcher: MicroBatcher[int, int] = MicroBatcher(lambda _items: [], name="test")
        batcher.start()
        with pytest.raises(RuntimeError, match="0 outcomes for 1 items"):
            await batcher.submit(1)
        await batcher.close()

    asyncio.run(run())


def test_a_full_queue_refuses_at_once() -> None:
    """When as many wait as may, the next is told to come back, and those who wait are answered."""
    gate = Gate()

    async def run() -> list[int]:
        batcher = MicroBatcher(gate, name="test", longest_queue=2)
        batcher.start()
        first = asyncio.create_task(batcher.submit(1))
        await _until(gate, batches=1)
        waiting = [asyncio.create_task(batcher.submit(item)) for item in (2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError) as refused:
            await batcher.submit(4)
        assert refused.value.retry_after_seconds >= 1
        gate.open()
        results = await asyncio.gather(first, *waiting)
        await batcher.close()
        return results

    assert asyncio.run(run()) == [2, 4, 6]


def test_closing_answers_what_was_accepted_and_refuses_the_rest() -> None:
    """On shutdown every accepted item still gets its outcome; a new one is refused."""
    gate = Gate()

    async def run() -> list[int]:
        batcher = MicroBatcher(gate, name="test")
        batcher.start()
        accepted = [asyncio.create_task(batcher.submit(item)) for item in range(50)]
        await _until(gate, batches=1)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="shutting down"):
            await batcher.submit(99)
        gate.open()
        await closing
        return await asyncio.gather(*accepted)

    assert asyncio.run(run()) == [2 * item for item in range(50)]


def test_a_caller_who_goes_away_disturbs_nobody() -> None:
    """A cancelled caller's outcome is dropped; the others of the batch get theirs."""
    gate = Gate()

    async def run() -> int:
        batcher = MicroBatcher(gate, name="test")
        batcher.start()
        gone, stays = (asyncio.create_task(batcher.submit(item)) for item in (1, 2))
        await _until(gate, batches=1)
        gone.cancel()
        await asyncio.sleep(0)
        gate.open()
        result = await stays
        await batcher.close()
        return result

    assert asyncio.run(run()) == 4
