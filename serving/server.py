"""The HTTP server under the service: the socket it listens on and how it runs. Knows no route."""

from __future__ import annotations

import gc
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import uvicorn

from features.errors import SettingsError
from serving.app import create_app
from serving.event_log import configure_logging
from serving.settings import AuthMode, Settings, is_loopback

_LONGEST_BACKLOG = 2_048
_GRACE_SECONDS = 30
# A scoring thread that computes without a pause gives way this often to the one that answers requests: at eight
# connections the slowest hundredth of the answers takes half as long as with Python's own five milliseconds.
_SWITCH_SECONDS = 0.001
# An answer makes hundreds of objects and hardly a cycle. Looking for cycles as often as Python does by itself
# takes a fifth of the time of a request.
_COLLECT_AFTER = (50_000, 20, 100)


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that callers can connect to already; they are answered once the service runs."""

    socket: socket.socket
    host: str

    @property
    def port(self) -> int:
        """The port, which the system chose where none was named."""
        return int(self.socket.getsockname()[1])

    def describe(self, settings: Settings) -> dict[str, Any]:
        """Return where the service answers, who can reach it and whether they need a key."""
        url = f"http://{_reachable(self.host)}:{self.port}"
        is_local = is_loopback(self.host)
        needs_key = settings.auth is AuthMode.KEYS
        reach = "It listens on this machine only" if is_local else f"It listens on the network, at {self.host}"
        keys = "callers need a key: triage keys create NAME --scope score" if needs_key else "callers need no key"
        return {
            "url": url,
            "docs": f"{url}/docs",
            "is_loopback": is_local,
            "needs_key": needs_key,
            "reach": f"{reach}; {keys}.",
        }


def bind(settings: Settings) -> Listening:
    """Listen on the host and port of the settings; raise SettingsError where that cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family, backlog=_LONGEST_BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"Port {settings.port} of '{settings.host}' cannot be listened on ({error.strerror}). "
            "Stop what uses it, or choose another with TRIAGE_PORT or --port."
        ) from error
    return Listening(listening, settings.host)


def run(settings: Settings, *, listening: Listening, model_version: str = "") -> bool:
    """Serve until interrupted, answer what was accepted, and return whether the service ever started."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.set_threshold(*_COLLECT_AFTER)
    configure_logging(settings.log_level)
    config = uvicorn.Config(
        create_app(settings, model_version=model_version),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    with listening.socket, suppress(KeyboardInterrupt):
        server.run(sockets=[listening.socket])
    return server.started


def _reachable(host: str) -> str:
    """Return a host that a browser on this machine can be given, for one that may mean all of them."""
    with suppress(ValueError):
        address = ip_address(host)
        if address.is_unspecified:
            return "127.0.0.1"
        return f"[{address}]" if address.version == 6 else str(address)
    return host
