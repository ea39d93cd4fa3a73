"""Logs one training run to MLflow: parameters, data, files, metrics, and the bundle as a model that can be served."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import features
from training.registry_connection import artifact_location
from training.run_record import (
    EXAMPLE_TICKETS,
    TICKET_COLUMNS,
    DataSource,
    flat_metrics,
    parameters,
    run_files,
    scoring_requirements,
    version_tags,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

    from training.fit import Trained

_MOST_METRICS_AT_ONCE = 1000
_MOST_PARAMETERS_AT_ONCE = 100
_LONGEST_DIGEST = 36


def experiment_id(client: MlflowClient, name: str, tracking_uri: str) -> str:
    """Return the id of the experiment, created with its artifacts beside a local database."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name, artifact_location=artifact_location(tracking_uri)))
    except MlflowException as error:
        found = client.get_experiment_by_name(name)
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
            raise
        return str(found.experiment_id)  # another process was quicker


def log_record(
    client: MlflowClient, run_id: str, trained: Trained, *, sources: Sequence[DataSource], options: Mapping[str, str]
) -> None:
    """Log everything but the model and its metrics: parameters, tags, data and files."""
    from mlflow.entities import Param

    manifest = trained.bundle.manifest
    named = [Param(name, value) for name, value in parameters(manifest, options=options).items()]
    for start in range(0, len(named), _MOST_PARAMETERS_AT_ONCE):
        client.log_batch(run_id, params=named[start : start + _MOST_PARAMETERS_AT_ONCE])
    tags = version_tags(trained)
    for name, value in {**tags, "mlflow.source.name": "triage train"}.items():
        client.set_tag(run_id, name, value)
    if tags["code_version"]:
        client.set_tag(run_id, "mlflow.source.git.commit", tags["code_version"])
    client.log_inputs(run_id, datasets=[_dataset(source) for source in sources])
    with tempfile.TemporaryDirectory() as folder:
        for name, content in run_files(trained).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        client.log_artifacts(run_id, folder)


def _dataset(source: DataSource) -> DatasetInput:
    """Return what is known of a table without its content; of its place only the file's name."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=source.file_name,
        digest=source.fingerprint[:_LONGEST_DIGEST],
        source_type="local",
        source=json.dumps({"uri": source.file_name}, ensure_ascii=False),
        profile=json.dumps({"num_rows": source.row_count, "sha256": source.fingerprint}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", source.role)])


def log_model(client: MlflowClient, run_id: str, trained: Trained, *, model_name: str) -> str:
    """Log the bundle as a model that MLflow can load and serve; return the logged model's id."""
    from mlflow import pyfunc
    from mlflow.models import Model

    # Without an experiment of its own, a model goes to the default one and its files to ./mlruns.
    experiment = client.get_run(run_id).info.experiment_id
    model_id = client.create_logged_model(experiment, name=model_name, source_run_id=run_id).model_id
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        trained.bundle.save(bundle)
        Model.log(
            artifact_path=None,
            model_id=model_id,
            run_id=run_id,
            flavor=pyfunc,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"bundle": str(bundle)},
            code_paths=[str(Path(features.__file__).parent)],
            pip_requirements=scoring_requirements(),
            signature=_signature(),
            input_example=_input_example(),
            metadata={"feature_version": trained.bundle.manifest.feature_version},
        )
    return str(model_id)


def _signature() -> Any:
    """Return the columns of a ticket, each of them optional, and the parts of an answer."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType, Array, Map

    text, anything = DataType.string, cast("Any", AnyType)()
    inputs: list[Any] = [ColSpec(text, name, required=False) for name in TICKET_COLUMNS]
    outputs: list[Any] = [ColSpec(text, "ticket_id"), ColSpec(text, "language"), ColSpec(Map(text), "model")]
    outputs += [ColSpec(Map(anything), "targets")]
    outputs += [ColSpec(Array(anything), name) for name in ("articles", "similar_tickets")]
    outputs += [ColSpec(Array(text), "warnings")]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _input_example() -> Any:
    import pandas as pd

    return pd.DataFrame(EXAMPLE_TICKETS, columns=TICKET_COLUMNS).astype(object)


def log_metrics(client: MlflowClient, run_id: str, trained: Trained, *, model_id: str) -> None:
    """Log the figures of the test part, of the run and of its model."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    flat = flat_metrics(trained.bundle.manifest.metrics)
    metrics = [Metric(name, value, now, 0, model_id=model_id) for name, value in flat.items()]
    for start in range(0, len(metrics), _MOST_METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + _MOST_METRICS_AT_ONCE])
