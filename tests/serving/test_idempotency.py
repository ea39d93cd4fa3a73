"""The first answer under an Idempotency-Key is the answer, however often the request is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import IdempotencyError, StorageError
from serving.idempotency import LONGEST_KEY, Idempotency, KeyedRequest, MalformedKeyError, hash_request, parse_key
from serving.storage.sql import SqlStorage, open_storage

REQUEST = KeyedRequest(key="k1", caller="key-a", request_hash="hash-1")


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 14, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the moment it was set to."""
        return self.now


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqlStorage]:
    opened = open_storage(f"sqlite:///{tmp_path / 'triage.db'}")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idempotency(storage: SqlStorage, clock: Clock) -> Idempotency:
    return Idempotency(storage, lasts=timedelta(hours=24), now=clock)


def answer(idempotency: Idempotency, body: bytes = b"first", *, request: KeyedRequest = REQUEST) -> tuple[bytes, bool]:
    async def produce() -> bytes:
        return body

    kept = asyncio.run(idempotency.answer(request, produce=produce))
    return kept.body, kept.is_replayed


def test_the_first_answer_is_given_again(idempotency: Idempotency) -> None:
    """A request sent again gets the very bytes of the first answer, and is told so."""
    assert answer(idempotency) == (b"first", False)
    assert answer(idempotency, b"second") == (b"first", True)


def test_each_caller_has_keys_of_their_own(idempotency: Idempotency) -> None:
    """The key of one caller opens no answer of another."""
    answer(idempotency)
    assert answer(idempotency, b"theirs", request=KeyedRequest("k1", "key-b", "hash-1")) == (b"theirs", False)


def test_another_request_under_the_same_key_is_refused(idempotency: Idempotency) -> None:
    """A key belongs to the request that it came with first."""
    answer(idempotency)
    with pytest.raises(IdempotencyError, match="used for another request") as refused:
        answer(idempotency, request=KeyedRequest("k1", "key-a", "hash-2"))
    assert not refused.value.in_flight


def test_a_request_in_flight_is_not_begun_again(idempotency: Idempotency) -> None:
    """While the first is being answered the same request is told to wait, and is not answered twice."""

    async def run() -> None:
        began, may_end = asyncio.Event(), asyncio.Event()

        async def slow() -> bytes:
            began.set()
            await may_end.wait()
            return b"first"

        async def never() -> bytes:
            raise AssertionError("answered twice")

        first = asyncio.create_task(idempotency.answer(REQUEST, produce=slow))
        await began.wait()
        with pytest.raises(IdempotencyError, match="being answered") as refused:
            await idempotency.answer(REQUEST, produce=never)
        assert refused.value.in_flight
        may_end.set()
        assert (await first).body == b"first"
        assert (await idempotency.answer(REQUEST, produce=never)).is_replayed

    asyncio.run(run())


@pytest.mark.parametrize("error", [StorageError("down"), ValueError("a defect"), asyncio.CancelledError()])
def test_a_request_that_failed_may_be_tried_again(idempotency: Idempotency, error: BaseException) -> None:
    """A failure is no answer: the key is free again."""

    async def fail() -> bytes:
        raise error

    with pytest.raises(type(error)):
        asyncio.run(idempotency.answer(REQUEST, produce=fail))
    assert answer(idempotency, b"second") == (b"second", False)


def test_an_answer_is_kept_for_so_long(idempotency: Idempotency, clock: Clock) -> None:
    """After its time a key may be used anew."""
    answer(idempotency)
    clock.now += timedelta(hours=23)
    assert answer(idempotency, b"second") == (b"first", True)
    clock.now += timedelta(hours=2)
    assert answer(idempotency, b"second") == (b"second", False)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("8e03978e-40d5-43e8-bc93-6fb1b01d44e7", "8e03978e-40d5-43e8-bc93-6fb1b01d44e7"),
        ('"8e03978e-40d5-43e8-bc93-6fb1b01d44e7"', "8e03978e-40d5-43e8-bc93-6fb1b01d44e7"),
        ('"with blanks"', "with blanks"),
        (r'"a \"quoted\" \\ key"', r'a "quoted" \ key'),
        ("  k1 ", "k1"),
        ("k" * LONGEST_KEY, "k" * LONGEST_KEY),
    ],
)
def test_a_key_is_a_quoted_string_or_a_bare_token(header: str, key: str) -> None:
    """Draft 07 asks for a quoted string; most clients send the bare token."""
    assert parse_key(header) == key


@pytest.mark.parametrize(
    "header", ["", '""', "two words", '"open', 'a"b', "키", "k" * (LONGEST_KEY + 1), '"\\n"', "a\tb"]
)
def test_what_is_no_key_is_refused(header: str) -> None:
    """An empty, endless or unreadable key is refused."""
    with pytest.raises(MalformedKeyError):
        parse_key(header)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_any_text_can_be_a_quoted_key(key: str) -> None:
    """Whatever printable ASCII is quoted as a structured field is read back."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_key(f'"{escaped}"') == key


def test_a_hash_tells_apart_where_one_part_ends() -> None:
    """Two requests whose parts only join to the same bytes are different requests."""
    assert hash_request(b"ab", b"c") != hash_request(b"a", b"bc")
    assert hash_request(b"ab", b"c") == hash_request(b"ab", b"c")
