"""The model card: that a lead can read from it what the figures say."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.fit import Trained, fit_bundle
from training.model_card import model_card
from training.recipe import Recipe
from training.targets import ExcludedLabel


def card_of(trained: Trained) -> str:
    return model_card(trained, name="ticket-triage", version="3")


def with_figures(trained: Trained, target: str, **changes: Any) -> Trained:
    """The same training with other figures for one target."""
    metrics = {**trained.bundle.manifest.metrics, target: {**trained.bundle.manifest.metrics[target], **changes}}
    manifest = replace(trained.bundle.manifest, metrics=metrics)
    return replace(trained, bundle=replace(trained.bundle, manifest=manifest))


def test_names_the_version_and_every_target(sample_trained: Trained) -> None:
    """The card begins with name and version, and has a part for each target."""
    card = card_of(sample_trained)

    assert card.startswith("# ticket-triage, version 3\n")
    assert all(f"### {target.name.capitalize()}\n" in card for target in sample_trained.bundle.targets)


def test_says_how_many_of_a_hundred_tickets_are_right(sample_trained: Trained) -> None:
    """Accuracy is told as a number of a hundred, with its interval, beside the baseline's."""
    changed = with_figures(
        sample_trained,
        "category",
        accuracy=0.86,
        intervals={"accuracy": [0.83, 0.89], "accuracy_above_baseline": [0.04, 0.1]},
        baseline={"accuracy": 0.79, "macro_f1": 0.7},
    )

    card = card_of(changed)

    assert "Of 100 tickets, **86** get the right category (between 83 and 89)" in card
    assert "The plain baseline gets 79;" in card
    assert "It is better than the baseline, by 4 to 10 of 100 tickets." in card


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        ([-0.03, 0.05], "The difference to the baseline may be chance (-3 to +5 of 100 tickets)."),
        ([-0.08, -0.02], "**It is worse than the baseline**, by 2 to 8 of 100 tickets."),
    ],
)
def test_admits_when_it_is_no_better_than_the_baseline(
    sample_trained: Trained, interval: list[float], sentence: str
) -> None:
    """A difference that may be chance, or speaks for the baseline, is said to be so."""
    changed = with_figures(
        sample_trained, "category", intervals={"accuracy": [0.7, 0.9], "accuracy_above_baseline": interval}
    )

    assert sentence in card_of(changed)


def test_never_claims_all_or_none_by_rounding(sample_trained: Trained) -> None:
    """99.6 of 100 is not written as 100."""
    changed = with_figures(sample_trained, "category", accuracy=0.996)

    assert "**99.6** get the right category" in card_of(changed)


def test_names_the_pair_that_is_confused_most(sample_trained: Trained) -> None:
    """The most frequent confusion stands in the card with its count."""
    evidence = sample_trained.test_evidence["category"]
    confused = evidence.probabilities.copy()
    first, second = evidence.actual[0], (evidence.actual[0] + 1) % len(evidence.labels)
    confused[evidence.actual == first] = np.eye(len(evidence.labels))[second]
    parts = {**sample_trained.test_evidence, "category": replace(evidence, probabilities=confused)}

    card = card_of(replace(sample_trained, test_evidence=parts)).replace("\\", "")

    times = int((evidence.actual == first).sum())
    assert f"“{evidence.labels[first]}” is taken for “{evidence.labels[second]}”: {times} of {times} times." in card


def test_says_what_it_does_not_know(sample_trained: Trained) -> None:
    """Labels left out, targets not trained and the warnings of the run are all told."""
    left_out = (ExcludedLabel("category", "fax_machines", 2),)
    card = card_of(replace(sample_trained, excluded=left_out, warnings=("66 dates state no offset.",)))

    assert "Labels of category with too few tickets, which it can never suggest: fax\\_machines (2)." in card
    assert "It says nothing of: impact, urgency." in card
    assert "- 66 dates state no offset." in card


def test_warns_of_a_small_test(sample_trained: Trained) -> None:
    """With 36 test tickets the reader is told to read the intervals."""
    assert "**The test is small**: 36 tickets." in card_of(sample_trained)


def test_warns_of_a_language_that_it_never_saw(sample_trained: Trained) -> None:
    """A model trained on no Korean ticket says that it guesses there."""
    manifest = replace(sample_trained.bundle.manifest, languages={"en": 170})
    foreign = replace(sample_trained, bundle=replace(sample_trained.bundle, manifest=manifest))

    assert "It saw no tickets in Korean" in card_of(foreign)
    assert "It saw no tickets in" not in card_of(sample_trained)


def test_tells_ordinal_targets_by_steps(sample_trained: Trained) -> None:
    """How many are at most one step off is said of scales and of nothing else."""
    parts = re.split(r"^### ", card_of(sample_trained).split("## Where it fails")[0], flags=re.MULTILINE)

    by_steps = {part.split("\n")[0] for part in parts[1:] if "one step of the scale" in part}
    assert by_steps == {"Priority", "Tier"}


def test_holds_where_it_comes_from(sample_trained: Trained) -> None:
    """Fingerprint, recipe and seed stand at the end, so that the card can be traced."""
    card = card_of(sample_trained)

    assert sample_trained.bundle.manifest.data_fingerprint in card
    assert "| Recipe | tiny |" in card
    assert "| Seed | 7 |" in card


def test_labels_cannot_break_the_page(sample_trained: Trained) -> None:
    """A label with Markdown or HTML in it is shown, not obeyed."""
    card = card_of(replace(sample_trained, excluded=(ExcludedLabel("category", "<b>|*x*", 1),)))

    assert r"\<b\>\|\*x\* (1)" in card


def test_a_model_of_articles_alone_has_a_card(sample_articles: Any) -> None:
    """Without a history the card says what it finds, and that nothing is known of how well."""
    trained = fit_bundle(None, sample_articles, recipe=Recipe(name="tiny"), seed=1)

    card = card_of(trained)

    assert "it finds articles that may solve it." in card
    assert "how good it is, is not known" in card
    assert "## Where it fails" not in card
