"""The registered model as MLflow loads and serves it: the same answers as the bundle's own."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from features.answers import ModelIdentity, answer
from features.bundle import ModelBundle
from features.tickets import Requester, Ticket
from training import registry

if TYPE_CHECKING:
    from training.fit import Trained

_DATA = Path(__file__).parents[2] / "data"
_START_SECONDS = 120


@pytest.fixture(scope="module")
def registry_uri(
    sample_trained: Trained, empty_mlflow_database: bytes, tmp_path_factory: pytest.TempPathFactory
) -> str:
    folder = tmp_path_factory.mktemp("served")
    (folder / "mlflow.db").write_bytes(empty_mlflow_database)
    uri = registry.default_tracking_uri({"TRIAGE_VAR_DIR": str(folder)})
    registry.log_and_register(replace(sample_trained, test_evidence={}), tracking_uri=uri)
    return uri


@pytest.fixture(scope="module")
def model(registry_uri: str) -> Iterator[Any]:
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patched:
        warnings.simplefilter("ignore")
        import mlflow

        patched.setenv("MLFLOW_TRACKING_URI", registry_uri)
        yield mlflow.pyfunc.load_model("models:/ticket-triage@champion")


@pytest.fixture(scope="module")
def unregistered(sample_bundle: Path) -> Any:
    """The model on a bundle's folder, as MLflow makes it, without a registry."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.pyfunc.model import PythonModelContext

        from training.pyfunc_model import TriageModel

    model = TriageModel()
    model.load_context(PythonModelContext({"bundle": str(sample_bundle)}, None))
    return SimpleNamespace(predict=lambda frame: model.predict(None, frame))


def sample_rows(count: int) -> list[dict[str, Any]]:
    lines = (_DATA / "sample_tickets.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:: len(lines) // count][:count]]


def as_columns(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the sample as the served model takes it."""
    named = {name: row.get(name) for name in ("id", "subject", "body", "channel", "product", "created_at")}
    return named | {"requester_id": row.get("requester"), "requester_organization": row.get("organization")}


def as_ticket(row: dict[str, Any]) -> Ticket:
    """The same row as the bundle takes it."""
    return Ticket(
        id=row["id"],
        subject=row.get("subject") or "",
        body=row.get("body") or "",
        channel=row.get("channel") or "",
        product=row.get("product") or "",
        requester=Requester(id=row.get("requester") or "", organization=row.get("organization") or ""),
    )


def assert_same(served: dict[str, Any], bundle: ModelBundle, ticket: Ticket) -> None:
    """Hold a served answer against the bundle's: labels equal, probabilities within a millionth, the rest equal."""
    ours = answer(bundle.score([ticket])[0], model=ModelIdentity(**served["model"]))
    assert served["targets"].keys() == ours["targets"].keys()
    for name, target in ours["targets"].items():
        theirs = served["targets"][name]
        assert theirs["label"] == target["label"]
        assert theirs["probability"] == pytest.approx(target["probability"], abs=1e-6)
        assert theirs["decision"] == target["decision"]
        assert {each["label"]: each["probability"] for each in theirs["alternatives"]} == pytest.approx(
            {each["label"]: each["probability"] for each in target["alternatives"]}, abs=1e-6
        )
    assert {name: served[name] for name in ("ticket_id", "language", "model", "warnings")} == {
        name: ours[name] for name in ("ticket_id", "language", "model", "warnings")
    }
    assert [article["id"] for article in served["articles"]] == [article["id"] for article in ours["articles"]]


def predict(model: Any, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers: list[dict[str, Any]] = model.predict(pd.DataFrame(list(rows)))
    return answers


def test_a_loaded_model_answers_as_the_bundle(model: Any, sample_trained: Trained) -> None:
    """Loaded by its alias, the model gives the API's answer for each row, and says which version it is."""
    rows = sample_rows(12)

    answers = predict(model, *map(as_columns, rows))

    assert len(answers) == 12
    for row, served in zip(rows, answers, strict=True):
        assert_same(served, sample_trained.bundle, as_ticket(row))
    assert answers[0]["model"] == {"name": "ticket-triage", "version": "1", "alias": ""}


def test_a_subject_alone_is_a_ticket(unregistered: Any, sample_trained: Trained) -> None:
    """Every other column may be absent, and missing values are nothing."""
    (alone,) = predict(unregistered, {"subject": "VPN 접속 불가"})
    (with_missing,) = predict(
        unregistered, {"subject": "VPN 접속 불가", "body": None, "id": math.nan, "attributes": None}
    )

    assert alone == with_missing
    assert_same(alone, sample_trained.bundle, Ticket(subject="VPN 접속 불가"))


def test_a_model_that_no_registry_knows_names_none(unregistered: Any) -> None:
    """Loaded from a folder the model has neither name nor version."""
    (served,) = predict(unregistered, {"id": 7.0, "subject": "VPN", "created_at": "2026-05-14T09:12:00+09:00"})

    assert served["model"] == {"name": "", "version": "", "alias": ""}
    assert served["ticket_id"] == "7"


def test_attributes_are_read_from_json(unregistered: Any, sample_trained: Trained) -> None:
    """Attributes come as JSON: nulls and nested values are left out, a list is joined, numbers stay numbers."""
    sent = '{"site": "부산", "floor": 2, "vip": true, "tags": ["a", "b"], "none": null, "deep": {"x": 1}}'
    (served,) = predict(unregistered, {"subject": "printer", "attributes": sent})

    attributes = {"site": "부산", "floor": 2.0, "vip": True, "tags": "a, b"}
    assert_same(served, sample_trained.bundle, Ticket(subject="printer", attributes=attributes))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            {"subject": " ", "body": ""},
            "Row 2 is no ticket: it has neither a subject nor a body, nor another field. Give one of them.",
        ),
        ({"subject": "a", "attributes": "[1]"}, "Row 2 has attributes that are no JSON object."),
        ({"subject": "a", "requester_attributes": "{"}, "Row 2 has requester_attributes that are no JSON object."),
        ({"subject": "a", "created_at": "yesterday"}, "Row 2 has a created_at that is no moment."),
    ],
)
def test_a_row_that_is_no_ticket_is_named(unregistered: Any, row: dict[str, Any], sentence: str) -> None:
    """A table with a row that cannot be scored is refused, and the row and the reason are named."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as raised:
        predict(unregistered, {"subject": "fine"}, row)

    assert sentence in str(raised.value)


def test_the_model_brings_its_own_code(registry_uri: str, tmp_path: Path) -> None:
    """Loaded elsewhere, the model runs the `features` that was logged with it, not what is installed."""
    load = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "import mlflow, sys; model = mlflow.pyfunc.load_model('models:/ticket-triage/1')\n"
        "import features; print(features.__file__); print('training' in sys.modules)"
    )
    environ = {**os.environ, "MLFLOW_TRACKING_URI": registry_uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", load], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )

    place, with_training = done.stdout.split()[-2:]
    assert "mlartifacts" in place
    assert with_training == "False"


@pytest.fixture(scope="module")
def served(registry_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `mlflow models serve` on the registered version."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scripts = Path(sys.executable).parent
    environ = {
        **os.environ,
        "MLFLOW_TRACKING_URI": registry_uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
        "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", "models:/ticket-triage@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    folder = tmp_path_factory.mktemp("server")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=environ, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/ping", server)
            yield f"http://127.0.0.1:{port}/invocations"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


def _wait_until_up(address: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("mlflow models serve did not start")


def invoke(address: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    sent = json.dumps({"dataframe_records": list(rows)}).encode()
    request = urllib.request.Request(address, data=sent, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        predictions: list[dict[str, Any]] = json.load(reply)["predictions"]
    return predictions


def test_mlflow_serves_the_same_answers(served: str, sample_trained: Trained) -> None:
    """`mlflow models serve` gives the same labels, and probabilities within a millionth, in a batch and alone."""
    rows = sample_rows(60)

    answers = invoke(served, *map(as_columns, rows))

    for row, answered in zip(rows, answers, strict=True):
        assert_same(answered, sample_trained.bundle, as_ticket(row))
    for row in rows[:5]:
        (alone,) = invoke(served, as_columns(row))
        assert_same(alone, sample_trained.bundle, as_ticket(row))


def test_mlflow_takes_a_numbered_id_and_tells_what_is_no_ticket(served: str) -> None:
    """Over HTTP an id may be a number, and an empty ticket is a caller's error with the reason in it."""
    (numbered,) = invoke(served, {"id": 42, "subject": "VPN"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        invoke(served, {"id": "1", "subject": ""})

    assert numbered["ticket_id"] == "42"
    with raised.value as refusal:
        assert refusal.code == 400
        assert "neither a subject nor a body" in refusal.read().decode()
