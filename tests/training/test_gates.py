"""The gates: what lets a challenger pass and what stops it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.calibration import calibration_error
from training.gates import Limits, Scorecard, calibration_noise, judge


def figures(accuracy: float = 0.8, **changes: Any) -> dict[str, Any]:
    """The figures of a target in good order, with changes."""
    return {
        "tickets": 1000,
        "accuracy": accuracy,
        "macro_f1": accuracy - 0.05,
        "calibration_error": 0.03,
        "baseline": {"accuracy": 0.75, "macro_f1": 0.7},
        "intervals": {"accuracy_above_baseline": [0.02, 0.08], "macro_f1_above_baseline": [0.01, 0.09]},
        "per_language": {"ko": {"accuracy": accuracy, "tickets": 500}, "en": {"accuracy": accuracy, "tickets": 500}},
        **changes,
    }


def scorecard(fingerprint: str = "same", **targets: dict[str, Any]) -> Scorecard:
    return Scorecard(targets, dict.fromkeys(targets, fingerprint))


def refusals(challenger: Scorecard, champion: Scorecard | None = None) -> list[str]:
    return [finding.sentence for finding in judge(challenger, champion).findings if not finding.passed]


def test_passes_a_challenger_above_baseline_and_champion() -> None:
    """A challenger that is better all round passes, and every finding says so in a sentence."""
    verdict = judge(scorecard(category=figures(0.82)), scorecard(category=figures(0.8)))

    assert verdict.passed
    assert all(finding.sentence.endswith(".") for finding in verdict.findings)


def test_judges_the_first_version_by_itself() -> None:
    """Without a champion only the baseline and the calibration speak."""
    verdict = judge(scorecard(category=figures()), None)

    assert verdict.passed
    assert len(verdict.findings) == 3


@pytest.mark.parametrize("measure", ["accuracy", "macro_f1"])
def test_refuses_what_is_below_the_baseline_by_more_than_chance(measure: str) -> None:
    """A measure whose whole interval lies below the baseline's stops the challenger."""
    bad = figures(intervals={**figures()["intervals"], f"{measure}_above_baseline": [-0.09, -0.01]})

    (refused,) = refusals(scorecard(category=bad))

    assert "below the baseline by more than chance" in refused


def test_lets_pass_what_may_be_below_the_baseline_by_chance() -> None:
    """An interval that holds zero proves nothing against the challenger."""
    even = figures(0.74, intervals={"accuracy_above_baseline": [-0.05, 0.01], "macro_f1_above_baseline": [-0.1, 0.0]})

    assert refusals(scorecard(category=even)) == []


def test_refuses_probabilities_that_are_not_what_they_say() -> None:
    """A calibration error above the limit and above chance stops the challenger."""
    (refused,) = refusals(scorecard(category=figures(calibration_error=0.12)))

    assert "calibration error is 0.120" in refused


def test_forgives_a_calibration_error_that_few_tickets_make_by_chance() -> None:
    """Among 100 tickets even honest probabilities are more than .08 off; the sentence says how much chance makes."""
    few = scorecard(category=figures(tickets=100, calibration_error=0.12))

    sentences = [finding.sentence for finding in judge(few, None).findings]

    assert refusals(few) == []
    assert any("100 tickets alone make up to" in sentence for sentence in sentences)


def test_refuses_a_lost_target() -> None:
    """A target that the champion predicts and the challenger does not stops the challenger."""
    champion = scorecard(category=figures(), priority=figures())

    (refused,) = refusals(scorecard(category=figures()), champion)

    assert refused == "priority: the champion predicts it, the challenger does not."


def test_does_not_count_articles_as_a_target() -> None:
    """Figures of articles beside those of targets are no target, neither lost nor judged."""
    champion = Scorecard({"category": figures(), "articles": {"recall_at_5": 0.8}}, {"category": "same"})

    assert refusals(scorecard(category=figures()), champion) == []


def test_allows_a_champion_to_be_missed_by_the_margin_and_no_more() -> None:
    """Two points below the champion pass, more than two do not."""
    champion = scorecard(category=figures(0.82))

    assert refusals(scorecard(category=figures(0.80)), champion) == []
    assert len(refusals(scorecard(category=figures(0.79)), champion)) == 2


def test_refuses_a_language_that_gets_much_worse() -> None:
    """A language more than five points below the champion stops the challenger, however good the other one is."""
    lopsided = {"ko": {"accuracy": 0.74, "tickets": 400}, "en": {"accuracy": 0.9, "tickets": 600}}

    (refused,) = refusals(scorecard(category=figures(per_language=lopsided)), scorecard(category=figures()))

    assert "accuracy in Korean tickets" in refused


def test_does_not_judge_a_language_of_a_few_tickets() -> None:
    """Of a language with a dozen tickets the finding says that it is not judged."""
    few = figures(per_language={"ko": {"accuracy": 0.2, "tickets": 12}})
    verdict = judge(scorecard(category=few), scorecard(category=figures()))

    assert verdict.passed
    assert any("is not judged: there are only 12" in finding.sentence for finding in verdict.findings)


def test_compares_only_what_answered_for_the_same_tickets() -> None:
    """Figures from other test tickets are not compared, and the finding says so."""
    challenger, champion = scorecard("new", category=figures(0.5)), scorecard("old", category=figures(0.9))

    verdict = judge(challenger, champion)

    assert verdict.passed
    assert any("tested on other tickets" in finding.sentence for finding in verdict.findings)


def test_does_not_compare_where_the_test_part_is_not_known() -> None:
    """Two scorecards without fingerprints are not taken for equal."""
    verdict = judge(Scorecard({"category": figures(0.5)}), Scorecard({"category": figures(0.9)}))

    assert verdict.passed


def test_keeps_to_limits_that_are_stated() -> None:
    """A wider margin lets pass what the usual one stops."""
    champion, challenger = scorecard(category=figures(0.85)), scorecard(category=figures(0.81))

    assert not judge(challenger, champion).passed
    assert judge(challenger, champion, limits=Limits(points_below_champion=5.0)).passed


@settings(max_examples=12, deadline=None)
@given(tickets=st.integers(60, 2000), lowest=st.floats(0.3, 0.85), seed=st.integers(0, 2**32 - 1))
def test_calibration_noise_bounds_what_chance_makes(tickets: int, lowest: float, seed: int) -> None:
    """Perfectly calibrated probabilities stay below the noise at least nine times of ten, whatever their spread."""
    random = np.random.default_rng(seed)
    below = 0
    for _ in range(60):
        probability = random.uniform(lowest, 0.99, tickets)
        right = random.random(tickets) < probability
        below += calibration_error(probability, right) <= calibration_noise(float(right.mean()), tickets=tickets)

    assert below >= 50
