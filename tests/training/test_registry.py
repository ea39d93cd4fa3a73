"""The registry: what a run leaves in MLflow, and how versions become champions and go back."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from features.bundle import ModelBundle
from features.errors import RegistryError
from features.tickets import Ticket
from training import registry
from training.fit import fit_bundle
from training.recipe import Recipe
from training.registry_connection import connected
from training.run_record import DataSource

if TYPE_CHECKING:
    from training.datasets import ArticleTable
    from training.fit import Trained

_SOURCES = (
    DataSource("tickets 2026.jsonl", "training", "ab" * 32, 243),
    DataSource("articles.csv", "articles", "c", 66),
)
_REPOSITORY = Path(__file__).parents[2]


class Registered(NamedTuple):
    """Two versions in a registry of their own."""

    uri: str
    folder: Path
    first: registry.RegisteredVersion
    second: registry.RegisteredVersion


def uri_in(folder: Path) -> str:
    return registry.default_tracking_uri({"TRIAGE_VAR_DIR": str(folder)})


@pytest.fixture(scope="module")
def quick(sample_trained: Trained) -> Trained:
    """The sample model without figures, which take longest to log."""
    return replace(sample_trained, test_evidence={})


@pytest.fixture
def uri(empty_mlflow_database: bytes, tmp_path: Path) -> str:
    """The address of an empty registry."""
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow_database)
    return uri_in(tmp_path)


@pytest.fixture(scope="module")
def registered(
    sample_trained: Trained, empty_mlflow_database: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Registered:
    folder = tmp_path_factory.mktemp("registry") / "var 실행"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_mlflow_database)
    uri = uri_in(folder)
    first, second = (
        registry.log_and_register(sample_trained, tracking_uri=uri, sources=_SOURCES, options={"map": "body=Text"})
        for _ in range(2)
    )
    return Registered(uri, folder, first, second)


def aliases(uri: str) -> dict[str, tuple[str, ...]]:
    return {version.version: version.aliases for version in registry.list_versions(tracking_uri=uri)}


def run_of(registered: Registered, run_id: str) -> Any:
    with connected(registered.uri, doing="look") as client:
        return client.get_run(run_id)


def artifacts_of(registered: Registered, run_id: str, path: str | None = None) -> set[str]:
    with connected(registered.uri, doing="look") as client:
        return {entry.path for entry in client.list_artifacts(run_id, path)}


@pytest.mark.parametrize(
    ("environ", "uri"),
    [
        ({}, "sqlite:///var/mlflow.db"),
        ({"TRIAGE_VAR_DIR": "/srv/triage"}, "sqlite:////srv/triage/mlflow.db"),
        ({"TRIAGE_VAR_DIR": ""}, "sqlite:///var/mlflow.db"),
        ({"MLFLOW_TRACKING_URI": "http://mlflow:5000", "TRIAGE_VAR_DIR": "x"}, "http://mlflow:5000"),
    ],
)
def test_the_registry_is_below_var_unless_another_is_named(environ: dict[str, str], uri: str) -> None:
    """Without MLFLOW_TRACKING_URI everything lies in the folder that TRIAGE_VAR_DIR names."""
    assert registry.default_tracking_uri(environ) == uri


def test_the_first_version_is_champion_and_the_next_one_challenger(quick: Trained, uri: str) -> None:
    """A registry without a champion takes the first version for one; a later one has to be promoted."""
    first = registry.log_and_register(quick, tracking_uri=uri)
    assert (first.name, first.version, first.is_champion) == ("ticket-triage", "1", True)
    assert aliases(uri) == {"1": ("challenger", "champion")}

    second = registry.log_and_register(quick, tracking_uri=uri)

    assert (second.version, second.is_champion) == ("2", False)
    assert aliases(uri) == {"1": ("champion",), "2": ("challenger",)}


def test_a_run_holds_recipe_environment_figures_and_card(registered: Registered) -> None:
    """Everything that a person needs to judge the run lies with it, and nothing has to be asked for twice."""
    run = run_of(registered, registered.first.run_id)

    assert run.info.status == "FINISHED"
    assert run.data.params["recipe.boosted.rounds"] == "10"
    assert run.data.params["option.map"] == "body=Text"
    assert 0 <= run.data.metrics["category/ko/accuracy"] <= 1
    assert "category/label/network/f1" in run.data.metrics
    assert artifacts_of(registered, registered.first.run_id) == {
        "metrics.json",
        "recipe.json",
        "environment.json",
        "warnings.json",
        "model_card.md",
        "figures",
    }
    assert "figures/category/reliability.png" in artifacts_of(registered, registered.first.run_id, "figures/category")


def test_a_run_names_its_data_without_copying_it(registered: Registered) -> None:
    """History and articles are inputs of the run, with digest, rows and the name of the file alone."""
    inputs = {each.dataset.name: each for each in run_of(registered, registered.first.run_id).inputs.dataset_inputs}

    assert set(inputs) == {"tickets 2026.jsonl", "articles.csv"}
    history = inputs["tickets 2026.jsonl"]
    assert history.dataset.digest == "ab" * 18
    assert '"sha256": "' + "ab" * 32 in history.dataset.profile
    assert history.dataset.source == '{"uri": "tickets 2026.jsonl"}'
    assert [tag.value for tag in history.tags] == ["training"]


def test_nothing_of_a_run_names_a_place_on_this_machine(registered: Registered) -> None:
    """Neither tags nor parameters hold a path or a user's name."""
    run = run_of(registered, registered.first.run_id)

    texts = [*run.data.params.values(), *(value for name, value in run.data.tags.items() if "log-model" not in name)]
    assert not [text for text in texts if str(_REPOSITORY) in text or str(registered.folder) in text]
    assert "mlflow.user" not in run.data.tags


def test_a_version_tells_what_it_is(registered: Registered, sample_trained: Trained) -> None:
    """Its tags tell versions apart, and its description is the card."""
    with connected(registered.uri, doing="look") as client:
        version = client.get_model_version("ticket-triage", registered.second.version)

    assert version.tags["data_fingerprint"] == sample_trained.bundle.manifest.data_fingerprint
    assert version.tags["recipe"] == "tiny"
    assert version.run_id == registered.second.run_id
    assert version.description.startswith("# ticket-triage, version 2\n")


def test_everything_lies_in_one_folder(registered: Registered) -> None:
    """Database, files and models lie beside each other: nothing is left in the folder where the run began."""
    assert {entry.name for entry in registered.folder.iterdir()} == {"mlflow.db", "mlartifacts"}
    assert not (Path.cwd() / "mlruns").exists()
    assert len(list((registered.folder / "mlartifacts" / "models").glob("*/artifacts/artifacts/bundle"))) == 2


def test_versions_are_listed_newest_first_with_their_figures(registered: Registered) -> None:
    """A list for comparing: number, aliases, tags and the run's metrics."""
    versions = registry.list_versions(tracking_uri=registered.uri)

    assert [version.version for version in versions] == ["2", "1"]
    assert versions[0].run_id == registered.second.run_id
    assert versions[0].metrics["category/accuracy"] == versions[1].metrics["category/accuracy"]
    assert versions[0].created_at.tzinfo is not None


def test_promotes_and_goes_back_step_by_step(quick: Trained, uri: str) -> None:
    """A promotion remembers what it replaced; each rollback goes one further back, until there is none."""
    for _ in range(3):
        registry.log_and_register(quick, tracking_uri=uri)
    registry.promote("2", tracking_uri=uri)
    assert registry.promote("challenger", tracking_uri=uri).version == "3"

    assert registry.rollback(tracking_uri=uri).version == "2"
    assert "champion" in registry.rollback(tracking_uri=uri).aliases
    assert aliases(uri) == {"1": ("champion",), "2": (), "3": ("challenger",)}
    with pytest.raises(RegistryError, match="Version 1 of 'ticket-triage' took no champion's place"):
        registry.rollback(tracking_uri=uri)


def test_promoting_the_champion_again_changes_nothing(registered: Registered) -> None:
    """The champion does not become its own predecessor."""
    registry.promote("1", tracking_uri=registered.uri)
    registry.promote("champion", tracking_uri=registered.uri)

    with pytest.raises(RegistryError, match="took no champion's place"):
        registry.rollback(tracking_uri=registered.uri)


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("17", "'ticket-triage' has no version 17. It has: 2, 1."),
        ("winner", "No version of 'ticket-triage' has the alias 'winner'. It has: 2, 1."),
    ],
)
def test_an_unknown_version_is_named_beside_those_there_are(
    registered: Registered, reference: str, sentence: str
) -> None:
    """Who mistypes a version reads which ones exist."""
    with pytest.raises(RegistryError) as raised:
        registry.promote(reference, tracking_uri=registered.uri)

    assert str(raised.value) == sentence


def test_the_champions_figures_come_back_as_they_were(registered: Registered, sample_trained: Trained) -> None:
    """The gates read the same figures from the registry as from the training itself."""
    stored = registry.champion_scorecard(tracking_uri=registered.uri)

    assert stored is not None
    assert stored.metrics["category"]["accuracy"] == sample_trained.bundle.manifest.metrics["category"]["accuracy"]
    assert set(stored.test_fingerprints) == set(sample_trained.test_evidence)
    assert stored == registry.version_scorecard("1", tracking_uri=registered.uri)


def test_a_fetched_bundle_answers_as_the_trained_one(
    registered: Registered, sample_trained: Trained, tmp_path: Path
) -> None:
    """What was registered loads and scores a ticket with the same numbers."""
    folder = registry.download_bundle("champion", into=tmp_path / "fetched", tracking_uri=registered.uri)

    ticket = Ticket(subject="VPN", body="VPN이 자꾸 끊깁니다")
    ours, fetched = (
        bundle.score([ticket])[0].predictions["category"]
        for bundle in (sample_trained.bundle, ModelBundle.load(folder))
    )
    assert folder.is_relative_to(tmp_path)
    assert fetched.label == ours.label
    assert fetched.probability == pytest.approx(ours.probability, abs=1e-6)


def test_a_model_of_articles_alone_is_registered(sample_articles: ArticleTable, uri: str, tmp_path: Path) -> None:
    """Without a history there are no targets and no test part, and the version finds articles all the same."""
    trained = fit_bundle(None, sample_articles, recipe=Recipe(name="tiny"), seed=1)

    version = registry.log_and_register(trained, tracking_uri=uri)

    folder = registry.download_bundle(version.version, into=tmp_path / "fetched", tracking_uri=uri)
    assert ModelBundle.load(folder).score([Ticket(subject="VPN")])[0].articles
    assert registry.list_versions(tracking_uri=uri)[0].tags["targets"] == ""


def test_asking_an_unused_registry_makes_none(tmp_path: Path) -> None:
    """Without a database there are no versions and no champion, and to ask leaves no file behind."""
    uri = uri_in(tmp_path / "var")

    assert registry.list_versions(tracking_uri=uri) == ()
    assert registry.champion_scorecard(tracking_uri=uri) is None
    for ask in (
        lambda: registry.promote("1", tracking_uri=uri),
        lambda: registry.rollback(tracking_uri=uri),
        lambda: registry.version_scorecard("1", tracking_uri=uri),
        lambda: registry.download_bundle("1", into=tmp_path, tracking_uri=uri),
    ):
        with pytest.raises(RegistryError, match="No model 'ticket-triage' is registered yet"):
            ask()
    assert not (tmp_path / "var").exists()


def test_a_registry_that_cannot_be_written_leaves_no_version(quick: Trained, uri: str, tmp_path: Path) -> None:
    """Where files cannot be stored the run is marked as failed, and no version points at nothing."""
    (tmp_path / "mlartifacts").write_text("a file where a folder should be")

    with pytest.raises(RegistryError, match="Could not log the run in the model registry"):
        registry.log_and_register(quick, tracking_uri=uri)

    assert registry.list_versions(tracking_uri=uri) == ()
    with connected(uri, doing="look") as client:
        experiment = client.get_experiment_by_name("ticket-triage")
        assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_a_failure_after_registering_takes_the_version_back(sample_trained: Trained, uri: str) -> None:
    """A card that cannot be written, the last step, leaves neither a version nor an alias."""
    figures = dict(sample_trained.bundle.manifest.metrics["category"])
    del figures["majority"]
    metrics = {**sample_trained.bundle.manifest.metrics, "category": figures}
    manifest = replace(sample_trained.bundle.manifest, metrics=metrics)
    broken = replace(sample_trained, bundle=replace(sample_trained.bundle, manifest=manifest))

    with pytest.raises(KeyError):
        registry.log_and_register(broken, tracking_uri=uri)

    assert registry.list_versions(tracking_uri=uri) == ()


def test_a_version_without_a_bundle_is_not_promoted(registered: Registered) -> None:
    """A version that someone else registered, or whose files are gone, is refused by name."""
    with connected(registered.uri, doing="look") as client:
        client.create_registered_model("others")
        client.create_model_version("others", str(registered.folder), None)

    with pytest.raises(RegistryError, match="Version 1 of 'others' holds no bundle"):
        registry.promote("1", tracking_uri=registered.uri, model_name="others")


def test_a_server_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a server gives one sentence with the address, and without what stands before the @."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(RegistryError) as raised:
        registry.list_versions(tracking_uri="http://jane:secret@127.0.0.1:9")

    assert "'http://***@127.0.0.1:9': it does not answer" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_database_of_another_mlflow_names_the_command_that_helps(uri: str, tmp_path: Path) -> None:
    """A database at a revision that this MLflow does not know is refused with the way out."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '000000000000'")

    with pytest.raises(RegistryError, match="made by another version of MLflow"):
        registry.list_versions(tracking_uri=uri)


def test_leaves_the_tracking_address_as_it_was(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking one registry does not change which one the rest of the process talks to."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    registry.list_versions(tracking_uri=registered.uri)

    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_importing_the_registry_does_not_import_mlflow() -> None:
    """MLflow takes a second to import: only what talks to it pays for that."""
    check = "import sys, training.registry; sys.exit('mlflow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], cwd=_REPOSITORY, check=False).returncode == 0


def test_processes_that_begin_at_once_all_register(sample_bundle: Path, tmp_path: Path) -> None:
    """Two processes that register in a registry that none has made yet succeed, without a word on the screen."""
    begin = (
        "import sys; from pathlib import Path; from features.bundle import ModelBundle\n"
        "from training.fit import Trained; from training.registry import log_and_register\n"
        "trained = Trained(ModelBundle.load(Path(sys.argv[1])), {}, (), ())\n"
        "log_and_register(trained, tracking_uri=sys.argv[2])"
    )
    command = [sys.executable, "-c", begin, str(sample_bundle), uri_in(tmp_path)]
    started = [
        subprocess.Popen(
            command,
            cwd=_REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]

    assert [(process.communicate(timeout=300)[0], process.returncode) for process in started] == [("", 0)] * 2
    assert sorted(aliases(uri_in(tmp_path))) == ["1", "2"]
