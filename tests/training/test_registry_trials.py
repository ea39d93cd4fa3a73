"""The trials of a search in MLflow: each a run below that of the training."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from training import registry
from training.recipe import Recipe
from training.registry_connection import connected
from training.search_trials import Searched, Trial, TrialState

if TYPE_CHECKING:
    from training.fit import Trained

_STARTED = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def _trial(number: int, losses: tuple[float, ...], *, penalty: float, redrawn: str = "ratio") -> Trial:
    state = TrialState.COMPLETE if len(losses) == 3 else TrialState.PRUNED
    values = {"linear.ratio_penalty": penalty, "boosted.rounds": 120}
    return Trial(number, redrawn, values, losses, state, _STARTED, 2.5)


SEARCHED = Searched(
    recipe=Recipe(),
    trials=(
        _trial(0, (0.9, 0.8, 0.75), penalty=1.0, redrawn=""),
        _trial(1, (1.4,), penalty=0.05),
        _trial(2, (0.8, 0.75, 0.7), penalty=2.5),
    ),
    earlier_count=1,
    seconds=12.0,
)


class Logged(NamedTuple):
    """A training run with a search, and the runs below it by name."""

    uri: str
    parent: Any
    children: dict[str, Any]


@pytest.fixture(scope="module")
def logged(sample_trained: Trained, empty_mlflow_database: bytes, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    folder = tmp_path_factory.mktemp("registry")
    (folder / "mlflow.db").write_bytes(empty_mlflow_database)
    uri = registry.default_tracking_uri({"TRIAGE_VAR_DIR": str(folder)})
    trained = replace(sample_trained, test_evidence={}, searched=SEARCHED)
    run_id = registry.log_and_register(trained, tracking_uri=uri).run_id
    with connected(uri, doing="look") as client:
        parent = client.get_run(run_id)
        below = client.search_runs([parent.info.experiment_id], filter_string=f"tags.`mlflow.parentRunId` = '{run_id}'")
    return Logged(uri, parent, {run.info.run_name: run for run in below})


def test_every_trial_is_a_run_below_the_training(logged: Logged) -> None:
    """Each holds its numbers under the names that the training run has them under, its loss and its seconds."""
    assert set(logged.children) == {"trial 0", "trial 1", "trial 2"}
    best = logged.children["trial 2"]
    assert best.data.params == {"recipe.linear.ratio_penalty": "2.5", "recipe.boosted.rounds": "120"}
    assert set(best.data.params) <= set(logged.parent.data.params)
    assert best.data.metrics == {"out_of_fold_log_loss": 0.7, "seconds": 2.5}
    assert {name: run.data.tags["is_best"] for name, run in logged.children.items()} == {
        "trial 0": "false",
        "trial 1": "false",
        "trial 2": "true",
    }
    assert logged.children["trial 0"].data.tags["redrawn"] == "nothing: the recipe as given"


def test_a_run_says_when_its_trial_ran_and_how_it_ended(logged: Logged) -> None:
    """Start and end are those of the trial, not of the moment of logging; what was pruned is told apart."""
    infos = {name: run.info for name, run in logged.children.items()}
    assert {info.start_time for info in infos.values()} == {int(_STARTED.timestamp() * 1000)}
    assert {info.end_time - info.start_time for info in infos.values()} == {2500}
    assert {name: info.status for name, info in infos.items()} == {
        "trial 0": "FINISHED",
        "trial 1": "KILLED",
        "trial 2": "FINISHED",
    }
    states = {name: run.data.tags["state"] for name, run in logged.children.items()}
    assert states == {"trial 0": "complete", "trial 1": "pruned", "trial 2": "complete"}


def test_the_loss_after_each_fold_is_kept(logged: Logged) -> None:
    """The folds are the steps of the metric."""
    with connected(logged.uri, doing="look") as client:
        history = client.get_metric_history(logged.children["trial 0"].info.run_id, "out_of_fold_log_loss")
    assert sorted((point.step, point.value) for point in history) == [(1, 0.9), (2, 0.8), (3, 0.75)]


def test_the_training_run_says_what_the_search_changed_and_gained(logged: Logged) -> None:
    """Changes and gain stand with the run, every trial in one of its files, and a line of it in the card."""
    assert logged.parent.data.params["search.changed"] == "linear.ratio_penalty 1 → 2.5"
    assert logged.parent.data.params["search.best_trial"] == "2"
    assert logged.parent.data.metrics["search/gain"] == pytest.approx(0.05)
    assert logged.parent.data.metrics["search/trials"] == 3
    with connected(logged.uri, doing="look") as client:
        table = json.loads(Path(client.download_artifacts(logged.parent.info.run_id, "search.json")).read_text("utf-8"))
        card = Path(client.download_artifacts(logged.parent.info.run_id, "model_card.md")).read_text("utf-8")
    assert [Trial.from_json(each) for each in table["all_trials"]] == list(SEARCHED.trials)
    assert table["changes"] == {"linear.ratio_penalty": {"given": 1.0, "chosen": 2.5}}
    assert "3 trials (1 pruned, 1 of them from before)" in card
