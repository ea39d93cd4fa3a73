"""Loads one server over keep-alive connections, from a process of its own. Knows bytes, neither tickets nor answers.

Reads a plan as JSON from standard input and writes what was measured as JSON to standard output:

    {"port": 8000, "path": "/v1/score", "bodies": ["{...}", ...], "connections": 32, "keeps_answers": false}
    {"seconds": 1.9, "milliseconds": [3.1, ...], "answers": []}

Each body is sent once; a connection sends its next one when its last is answered. httpx would be the bottleneck.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

_HEAD_END = b"\r\n\r\n"
_TIMEOUT_SECONDS = 600.0
_MOST_CHARACTERS_SHOWN = 200


@dataclass
class Work:
    """The requests that the connections share, and what came of each, in order of the requests."""

    requests: Sequence[bytes]
    keeps_answers: bool
    waiting: Iterator[int] = field(init=False)
    milliseconds: list[float] = field(init=False)
    answers: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = iter(range(len(self.requests)))
        self.milliseconds = [0.0] * len(self.requests)
        self.answers = [""] * len(self.requests) if self.keeps_answers else []


class Connection(asyncio.Protocol):
    """One caller: sends a request, waits for the whole answer, and sends the next."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._received = bytearray()
        self._size = 0
        self._number = -1
        self._sent_at = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by what they do, not by descent.
        self._transport = cast("asyncio.Transport", transport)

    def send_next(self) -> None:
        self._number = next(self._work.waiting, -1)
        if self._number < 0:
            self._end()
            return
        self._received.clear()
        self._size = 0
        self._sent_at = time.perf_counter()
        self._transport.write(self._work.requests[self._number])

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._size:
            head_size = self._received.find(_HEAD_END)
            if head_size < 0:
                return
            try:
                self._size = head_size + len(_HEAD_END) + _body_size(bytes(self._received[:head_size]))
            except ValueError as error:
                self._end(f"{error} {_shown(self._received)}")
                return
        if len(self._received) >= self._size:
            self._answered()

    def _answered(self) -> None:
        self._work.milliseconds[self._number] = (time.perf_counter() - self._sent_at) * 1e3
        if self._work.keeps_answers:
            self._work.answers[self._number] = self._received.partition(_HEAD_END)[2].decode()
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"The server closed a connection with request {self._number + 1} unanswered ({exc}).")

    def _end(self, failure: str = "") -> None:
        if not self.ended.done():
            if failure:
                self.ended.set_exception(ConnectionError(failure))
            else:
                self.ended.set_result(None)
        self._transport.close()


def _body_size(head: bytes) -> int:
    """Return the length of the body that follows; raise ValueError for an answer that is none of ours."""
    status, *lines = head.split(b"\r\n")
    if b" 200" not in status:
        raise ValueError(f"The server answered '{status.decode(errors='replace')}' in place of 200:")
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("The server answered without a Content-Length:")


def _shown(received: bytearray) -> str:
    body = received.partition(_HEAD_END)[2]
    return body[:_MOST_CHARACTERS_SHOWN].decode(errors="replace")


def _request(body: str, *, path: str, port: int) -> bytes:
    content = body.encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def load(plan: dict[str, Any]) -> dict[str, Any]:
    """Send every body of a plan and return what was measured, from the first byte sent to the last answer."""
    port = int(plan["port"])
    work = Work([_request(body, path=plan["path"], port=port) for body in plan["bodies"]], plan["keeps_answers"])
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(work), "127.0.0.1", port))[1]
        for _ in range(min(plan["connections"], len(work.requests)))
    ]
    started_at = time.perf_counter()
    for connection in connections:
        connection.send_next()
    await asyncio.wait_for(asyncio.gather(*(connection.ended for connection in connections)), _TIMEOUT_SECONDS)
    seconds = time.perf_counter() - started_at
    return {"seconds": seconds, "milliseconds": work.milliseconds, "answers": work.answers}


def main() -> None:
    try:
        measured = uvloop.run(load(json.load(sys.stdin)))
    except TimeoutError:
        sys.exit(f"The requests were not answered within {_TIMEOUT_SECONDS:.0f} seconds.")
    except OSError as error:
        sys.exit(str(error))
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main()
