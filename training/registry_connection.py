"""How training talks to MLflow: where it is, quietly, and with errors that a user can act on."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import RegistryError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
# Telemetry and bars off, no endless retries, nothing taken from the folder where a run happens to start.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def default_tracking_uri(environ: Mapping[str, str]) -> str:
    """Return where runs are logged: MLFLOW_TRACKING_URI, or else a database in the folder TRIAGE_VAR_DIR names."""
    folder = Path(environ.get("TRIAGE_VAR_DIR") or "var")
    return environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{(folder / 'mlflow.db').as_posix()}"


@contextmanager
def connected(tracking_uri: str, *, doing: str) -> Iterator[MlflowClient]:
    """Yield a client; turn what MLflow and its database raise into RegistryError, and leave no setting changed."""
    os.environ.update({name: value for name, value in _ENVIRONMENT.items() if name not in os.environ})
    before = os.environ.get(_TRACKING_VARIABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
        from alembic.util.exc import CommandError
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            if is_unused(tracking_uri):
                _make_database(tracking_uri)
            mlflow.set_tracking_uri(tracking_uri)
            yield mlflow.MlflowClient(tracking_uri, tracking_uri)
        except (MlflowException, SQLAlchemyError, CommandError, RequestException, OSError) as error:
            raise _registry_error(error, tracking_uri, doing=doing) from error
        finally:
            # None takes back what was set, the variable of the environment included.
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # MLflow's own hint leaves None out


def _make_database(tracking_uri: str) -> None:
    """Make the database apart and put it in place whole: processes that make one at once would ruin it."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    database = local_database(tracking_uri)
    assert database is not None
    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=database.parent) as folder:
        made = Path(folder) / database.name
        address = f"{_SQLITE}{made.as_posix()}"
        store = SqlAlchemyStore(address, artifact_location(tracking_uri))  # type: ignore[no-untyped-call]  # no hints
        store.engine.dispose()
        try:
            os.link(made, database)
        except FileExistsError:  # another process was quicker
            return
        except OSError:  # a file system without links
            made.replace(database)


def artifact_location(tracking_uri: str) -> str | None:
    """Return where files lie: beside a local database, and where a server chooses."""
    database = local_database(tracking_uri)
    return None if database is None else str(database.absolute().parent / "mlartifacts")


def local_database(tracking_uri: str) -> Path | None:
    """Return the SQLite file of an address, or None for a server."""
    if not tracking_uri.startswith(_SQLITE):
        return None
    return Path(tracking_uri.removeprefix(_SQLITE).partition("?")[0])


def is_unused(tracking_uri: str) -> bool:
    """Tell whether nothing was ever registered; to ask MLflow would create its database, which takes seconds."""
    database = local_database(tracking_uri)
    return database is not None and not database.exists()


def _registry_error(error: Exception, tracking_uri: str, *, doing: str) -> RegistryError:
    place = _without_password(tracking_uri)
    words = (_without_password(str(error)).strip().splitlines() or [""])[0]
    if "out-of-date database schema" in words or "Can't locate revision" in words:
        return RegistryError(
            f"The registry's database '{place}' was made by another version of MLflow. "
            f"Back it up, then run: mlflow db upgrade {place}"
        )
    because = "it does not answer" if "Max retries exceeded" in words else words[:300] or type(error).__name__
    return RegistryError(
        f"Could not {doing} in the model registry '{place}': {because}. Check MLFLOW_TRACKING_URI, and that the "
        "registry answers and may be written to."
    )


def _without_password(text: str) -> str:
    return re.sub(r"//[^\s'\"]*@", "//***@", text)
