"""The servers that are compared: how each is started, asked and ended. Knows nothing of what is measured."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
_HERE = Path(__file__).resolve().parent
_STARTUP_SECONDS = 180.0
_LOAD_SECONDS = 900.0
_GRACE_SECONDS = 15.0
_LINES_SHOWN = 12
# A setting of the one who runs this must not change what is compared.
_SETTINGS = ("TRIAGE_", "MLFLOW_", "UVICORN_", "WEB_CONCURRENCY", "PYTHON")

Row = Mapping[str, str]


class BenchmarkError(Exception):
    """The comparison cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how tickets are put to it; `{port}` in the command stands for its port."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready_path: str
    path: str
    batch_path: str
    one: Callable[[Row], str]
    many: Callable[[Sequence[Row]], str]
    answers_of: Callable[[Any], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the load process saw: the seconds of all requests, the milliseconds of each, and the answers if kept."""

    seconds: float
    milliseconds: list[float]
    answers: list[str]


def ours(*, tracking_uri: str, version: str, var_dir: Path) -> Server:
    """Return `triage serve` with one version of the model, recording to SQLite in a folder of its own."""
    return Server(
        name="ours",
        command=(str(BIN / "triage"), "serve", "--host", "127.0.0.1", "--port", "{port}", "--model-version", version),
        environment={"TRIAGE_VAR_DIR": str(var_dir), "MLFLOW_TRACKING_URI": tracking_uri},
        ready_path="/readyz",
        path="/v1/score",
        batch_path="/v1/score/batch",
        one=_json,
        many=lambda rows: _json({"tickets": list(rows)}),
        answers_of=lambda reply: list(reply.get("answers", [reply])),
    )


def empty() -> Server:
    """Return a FastAPI endpoint that does nothing under the same server settings."""
    return Server(
        name="empty",
        command=(sys.executable, str(_HERE / "empty_endpoint.py"), "{port}"),
        environment={},
        ready_path="/livez",
        path="/v1/score",
        batch_path="/v1/score",
        one=_json,
        many=_json,
        answers_of=lambda _: [],
    )


def mlflow(*, tracking_uri: str, model_name: str, version: str) -> Server:
    """Return `mlflow models serve` with one version of the model, one worker as ours has."""
    options = f"-m models:/{model_name}/{version} --env-manager local -h 127.0.0.1 -p {{port}} --workers 1"
    return Server(
        name="mlflow",
        command=(str(BIN / "mlflow"), "models", "serve", *options.split()),
        environment={"MLFLOW_TRACKING_URI": tracking_uri, "MLFLOW_DISABLE_TELEMETRY": "true"},
        ready_path="/ping",
        path="/invocations",
        batch_path="/invocations",
        one=lambda row: _json({"dataframe_records": [row]}),
        many=lambda rows: _json({"dataframe_records": list(rows)}),
        answers_of=lambda reply: list(reply["predictions"]),
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@contextmanager
def running(server: Server, *, folder: Path) -> Iterator[int]:
    """Run a server while the block lasts and give its port; raise BenchmarkError where it does not come up."""
    port = _free_port()
    log = folder / f"{server.name}.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    environment = {
        **inherited,
        "PATH": f"{BIN}{os.pathsep}{inherited.get('PATH', '')}",
        # The threads of one library must not burn the core that another process computes on.
        "OMP_WAIT_POLICY": "PASSIVE",
        **server.environment,
    }
    with log.open("wb") as output:
        # A session of its own, so that the workers that a server starts end with it.
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in server.command],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(server, process, port=port, log=log)
        yield port
        if process.poll() is not None:
            raise BenchmarkError(f"'{server.name}' ended while it was measured, {_last_words(process, log)}")
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    last_turn = time.monotonic() + _STARTUP_SECONDS
    while time.monotonic() < last_turn:
        if process.poll() is not None:
            raise BenchmarkError(f"'{server.name}' did not start, {_last_words(process, log)}")
        if _is_ready(port, server.ready_path):
            return
        time.sleep(0.2)
    raise BenchmarkError(
        f"'{server.name}' was not ready at {server.ready_path} within {_STARTUP_SECONDS:.0f} seconds, "
        f"{_last_words(process, log)}"
    )


def _is_ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_words(process: subprocess.Popen[bytes], log: Path) -> str:
    state = "is still running" if process.poll() is None else f"exit status {process.returncode}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES_SHOWN:]
    return "\n  ".join([f"{state}. Its last lines:", *lines])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and everything that it started: asked first, then made to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)


def put_load(port: int, path: str, *, bodies: Sequence[str], connections: int, keeps_answers: bool = False) -> Measured:
    """Send each body once from a process of its own over so many connections, and return what it saw."""
    plan = {
        "port": port,
        "path": path,
        "bodies": list(bodies),
        "connections": connections,
        "keeps_answers": keeps_answers,
    }
    try:
        done = subprocess.run(
            [sys.executable, str(_HERE / "load.py")],
            input=_json(plan).encode(),
            capture_output=True,
            timeout=_LOAD_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"The requests to {path} took longer than {_LOAD_SECONDS:.0f} seconds.") from None
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().splitlines()[-_LINES_SHOWN:]
        raise BenchmarkError("\n  ".join([f"The requests to {path} failed:", *words])) from None
    return Measured(**json.loads(done.stdout))
