"""Services that run in this process, and a real registry."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from serving.app import create_app
from serving.settings import Settings, load_settings
from tests.running_service import FolderRegistry, Service, wait_until

_MLFLOW_VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
    "MLFLOW_HTTP_REQUEST_TIMEOUT",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
    "MLFLOW_DISABLE_TELEMETRY",
)


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
