"""Judges whether a challenger may take the champion's place; pure, from the figures of their test parts alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_CALIBRATION_BINS = 15
# Of a normally distributed gap, the mean distance from zero, and that distance's own spread, both in deviations.
_MEAN_DISTANCE, _SPREAD_OF_DISTANCE = math.sqrt(2 / math.pi), math.sqrt(1 - 2 / math.pi)
_ONE_SIDED_95 = 1.645
_LANGUAGE_NAMES = {"ko": "Korean", "en": "English", "mixed": "mixed", "other": "other"}
_MEASURES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A version's figures by target, and which test part each comes from."""

    metrics: Mapping[str, Any]
    test_fingerprints: Mapping[str, str] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that were tested; articles are none."""
        return tuple(name for name in self.metrics if name != "articles")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a challenger is allowed; margins are in points of a hundred."""

    points_below_champion: float = 2.0
    language_points_below_champion: float = 5.0
    fewest_language_tickets: int = 30
    calibration_error: float = 0.08


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison in a sentence, and whether it speaks for the challenger or at least not against it."""

    sentence: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether every finding passed, and the findings."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the challenger."""
        return all(finding.passed for finding in self.findings)


def judge(challenger: Scorecard, champion: Scorecard | None, *, limits: Limits | None = None) -> Verdict:
    """Judge a challenger by itself and, where there is one, beside the champion.

    The two are compared target by target, only where both answered for the same test tickets: figures
    of different tickets differ for other reasons than the model. To compare nevertheless, score the
    champion's bundle on the challenger's test part and hand that scorecard in.
    """
    limits = limits or Limits()
    findings: list[Finding] = []
    for target in challenger.targets:
        figures = challenger.metrics[target]
        findings += _beside_baseline(target, figures)
        findings.append(_calibration(target, figures, limits=limits))
    if champion is not None:
        findings += _beside_champion(challenger, champion, limits=limits)
    return Verdict(tuple(findings))


def _beside_baseline(target: str, figures: Mapping[str, Any]) -> Iterator[Finding]:
    """Refuse a measure whose whole interval of the difference to the baseline lies below zero."""
    for name, words in _MEASURES.items():
        ours, plain = figures[name], figures["baseline"][name]
        low, high = figures["intervals"][f"{name}_above_baseline"]
        measured = (
            f"{target}: {words} is {ours:.3f} beside the plain baseline's {plain:.3f} "
            f"(difference {low:+.3f} to {high:+.3f})"
        )
        passed = high >= 0
        yield Finding(f"{measured}." if passed else f"{measured}: below the baseline by more than chance.", passed)


def _calibration(target: str, figures: Mapping[str, Any], *, limits: Limits) -> Finding:
    error, count = figures["calibration_error"], figures["tickets"]
    noise = calibration_noise(figures["accuracy"], tickets=count)
    allowed = max(limits.calibration_error, noise)
    passed = error <= allowed
    why = f"the limit is {limits.calibration_error:.3f}" + (
        f", and {count:,} tickets alone make up to {noise:.3f}" if noise > limits.calibration_error else ""
    )
    verdict = "" if passed else ": its probabilities are not what they say"
    return Finding(f"{target}: calibration error is {error:.3f} ({why}){verdict}.", passed)


def calibration_noise(accuracy: float, *, tickets: int) -> float:
    """Return the calibration error that a perfectly calibrated model stays below 19 times of 20.

    In each bin of equally many tickets the gap is about normal; their distances from zero are averaged. It
    is an upper bound: how sure the model is differs among tickets, which makes the gaps smaller.
    """
    bins = max(1, min(_CALIBRATION_BINS, tickets))
    deviation = math.sqrt(accuracy * (1 - accuracy) * bins / max(tickets, 1))
    return deviation * (_MEAN_DISTANCE + _ONE_SIDED_95 * _SPREAD_OF_DISTANCE / math.sqrt(bins))


def _beside_champion(challenger: Scorecard, champion: Scorecard, *, limits: Limits) -> Iterator[Finding]:
    for target in champion.targets:
        if target not in challenger.metrics:
            yield Finding(f"{target}: the champion predicts it, the challenger does not.", passed=False)
        elif not _is_comparable(challenger, champion, target=target):
            yield Finding(
                f"{target}: not compared with the champion, which was tested on other tickets. "
                "Score both on one test part to compare them.",
                passed=True,
            )
        else:
            yield from _compared(target, challenger.metrics[target], champion.metrics[target], limits=limits)


def _is_comparable(challenger: Scorecard, champion: Scorecard, *, target: str) -> bool:
    fingerprint = challenger.test_fingerprints.get(target)
    return fingerprint is not None and fingerprint == champion.test_fingerprints.get(target)


def _compared(
    target: str, challenger: Mapping[str, Any], champion: Mapping[str, Any], *, limits: Limits
) -> Iterator[Finding]:
    margin = limits.points_below_champion
    for name, words in _MEASURES.items():
        yield _not_worse(f"{target}: {words}", challenger[name], champion[name], margin=margin)
    for language, theirs in champion.get("per_language", {}).items():
        ours = challenger.get("per_language", {}).get(language)
        if ours is None:
            continue
        where = f"{target}: accuracy in {_LANGUAGE_NAMES.get(language, language)} tickets"
        if ours["tickets"] < limits.fewest_language_tickets:
            yield Finding(f"{where} is not judged: there are only {ours['tickets']:,}.", passed=True)
        else:
            margin_of_language = limits.language_points_below_champion
            yield _not_worse(where, ours["accuracy"], theirs["accuracy"], margin=margin_of_language)


def _not_worse(what: str, ours: float, theirs: float, *, margin: float) -> Finding:
    points = 100 * (ours - theirs)
    # A margin is met exactly where binary fractions would miss it by a hair.
    passed = points >= -margin - 1e-9
    sentence = f"{what} is {ours:.3f}, the champion's {theirs:.3f} ({points:+.1f} points)"
    return Finding(f"{sentence}." if passed else f"{sentence}: more than {margin:g} points below it.", passed)
