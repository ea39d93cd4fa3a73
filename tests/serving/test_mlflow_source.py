"""Models out of a real MLflow: a registry in an SQLite file, and none at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from features.bundle import ModelBundle
from features.errors import BundleError, RegistryError
from serving.model_store import MlflowModelSource
from serving.served_models import UnknownModelError

# MLflow's own use of SQLAlchemy and of the standard library is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def test_the_version_under_an_alias_is_found_and_fetched(registered: Any, tmp_path: Path) -> None:
    """The alias gives a version, and what is downloaded of it is a bundle that loads."""
    source = MlflowModelSource(tracking_uri=registered.tracking_uri)
    found = source.resolve("ticket-triage", alias="champion", version="")
    assert found.version == registered.version
    assert found == source.resolve("ticket-triage", alias="", version=registered.version)
    assert ModelBundle.load(source.download("ticket-triage", found.version, tmp_path)).targets


@pytest.mark.parametrize(
    ("name", "alias", "version"),
    [
        ("nobody", "champion", ""),
        ("ticket-triage", "challenger", ""),
        ("ticket-triage", "champion", "99"),
        ("ticket-triage", "champion", "three"),
    ],
)
def test_what_is_not_registered_is_named(registered: Any, name: str, alias: str, version: str) -> None:
    """A name, an alias or a version that the registry lacks is named."""
    source = MlflowModelSource(tracking_uri=registered.tracking_uri)
    with pytest.raises(UnknownModelError, match=f"'{name}'") as error:
        source.resolve(name, alias=alias, version=version)
    assert (version or alias) in str(error.value)


def test_a_model_of_another_kind_is_refused_before_it_is_downloaded(registered: Any, tmp_path: Path) -> None:
    """Of a registered model that holds no bundle nothing is fetched."""
    source = MlflowModelSource(tracking_uri=registered.tracking_uri)
    with pytest.raises(BundleError, match="holds no bundle"):
        source.download("foreign", registered.foreign_version, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_artifacts_are_a_failure_of_the_registry_not_of_the_model(registered: Any, tmp_path: Path) -> None:
    """A version whose files cannot be had is no refusal of the model: it may be tried again."""
    source = MlflowModelSource(tracking_uri=registered.tracking_uri)
    with pytest.raises(RegistryError):
        source.download("ticket-triage", "99", tmp_path)


def test_a_database_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    """Asking an embedded registry that nothing was ever registered in leaves no file behind."""
    source = MlflowModelSource(tracking_uri=f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}")
    with pytest.raises(UnknownModelError, match="triage train"):
        source.resolve("ticket-triage", alias="champion", version="")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("registered")
def test_a_server_that_is_down_is_told_apart_from_a_model_that_is_missing() -> None:
    """No answer is a RegistryError within seconds, and the address with its password is not in the message."""
    source = MlflowModelSource(tracking_uri="http://lead:secret@127.0.0.1:9")
    with pytest.raises(RegistryError, match="does not answer") as error:
        source.resolve("ticket-triage", alias="champion", version="")
    assert "secret" not in str(error.value)
    assert "127.0.0.1" not in str(error.value)
