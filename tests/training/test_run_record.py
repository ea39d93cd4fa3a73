"""What a run leaves behind in writing."""

from __future__ import annotations

import json
import math
import posixpath
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from training.fit import Trained
from training.run_record import (
    allowed_name,
    distinct_names,
    environment,
    flat_metrics,
    parameters,
    run_files,
    scorecard,
    scoring_requirements,
    version_tags,
)

# What MLflow takes as the name of a metric or a parameter.
_MLFLOW_NAME = re.compile(r"[/\w.\- :]*")


@settings(max_examples=200)
@given(st.text(max_size=300))
@example("..")
@example("/")
@example("")
@example("계정/권한 (신규)")
@example("a" * 400)
def test_any_label_becomes_a_name_that_mlflow_takes(label: str) -> None:
    """A label as a part of a metric's name breaks neither MLflow's pattern, its paths nor its length."""
    name = f"category/label/{allowed_name(label)}/f1"

    assert _MLFLOW_NAME.fullmatch(name)
    assert posixpath.normpath(name) == name
    assert len(name) <= 250


def test_korean_labels_keep_their_letters() -> None:
    """Letters of any script are allowed; only what is not a letter gives way."""
    assert allowed_name("계정/권한 (신규)") == "계정_권한 _신규_"


@given(st.lists(st.sampled_from(["a/b", "a_b", "a|b", "a_b-2", "c"]), max_size=8))
def test_labels_that_would_share_a_name_are_told_apart(labels: list[str]) -> None:
    """However labels collide, each gets a name of its own."""
    names = distinct_names(labels)

    assert len(set(names)) == len(labels)
    assert all(_MLFLOW_NAME.fullmatch(name) for name in names)


def test_metrics_are_flat_and_finite(sample_trained: Trained) -> None:
    """Every target has its figures, the baseline's, the intervals', and those of each language and label."""
    metrics = flat_metrics(sample_trained.bundle.manifest.metrics)
    figures = sample_trained.bundle.manifest.metrics["category"]

    assert metrics["category/accuracy"] == figures["accuracy"]
    assert metrics["category/baseline_accuracy"] == figures["baseline"]["accuracy"]
    assert metrics["category/accuracy_above_baseline_low"] == figures["intervals"]["accuracy_above_baseline"][0]
    assert metrics["category/ko/accuracy"] == figures["per_language"]["ko"]["accuracy"]
    assert metrics["category/ko/baseline_macro_f1"] == figures["per_language"]["ko"]["baseline"]["macro_f1"]
    assert metrics["category/label/network/f1"] == figures["per_label"]["network"]["f1"]
    assert metrics["articles/recall_at_5"] == sample_trained.bundle.manifest.metrics["articles"]["recall_at_5"]
    assert all(math.isfinite(value) and _MLFLOW_NAME.fullmatch(name) for name, value in metrics.items())


def test_figures_that_are_no_numbers_are_left_out() -> None:
    """A figure that could not be computed is absent rather than not a number."""
    assert flat_metrics({"category": {"accuracy": math.nan, "macro_f1": 0.5}}) == {"category/macro_f1": 0.5}


def test_parameters_hold_the_whole_recipe(sample_trained: Trained) -> None:
    """Each value of the recipe, the seed, the counts and the options of the run are parameters, as text."""
    named = parameters(sample_trained.bundle.manifest, options={"map": "body=Description"})

    assert named["recipe.boosted.rounds"] == "10"
    assert named["recipe.restricted_groups"] == '["security", "people-ops"]'
    assert named["seed"] == "7"
    assert named["option.map"] == "body=Description"
    assert named["tickets.train"] == "170"


def test_equal_test_parts_have_equal_fingerprints(sample_trained: Trained) -> None:
    """The fingerprint is that of the test tickets' labels: other predictions keep it, another ticket changes it."""
    evidence = sample_trained.test_evidence["category"]
    other_model = replace(evidence, probabilities=evidence.probabilities[:, ::-1])
    changed = evidence.actual.copy()
    changed[0] = (changed[0] + 1) % len(evidence.labels)
    other_tickets = replace(evidence, actual=np.asarray(changed))

    def fingerprint(part: object) -> str:
        return scorecard(replace(sample_trained, test_evidence={"category": part})).test_fingerprints["category"]

    assert fingerprint(evidence) == fingerprint(other_model) != fingerprint(other_tickets)


def test_the_files_of_a_run_can_be_read_again(sample_trained: Trained) -> None:
    """Figures, recipe, environment and warnings are JSON, drawings are PNG."""
    files = run_files(sample_trained)

    stored = json.loads(files["metrics.json"])
    assert stored["metrics"] == json.loads(json.dumps(sample_trained.bundle.manifest.metrics))
    assert stored["test_fingerprints"] == dict(scorecard(sample_trained).test_fingerprints)
    assert json.loads(files["recipe.json"])["name"] == "tiny"
    assert json.loads(files["environment.json"])["packages"]["lightgbm"]
    assert json.loads(files["warnings.json"])["warnings"] == list(sample_trained.warnings)
    assert files["figures/category/confusion_matrix.png"].startswith(b"\x89PNG")


def test_version_tags_tell_versions_apart(sample_trained: Trained) -> None:
    """Fingerprint, recipe, feature version, targets and time of making are tags, none of them empty by mistake."""
    tags = version_tags(sample_trained)

    assert tags["data_fingerprint"] == sample_trained.bundle.manifest.data_fingerprint
    assert tags["recipe"] == "tiny"
    assert tags["feature_version"] == str(sample_trained.bundle.manifest.feature_version)
    assert tags["targets"] == "category,kind,group,priority,tier"
    assert tags["created_at"] == sample_trained.bundle.manifest.created_at


def test_requirements_are_those_of_scoring_alone() -> None:
    """What serves the model needs neither scikit-learn nor pandera, and every version is stated."""
    names = {requirement.split("==")[0] for requirement in scoring_requirements()}

    assert names == {"mlflow", "pandas", "lightgbm", "numpy", "scipy"}
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", requirement) for requirement in scoring_requirements())


@pytest.mark.parametrize("package", ["lightgbm", "numpy", "scikit-learn", "mlflow"])
def test_the_environment_names_what_decides_the_model(package: str) -> None:
    """The versions of the packages that a model depends on are recorded."""
    assert environment()["packages"][package]
