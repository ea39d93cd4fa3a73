"""Which model answers: resolves an alias, downloads, verifies, swaps while running, keeps the last good one.

The serving side's only door to MLflow, which is imported by the store's own thread and never on the way of a request.
"""

from __future__ import annotations

import os
import queue
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from features.answers import ModelIdentity
from features.bundle import ModelBundle
from features.errors import BundleError, ModelUnavailableError, RegistryError, TriageError
from features.tickets import Ticket
from serving.local_models import LocalModels
from serving.served_models import LoadFailure, ModelObserver, ModelStatus, ServedModel, UnknownModelError

# A name becomes a folder and a part of a registry's address, and it may come from a request.
_NAME = re.compile(r"\w[\w. -]{0,99}")
_REFUSALS_KEPT = 100


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version of a registered model; `origin` tells it from the same number in another registry."""

    version: str
    origin: str


class ModelSource(Protocol):
    """Where registered models come from."""

    def resolve(self, name: str, *, alias: str, version: str) -> RegisteredVersion:
        """Return the version pinned, or else the one that the alias names.

        Raises UnknownModelError where the registry lacks it, RegistryError where it does not answer.
        """

    def download(self, name: str, version: str, into: Path) -> Path:
        """Fill an empty folder and return the bundle's folder within it; raise RegistryError or BundleError."""


@dataclass(slots=True)
class _Slot:
    """One model by name; written by the store's thread alone, read by all."""

    name: str
    pinned_version: str = ""
    served: ServedModel | None = None
    registered: RegisteredVersion | None = None
    last_failure: LoadFailure | None = None
    refused: dict[RegisteredVersion, BundleError] = field(default_factory=dict)


class ModelStore:
    """Serves models by name; one thread of its own loads them, follows the alias and swaps.

    Reading takes no lock. A version that the bundle's own checks refuse is not tried again.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        local_models: LocalModels,
        observer: ModelObserver,
        default_name: str,
        alias: str,
        pinned_version: str = "",
        poll_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._local = local_models
        self._observer = observer
        self._default_name = default_name
        self._alias = alias
        self._poll_seconds = poll_seconds
        self._now = now
        self._slots = {default_name: _Slot(default_name, pinned_version)}
        self._refused_until: dict[str, tuple[float, ModelUnavailableError]] = {}
        self._wanted: queue.SimpleQueue[tuple[str, Future[ServedModel]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="model-store", daemon=True)

    def start(self) -> None:
        """Start to load the default model and to follow its alias."""
        self._thread.start()

    def close(self, *, timeout_seconds: float = 5.0) -> None:
        """End the thread; a download in hand ends with the process."""
        self._wanted.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def current(self, name: str = "") -> ServedModel | None:
        """Return the model that answers to a name (the default model without one), if it is loaded."""
        slot = self._slots.get(name or self._default_name)
        return slot.served if slot else None

    def request(self, name: str = "") -> Future[ServedModel]:
        """Ask for a model that need not be loaded yet; the future fails with ModelUnavailableError."""
        future: Future[ServedModel] = Future()
        self._wanted.put((name or self._default_name, future))
        return future

    def status(self, name: str = "") -> ModelStatus:
        """Return what a name stands for."""
        slot = self._slots.get(name or self._default_name) or _Slot(name)
        return ModelStatus(slot.name, slot.served, slot.last_failure)

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Return what every name in use stands for, the default model first."""
        return tuple(ModelStatus(slot.name, slot.served, slot.last_failure) for slot in list(self._slots.values()))

    def _run(self) -> None:
        next_poll = time.monotonic()
        while True:
            if time.monotonic() >= next_poll:
                for slot in list(self._slots.values()):
                    self._refresh(slot)
                next_poll = time.monotonic() + self._poll_seconds
            try:
                wanted = self._wanted.get(timeout=max(0.0, next_poll - time.monotonic()))
            except queue.Empty:
                continue
            if wanted is None:
                return
            self._answer(*wanted)

    def _answer(self, name: str, future: Future[ServedModel]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self._open(name))
        except TriageError as error:
            future.set_exception(error)

    def _open(self, name: str) -> ServedModel:
        served = self.current(name)
        if served is not None:
            return served
        until, refusal = self._refused_until.get(name, (0.0, None))
        if refusal is not None and time.monotonic() < until:
            raise refusal
        slot = self._slots.get(name) or _Slot(name)
        error = self._refresh(slot) if _NAME.fullmatch(name) else UnknownModelError(_no_name(name))
        if slot.served is None:
            raise self._refusal(name, error)
        self._slots[name] = slot
        return slot.served

    def _refusal(self, name: str, error: TriageError | None) -> ModelUnavailableError:
        """Return what callers are told until the next poll, so that they cannot flood the registry."""
        is_unknown = isinstance(error, UnknownModelError) and name != self._default_name
        refusal = (UnknownModelError if is_unknown else ModelUnavailableError)(str(error))
        if len(self._refused_until) >= _REFUSALS_KEPT:
            self._refused_until.clear()
        self._refused_until[name] = (time.monotonic() + self._poll_seconds, refusal)
        return refusal

    def _refresh(self, slot: _Slot) -> TriageError | None:
        """Follow the registry; return why that failed. What is served stays served."""
        registered: RegisteredVersion | None = None
        try:
            registered = self._source.resolve(slot.name, alias=self._alias, version=slot.pinned_version)
            if registered != slot.registered:
                self._swap(slot, self._load(slot, registered), registered=registered)
        except Exception as error:  # whatever it is, the thread that follows the registry must go on
            failure = error if isinstance(error, TriageError) else _unexpected(error)
            self._note_failure(slot, version=registered.version if registered else "", error=failure)
            if slot.served is None and not isinstance(failure, UnknownModelError):
                self._fall_back(slot)
            return failure
        slot.last_failure = None
        return None

    def _load(self, slot: _Slot, registered: RegisteredVersion) -> ModelBundle:
        if registered in slot.refused:
            raise slot.refused[registered]
        name, version, origin = slot.name, registered.version, registered.origin
        try:
            folder = self._local.find(name, version=version, origin=origin)
            if folder is not None:
                try:
                    return _loaded(folder)
                except BundleError:  # damaged since it was put there: the registry's own may be whole
                    self._local.discard(name, version=version)
            folder = self._local.add(
                name, version=version, origin=origin, fetch=partial(self._source.download, name, version)
            )
            return _loaded(folder)
        except BundleError as error:
            slot.refused[registered] = error
            self._local.discard(name, version=version)
            raise
        except (OSError, MemoryError) as error:
            raise RegistryError(
                f"Version {version} of '{name}' could not be stored or loaded here ({type(error).__name__}). "
                "Check the disk's space and the memory; it is tried again."
            ) from error

    def _swap(
        self, slot: _Slot, bundle: ModelBundle, *, registered: RegisteredVersion, is_fallback: bool = False
    ) -> None:
        alias = "" if slot.pinned_version else self._alias
        identity = ModelIdentity(name=slot.name, version=registered.version, alias=alias)
        slot.served = ServedModel(identity, bundle, self._now())
        slot.registered = registered
        with suppress(OSError):  # a full disk costs the next start its local copy, not this one its model
            self._local.remember_good(slot.name, version=registered.version)
        self._observer.model_served(identity, is_fallback=is_fallback)

    def _fall_back(self, slot: _Slot) -> None:
        """Serve the local copy that was last good, or the pinned one, until the registry gives a better one."""
        version = slot.pinned_version or self._local.last_good(slot.name)
        folder = self._local.find(slot.name, version=version) if version else None
        if version is None or folder is None:
            return
        try:
            bundle = _loaded(folder)
        except Exception as error:
            failure = error if isinstance(error, TriageError) else _unexpected(error)
            self._note_failure(slot, version=version, error=failure)
            return
        registered = RegisteredVersion(version, self._local.origin(slot.name, version=version))
        self._swap(slot, bundle, registered=registered, is_fallback=True)

    def _note_failure(self, slot: _Slot, *, version: str, error: TriageError) -> None:
        before = slot.last_failure
        slot.last_failure = LoadFailure(self._now(), version, str(error))
        is_new = before is None or before.because != slot.last_failure.because
        self._observer.model_failed(slot.name, failure=slot.last_failure, is_new=is_new)


def _loaded(folder: Path) -> ModelBundle:
    """Load a bundle and score once, so that the first caller finds it warm, and none finds one that cannot score."""
    try:
        bundle = ModelBundle.load(folder)
        bundle.score([Ticket(id="warm-up", subject="VPN 연결", body="The VPN does not connect.")])
    except (TriageError, OSError, MemoryError):
        raise
    except Exception as error:
        raise BundleError(f"The bundle does not score a ticket ({type(error).__name__}). Train it again.") from error
    return bundle


class MlflowModelSource:
    """Registered models of an MLflow server or of a local MLflow database."""

    def __init__(self, *, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri

    def resolve(self, name: str, *, alias: str, version: str) -> RegisteredVersion:
        """Return the version pinned, or else the one that the alias names."""
        self._raise_unless_database_exists(name)
        wanted = f"version {version}" if version else f"alias '{alias}'"
        try:
            client = self._client()
            found = (
                client.get_model_version(name, version) if version else client.get_model_version_by_alias(name, alias)
            )
        except Exception as error:
            if getattr(error, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise UnknownModelError(
                    f"No model '{name}' with the {wanted} is registered. Register one with: triage train"
                ) from error
            raise _registry_error(error) from error
        return RegisteredVersion(str(found.version), f"{found.run_id} {found.creation_timestamp}")

    def download(self, name: str, version: str, into: Path) -> Path:
        """Fill an empty folder and return the bundle's folder within it."""
        try:
            self._client()
            from mlflow.artifacts import download_artifacts

            address = _bundle_address(f"models:/{name}/{version}")
            if address is not None:
                return Path(download_artifacts(artifact_uri=address, dst_path=str(into)))
        except Exception as error:
            raise _registry_error(error) from error
        raise BundleError(
            f"Version {version} of '{name}' holds no bundle. Point the alias at a version that triage train registered."
        )

    def _raise_unless_database_exists(self, name: str) -> None:
        # Asking MLflow would create the database, which takes it seconds, only to find nothing in it.
        is_sqlite = self._tracking_uri.startswith("sqlite:///")
        if is_sqlite and not Path(self._tracking_uri.removeprefix("sqlite:///").partition("?")[0]).exists():
            raise UnknownModelError(f"No model '{name}' is registered yet. Register one with: triage train")

    def _client(self) -> Any:
        # Seven retries with growing pauses, MLflow's default, would hold up the local copy for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        # `models:/` addresses are resolved through MLflow's own setting and nothing else.
        mlflow.set_tracking_uri(self._tracking_uri)
        return mlflow.MlflowClient(tracking_uri=self._tracking_uri, registry_uri=self._tracking_uri)


def _bundle_address(model_address: str) -> str | None:
    """Return where among a model's artifacts the bundle lies; other models may be large and hold none."""
    from mlflow.artifacts import list_artifacts

    for entry in list_artifacts(artifact_uri=f"{model_address}/artifacts"):
        address = f"{model_address}/{entry.path}"
        if entry.is_dir and any(Path(part.path).name == "manifest.json" for part in list_artifacts(address)):
            return address
    return None


def _no_name(name: str) -> str:
    return f"'{name[:100]}' cannot be a model's name. Ask for one that is registered."


def _unexpected(error: Exception) -> RegistryError:
    return RegistryError(f"The model could not be loaded ({type(error).__name__}). It is tried again.")


def _registry_error(error: Exception) -> RegistryError:
    # MLflow's own words may hold the registry's address and the password in it.
    code = getattr(error, "error_code", type(error).__name__)
    return RegistryError(
        f"The model registry does not answer ({code}). What is loaded stays in use; check MLFLOW_TRACKING_URI."
    )
