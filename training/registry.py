"""The training side's door to MLflow: logs a run, registers its bundle as a version, moves the aliases.

MLflow is imported by the functions that need it, since that alone takes a second.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from features.bundle_files import MANIFEST
from features.errors import RegistryError
from training.gates import Scorecard
from training.model_card import model_card
from training.registry_connection import connected, default_tracking_uri, is_unused
from training.registry_run import experiment_id, log_metrics, log_model, log_record
from training.registry_trials import log_search
from training.run_record import METRICS_FILE, DataSource, version_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from training.fit import Trained

__all__ = [
    "DEFAULT_MODEL_NAME",
    "DataSource",
    "RegisteredVersion",
    "VersionSummary",
    "champion_scorecard",
    "default_tracking_uri",
    "download_bundle",
    "list_versions",
    "log_and_register",
    "promote",
    "rollback",
    "version_scorecard",
]

DEFAULT_MODEL_NAME = "ticket-triage"
CHAMPION, CHALLENGER = "champion", "challenger"
# A version's tag that names the champion it took the place of, so that a rollback finds its way back.
_CHAMPION_BEFORE = "champion_before"
# How MLflow says that a model, a version or an alias is not there.
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")
_LONGEST_DESCRIPTION = 4900


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version that was just registered, and whether it became the champion for want of one."""

    name: str
    version: str
    run_id: str
    is_champion: bool


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """A registered version: when it was made, the aliases that name it, its tags and its run's flat metrics."""

    version: str
    run_id: str
    created_at: datetime
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


def log_and_register(
    trained: Trained,
    *,
    tracking_uri: str,
    model_name: str = DEFAULT_MODEL_NAME,
    sources: Sequence[DataSource] = (),
    options: Mapping[str, str] | None = None,
) -> RegisteredVersion:
    """Log one run with everything about a training and register its bundle as a new version.

    The version gets the alias `challenger`, and `champion` too while there is none. Raises RegistryError; then
    no version is left behind, and the run is marked as failed.
    """
    with connected(tracking_uri, doing="log the run") as client:
        run_id = client.create_run(experiment_id(client, model_name, tracking_uri), run_name=model_name).info.run_id
        version = ""
        try:
            log_record(client, run_id, trained, sources=sources, options=options or {})
            if trained.searched is not None:
                log_search(client, run_id, trained.searched)
            model_id = log_model(client, run_id, trained, model_name=model_name)
            log_metrics(client, run_id, trained, model_id=model_id)
            version = _create_version(client, run_id, trained, model_name=model_name, model_id=model_id)
            _bundle_address(model_name, version)
            card = model_card(trained, name=model_name, version=version)
            client.log_text(run_id, card, "model_card.md")
            client.update_model_version(model_name, version, card[:_LONGEST_DESCRIPTION])
            is_champion = _give_aliases(client, model_name, version)
            client.set_terminated(run_id, "FINISHED")
        except BaseException:
            _undo(client, run_id, model_name=model_name, version=version)
            raise
    return RegisteredVersion(model_name, version, run_id, is_champion)


def promote(reference: str, *, tracking_uri: str, model_name: str = DEFAULT_MODEL_NAME) -> VersionSummary:
    """Make a version, named by its number or an alias, the champion; remember which one it took the place of."""
    _require_use(tracking_uri, model_name)
    with connected(tracking_uri, doing="promote the version") as client:
        found = _version(client, model_name, reference)
        _bundle_address(model_name, found.version)
        before = _aliased(client, model_name, CHAMPION)
        if before is not None and before.version != found.version:
            client.set_model_version_tag(model_name, found.version, _CHAMPION_BEFORE, str(before.version))
        return _crown(client, model_name, found)


def rollback(*, tracking_uri: str, model_name: str = DEFAULT_MODEL_NAME) -> VersionSummary:
    """Make the version champion that was so before the present one; done again, it goes one further back."""
    _require_use(tracking_uri, model_name)
    with connected(tracking_uri, doing="roll back") as client:
        champion = _version(client, model_name, CHAMPION)
        before = champion.tags.get(_CHAMPION_BEFORE, "")
        if not before:
            raise RegistryError(
                f"Version {champion.version} of '{model_name}' took no champion's place, so there is none to go back "
                "to. Promote a version by its number: triage promote VERSION"
            )
        earlier = _version(client, model_name, before)
        _bundle_address(model_name, earlier.version)
        return _crown(client, model_name, earlier)


def _crown(client: MlflowClient, model_name: str, found: ModelVersion) -> VersionSummary:
    _set_alias(client, model_name, CHAMPION, found.version)
    return _summary(client, client.get_model_version(model_name, found.version))


def list_versions(*, tracking_uri: str, model_name: str = DEFAULT_MODEL_NAME) -> tuple[VersionSummary, ...]:
    """Return every version of a model, the newest first; none where the model is not registered."""
    if is_unused(tracking_uri):
        return ()
    with connected(tracking_uri, doing="list the versions") as client:
        # A search leaves out the aliases.
        full = [client.get_model_version(model_name, found.version) for found in _search(client, model_name)]
        return tuple(_summary(client, found) for found in sorted(full, key=lambda each: -int(each.version)))


def version_scorecard(reference: str, *, tracking_uri: str, model_name: str = DEFAULT_MODEL_NAME) -> Scorecard:
    """Return the figures of a version, named by its number or an alias."""
    _require_use(tracking_uri, model_name)
    with connected(tracking_uri, doing="read the figures") as client:
        return _scorecard(client, _version(client, model_name, reference))


def champion_scorecard(*, tracking_uri: str, model_name: str = DEFAULT_MODEL_NAME) -> Scorecard | None:
    """Return the champion's figures, or None while there is no champion."""
    if is_unused(tracking_uri):
        return None
    with connected(tracking_uri, doing="find the champion") as client:
        champion = _aliased(client, model_name, CHAMPION)
        return None if champion is None else _scorecard(client, champion)


def _scorecard(client: MlflowClient, found: ModelVersion) -> Scorecard:
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(str(found.run_id), METRICS_FILE, folder)
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
    return Scorecard(stored["metrics"], stored["test_fingerprints"])


def download_bundle(reference: str, *, into: Path, tracking_uri: str, model_name: str = DEFAULT_MODEL_NAME) -> Path:
    """Copy the bundle of a version, named by its number or an alias, into a folder; return where it lies."""
    _require_use(tracking_uri, model_name)
    with connected(tracking_uri, doing="fetch the bundle") as client:
        from mlflow.artifacts import download_artifacts

        address = _bundle_address(model_name, _version(client, model_name, reference).version)
        into.mkdir(parents=True, exist_ok=True)
        return Path(download_artifacts(artifact_uri=address, dst_path=str(into)))


def _require_use(tracking_uri: str, model_name: str) -> None:
    if is_unused(tracking_uri):
        raise RegistryError(f"No model '{model_name}' is registered yet. Register one with: triage train")


def _create_version(client: MlflowClient, run_id: str, trained: Trained, *, model_name: str, model_id: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model_name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    address = f"models:/{model_id}"
    created = client.create_model_version(model_name, address, run_id, tags=version_tags(trained), model_id=model_id)
    return str(created.version)


def _give_aliases(client: MlflowClient, model_name: str, version: str) -> bool:
    """Name a new version challenger, and champion where there is none; return whether it is champion."""
    _set_alias(client, model_name, CHALLENGER, version)
    is_champion = _aliased(client, model_name, CHAMPION) is None
    if is_champion:
        _set_alias(client, model_name, CHAMPION, version)
    return is_champion


def _set_alias(client: MlflowClient, model_name: str, alias: str, version: str) -> None:
    """Set an alias, a second time where another process set it first at the same moment: the store then refuses."""
    from mlflow.exceptions import MlflowException

    try:
        client.set_registered_model_alias(model_name, alias, version)
    except MlflowException:
        client.set_registered_model_alias(model_name, alias, version)


def _undo(client: MlflowClient, run_id: str, *, model_name: str, version: str) -> None:
    """Leave no version behind whose run did not finish; what fails here must not hide what failed before."""
    with suppress(Exception):
        client.set_terminated(run_id, "FAILED")
    if version:
        with suppress(Exception):
            client.delete_model_version(model_name, version)


def _version(client: MlflowClient, model_name: str, reference: str) -> ModelVersion:
    """Return a version by its number or by an alias; raise RegistryError naming those that there are."""
    from mlflow.exceptions import MlflowException

    if not reference.isdigit():
        found = _aliased(client, model_name, reference)
        if found is None:
            raise RegistryError(
                f"No version of '{model_name}' has the alias '{reference}'. {_present(client, model_name)}"
            )
        return found
    try:
        return client.get_model_version(model_name, reference)
    except MlflowException as error:
        if error.error_code not in _MISSING:
            raise
        raise RegistryError(f"'{model_name}' has no version {reference}. {_present(client, model_name)}") from None


def _present(client: MlflowClient, model_name: str) -> str:
    versions = sorted((int(found.version) for found in _search(client, model_name)), reverse=True)
    if not versions:
        return "It has no versions yet. Register one with: triage train"
    return f"It has: {', '.join(str(number) for number in versions[:20])}."


def _search(client: MlflowClient, model_name: str) -> list[ModelVersion]:
    quoted = model_name.replace("'", "''")
    found: list[ModelVersion] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{quoted}'", page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _aliased(client: MlflowClient, model_name: str, alias: str) -> ModelVersion | None:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(model_name, alias)
    except MlflowException as error:
        if error.error_code not in _MISSING:
            raise
        return None


def _bundle_address(model_name: str, version: str) -> str:
    """Return where a version's bundle lies; raise RegistryError for a version without one."""
    from mlflow.artifacts import list_artifacts

    address = f"models:/{model_name}/{version}/artifacts/bundle"
    if not any(Path(entry.path).name == MANIFEST for entry in list_artifacts(artifact_uri=address)):
        raise RegistryError(
            f"Version {version} of '{model_name}' holds no bundle: triage train did not register it, or its files "
            "were removed. Take another version."
        )
    return address


def _summary(client: MlflowClient, found: ModelVersion) -> VersionSummary:
    from mlflow.exceptions import MlflowException

    try:
        metrics = client.get_run(str(found.run_id)).data.metrics
    except MlflowException:  # the run was deleted: the version stands without it
        metrics = {}
    return VersionSummary(
        version=str(found.version),
        run_id=str(found.run_id),
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        aliases=tuple(sorted(found.aliases)),
        tags=dict(found.tags),
        metrics=dict(metrics),
    )
