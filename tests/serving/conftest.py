"""A registry made of folders, and a service that runs on it in this process."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from fastapi import FastAPI

from features.errors import RegistryError
from serving.app import create_app
from serving.model_store import RegisteredVersion
from serving.served_models import UnknownModelError
from serving.settings import Settings, load_settings

Result = TypeVar("Result")
TIMEOUT_SECONDS = 30.0
_MLFLOW_VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
    "MLFLOW_HTTP_REQUEST_TIMEOUT",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
    "MLFLOW_DISABLE_TELEMETRY",
)


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


@pytest.fixture(name="wait_until", scope="session")
def wait_until_fixture() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so."""
    return wait_until


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    """A registry in which nothing is registered."""
    return FolderRegistry(tmp_path / "registry")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that write into a folder of the test and look at the alias often."""
    return load_settings({"TRIAGE_VAR_DIR": str(tmp_path / "var"), "TRIAGE_ALIAS_POLL_SECONDS": "0.05"})


@pytest.fixture
def start_service(registry: FolderRegistry, settings: Settings) -> Iterator[Callable[..., Service]]:
    """Start services on the registry; each is stopped when the test ends."""
    started: list[Service] = []

    def start(*, at: Settings = settings, **options: Any) -> Service:
        service = Service(create_app(at, model_source=registry, **options))
        service.start()
        started.append(service)
        return service

    yield start
    for service in started:
        service.stop()


@pytest.fixture
def service(start_service: Callable[..., Service], registry: FolderRegistry, sample_bundle: Path) -> Service:
    """A service that is ready, with version 1 of a small model."""
    registry.register(sample_bundle)
    running = start_service()
    running.wait_until_ready()
    return running


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory: pytest.TempPathFactory, sample_bundle: Path) -> Iterator[Service]:
    """A service that is ready, for tests that leave no trace in it."""
    folder = tmp_path_factory.mktemp("shared")
    registry = FolderRegistry(folder / "registry")
    registry.register(sample_bundle)
    settings = load_settings({"TRIAGE_VAR_DIR": str(folder / "var")})
    running = Service(create_app(settings, model_source=registry))
    running.start()
    running.wait_until_ready()
    yield running
    running.stop()


@dataclass(frozen=True, slots=True)
class Registered:
    """The address of a registry, and the versions in it."""

    tracking_uri: str
    version: str
    foreign_version: str


@pytest.fixture(scope="session")
def mlflow_registry(tmp_path_factory: pytest.TempPathFactory, sample_bundle: Path) -> Registered:
    """A real MLflow registry with one model of ours and one of somebody else's."""
    folder = tmp_path_factory.mktemp("mlflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own use of its dependencies is not ours to mend
        from mlflow import MlflowClient

        uri = f"sqlite:///{(folder / 'mlflow.db').as_posix()}"
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        experiment = client.create_experiment("triage", artifact_location=(folder / "artifacts").as_uri())
        run = client.create_run(experiment)
        client.log_artifacts(run.info.run_id, str(sample_bundle), "model/artifacts/bundle")
        client.log_text(run.info.run_id, "a large model of another kind", "foreign/model.bin")
        versions = []
        for name, path in (("ticket-triage", "model"), ("foreign", "foreign")):
            client.create_registered_model(name)
            registered = client.create_model_version(name, f"{run.info.artifact_uri}/{path}", run.info.run_id)
            versions.append(str(registered.version))
            client.set_registered_model_alias(name, "champion", versions[-1])
    return Registered(uri, *versions)


@pytest.fixture
def registered(mlflow_registry: Registered, monkeypatch: pytest.MonkeyPatch) -> Registered:
    """The registry, with the environment that MLflow writes into put back when the test ends."""
    for name in _MLFLOW_VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return mlflow_registry
