"""Logs the trials of a search to MLflow, each as a run nested under that of the training."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from training.search_trials import Searched, Trial, TrialState

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow knows no trial that was given up in good order.
_STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED"}


def log_search(client: MlflowClient, run_id: str, searched: Searched) -> None:
    """Log what a search changed and gained with the run of the training, and every trial below it."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    figures = {
        "search/out_of_fold_log_loss": searched.best.loss,
        "search/out_of_fold_log_loss_as_given": searched.first.loss,
        "search/gain": searched.first.loss - searched.best.loss,
        "search/trials": len(searched.trials),
        "search/seconds": searched.seconds,
    }
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in figures.items()],
        params=[
            Param("search.best_trial", str(searched.best.number)),
            Param("search.changed", searched.changes_in_words()),
        ],
    )
    experiment = str(client.get_run(run_id).info.experiment_id)
    for trial in searched.trials:
        _log_trial(client, run_id, trial, experiment=experiment, is_best=trial is searched.best)


def _log_trial(client: MlflowClient, run_id: str, trial: Trial, *, experiment: str, is_best: bool) -> None:
    from mlflow.entities import Metric, Param
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    started, ended = (
        int(moment.timestamp() * 1000)
        for moment in (trial.started_at, trial.started_at + timedelta(seconds=trial.seconds))
    )
    tags = {
        MLFLOW_PARENT_RUN_ID: run_id,
        "state": trial.state.value,
        "redrawn": trial.redrawn or "nothing: the recipe as given",
        "is_best": str(is_best).lower(),
    }
    child = client.create_run(experiment, start_time=started, tags=tags, run_name=f"trial {trial.number}").info.run_id
    losses = [Metric("out_of_fold_log_loss", loss, ended, fold) for fold, loss in enumerate(trial.fold_losses, start=1)]
    client.log_batch(
        child,
        metrics=[*losses, Metric("seconds", trial.seconds, ended, 0)],
        params=[Param(f"recipe.{path}", f"{value:g}") for path, value in trial.values.items()],
    )
    client.set_terminated(child, _STATUS[trial.state], end_time=ended)
