"""A registry made of folders, and a service that runs on it in this process, for tests of several packages."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from features.errors import RegistryError
from serving.model_store import RegisteredVersion
from serving.served_models import UnknownModelError

Result = TypeVar("Result")
TIMEOUT_SECONDS = 120.0


class FolderRegistry:
    """A registry of models as folders: versions are copied in and out, an alias is moved, and it can be down."""

    def __init__(self, folder: Path) -> None:
        self.is_down = False
        self.defect: Exception | None = None
        self.downloads = 0
        self.lookups = 0
        self._folder = folder
        self._aliases: dict[tuple[str, str], str] = {}

    def register(self, bundle: Path, *, name: str = "ticket-triage", alias: str = "champion") -> str:
        """Copy a bundle in as the next version, point the alias at it and return its number."""
        versions = self._folder / name
        version = str(len(list(versions.iterdir())) + 1) if versions.exists() else "1"
        shutil.copytree(bundle, versions / version)
        self.point(version, name=name, alias=alias)
        return version

    def register_broken(self, bundle: Path, *, name: str = "ticket-triage", alias: str = "champion") -> str:
        """Register a version whose largest file lacks its end."""
        version = self.register(bundle, name=name, alias=alias)
        files = [path for path in (self._folder / name / version).rglob("*") if path.is_file()]
        largest = max((path for path in files if path.name != "manifest.json"), key=lambda path: path.stat().st_size)
        largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])
        return version

    def point(self, version: str, *, name: str = "ticket-triage", alias: str = "champion") -> None:
        """Move an alias."""
        self._aliases[name, alias] = version

    def resolve(self, name: str, *, alias: str, version: str) -> RegisteredVersion:
        """Return the version pinned, or else the one that the alias names."""
        self.lookups += 1
        self._raise_if_down()
        found = version or self._aliases.get((name, alias), "")
        if not found or not (self._folder / name / found).is_dir():
            raise UnknownModelError(f"No model '{name}' is registered.")
        return RegisteredVersion(found, f"{self._folder}")

    def download(self, name: str, version: str, into: Path) -> Path:
        """Copy a version out."""
        self._raise_if_down()
        self.downloads += 1
        shutil.copytree(self._folder / name / version, into / "bundle")
        return into / "bundle"

    def _raise_if_down(self) -> None:
        if self.defect:
            raise self.defect
        if self.is_down:
            raise RegistryError("The model registry does not answer.")


class Service:
    """A service that runs on an event loop of its own thread, asked without a network."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=TIMEOUT_SECONDS)
        self._lifespan = app.router.lifespan_context(app)

    def start(self) -> None:
        """Start the service."""
        self._thread.start()
        self.run(self._lifespan.__aenter__())

    def stop(self) -> None:
        """Stop the service."""
        self.run(self._lifespan.__aexit__(None, None, None))
        self.run(self._client.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the service's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_SECONDS)

    def get(self, path: str, **request: Any) -> httpx.Response:
        """Send a GET request."""
        return self.run(self._client.get(path, **request))

    def post(self, path: str, **request: Any) -> httpx.Response:
        """Send a POST request."""
        return self.run(self._client.post(path, **request))

    def request(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request of any method."""
        return self.run(self._client.request(method, path, **request))

    def post_at_once(self, path: str, requests: Sequence[dict[str, Any]]) -> list[httpx.Response]:
        """Send POST requests all at once."""

        async def sent() -> list[httpx.Response]:
            return await asyncio.gather(*(self._client.post(path, **request) for request in requests))

        return self.run(sent())

    def wait_until_ready(self) -> None:
        """Wait until tickets can be answered."""
        wait_until(lambda: self.get("/readyz").status_code == 200)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so; fail where it never is."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)
