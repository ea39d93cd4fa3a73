"""What a lead may promise of a target, and what the promise buys: thresholds, tickets, or why none can be made.

Owns the promise and the offer made for it on evidence. Must not know connections, modes or what happens live: what is
done with an offer is `features.decisions`, whether it holds is `features.live_error`.

A promise is kept with its confidence as long as live tickets resemble those of the evidence. It is made on evidence
that nothing was fitted on, never on what the model learned from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from features.errors import SettingsError
from features.evidence import Evidence
from features.thresholds import counted, least_tickets, loosest_kept, p_values, threshold_row
from features.vectorizer import FloatArray

Marks = NDArray[np.bool_]


class Division(StrEnum):
    """How a promise's budget of errors and doubt is divided over the labels of a target.

    Together, one threshold keeps the promise over all labels: no label costs a part of the doubt. Each label for
    itself, every label keeps the promise with a threshold of its own, and the doubt is divided over them.
    """

    TOGETHER = "together"
    EACH_LABEL = "each_label"


@dataclass(frozen=True, slots=True)
class Promise:
    """At most `largest_error` of what runs unattended is wrong, with this confidence.

    `urgent_labels` and `largest_understated` promise besides, for priority: of all tickets that are urgent at most so
    large a share gets a label unattended that is not an urgent one. `made_at_once` promises of several targets hold
    all together with the confidence.
    """

    largest_error: float
    confidence: float = 0.95
    division: Division = Division.TOGETHER
    urgent_labels: tuple[str, ...] = ()
    largest_understated: float | None = None
    made_at_once: int = 1

    def __post_init__(self) -> None:
        for name, value in (("largest error", self.largest_error), ("largest understated", self.largest_understated)):
            if value is not None and not 0 < value <= 0.5:
                raise SettingsError(f"The {name} of a promise is {value}. Promise a share above 0 and up to 0.5.")
        if not 0.5 <= self.confidence < 1:
            raise SettingsError(
                f"The confidence of a promise is {self.confidence}. State one from 0.5 to below 1, as in 0.95."
            )
        if self.made_at_once < 1:
            raise SettingsError(f"{self.made_at_once} promises cannot be made at once. State 1 or more.")
        if bool(self.urgent_labels) != (self.largest_understated is not None):
            raise SettingsError(
                "A promise on urgent tickets needs both the urgent labels and the largest share put lower. "
                "State both or neither."
            )
        if self.urgent_labels and self.division is Division.EACH_LABEL:
            raise SettingsError(
                "A promise on urgent tickets cannot be divided over the labels. Make it for all labels together."
            )

    @property
    def doubt(self) -> float:
        """The probability with which this one promise may fail."""
        return (1 - self.confidence) / self.made_at_once


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of the evidence under an offer: all of it, one predicted label, or one language.

    Of its `tickets`, so many would have run `unattended`, and so many of these were `wrong`.
    """

    name: str
    tickets: int
    unattended: int
    wrong: int

    @property
    def share(self) -> float:
        """The share that runs unattended."""
        return self.unattended / self.tickets if self.tickets else 0.0

    @property
    def share_interval(self) -> tuple[float, float]:
        """The 95 % interval of that share, exact for a proportion."""
        return exact_interval(self.unattended, self.tickets)

    @property
    def error(self) -> float | None:
        """The share of the unattended that was wrong."""
        return self.wrong / self.unattended if self.unattended else None

    @property
    def error_interval(self) -> tuple[float, float]:
        """The 95 % interval of that share."""
        return exact_interval(self.wrong, self.unattended)


@dataclass(frozen=True, slots=True)
class Week:
    """An offer in tickets a week; `least_unattended` and `most_unattended` are its interval."""

    tickets: int
    unattended: int
    wrong_at_most: int
    least_unattended: int
    most_unattended: int

    @property
    def sentence(self) -> str:
        """What a lead reads."""
        if not self.unattended:
            return f"Of {self.tickets:,} a week, none run unattended."
        return f"Of {self.tickets:,} a week, {self.unattended:,} run unattended, at most {self.wrong_at_most:,} wrong."


@dataclass(frozen=True, slots=True)
class Offer:
    """What a promise buys on evidence, or `because` of what none can be given.

    `autofill_from` is the threshold for all labels, `autofill_from_by_label` those of the labels that keep the promise
    each for itself; a label without one never runs unattended. `labels` are by what was predicted. What the parts show
    is evidence, not promised, unless each label was.
    """

    promise: Promise
    total: Portion
    labels: tuple[Portion, ...]
    languages: tuple[Portion, ...]
    autofill_from: float | None = None
    autofill_from_by_label: Mapping[str, float] = field(default_factory=dict)
    because: str = ""

    @property
    def is_given(self) -> bool:
        """Whether the promise can be made."""
        return self.autofill_from is not None or bool(self.autofill_from_by_label)

    def per_week(self, tickets: int) -> Week:
        """Return what the offer comes to with so many tickets a week."""
        unattended = round(tickets * self.total.share)
        low, high = self.total.share_interval if self.is_given else (0.0, 0.0)
        wrong = int(np.floor(unattended * self.promise.largest_error + 1e-9))
        return Week(tickets, unattended, wrong, int(np.floor(tickets * low)), int(np.ceil(tickets * high)))


def offer(evidence: Evidence, promise: Promise) -> Offer:
    """Return what a promise buys on evidence.

    Raises SettingsError where the promise names an urgent label that the target has not.
    """
    _require_known(promise, evidence)
    if promise.division is Division.EACH_LABEL:
        by_label = _thresholds_by_label(evidence, promise)
        limits = np.array([by_label.get(label, np.inf) for label in evidence.labels])
        because = "" if by_label else _because(evidence, promise)
        return _offer(evidence, promise, limits=limits, by_label=by_label, because=because)
    kept = _threshold(evidence, promise)
    limits = np.full(len(evidence.labels), np.inf if kept is None else kept)
    return _offer(evidence, promise, limits=limits, together=kept, because=_because(evidence, promise, kept=kept))


def exact_interval(count: int, of: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a proportion after Clopper and Pearson."""
    tail = (1 - confidence) / 2
    low = float(betaincinv(count, of - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return low, high


# --- thresholds -------------------------------------------------------------------------------------------------------


def _threshold(evidence: Evidence, promise: Promise) -> float | None:
    row = threshold_row(promise.largest_error)
    return loosest_kept(
        row,
        evidence.confidence,
        ~evidence.right,
        largest_error=promise.largest_error,
        doubt=_doubt_of_test(evidence, promise),
        other_values=_understated_values(row, evidence, promise),
    )


def _thresholds_by_label(evidence: Evidence, promise: Promise) -> dict[str, float]:
    """Return a threshold for each label that keeps the promise for itself; the doubt is divided over all labels."""
    row = threshold_row(promise.largest_error)
    found: dict[str, float] = {}
    for number, label in enumerate(evidence.labels):
        inside = evidence.predicted == number
        kept = loosest_kept(
            row,
            evidence.confidence[inside],
            ~evidence.right[inside],
            largest_error=promise.largest_error,
            doubt=_doubt_of_test(evidence, promise),
        )
        if kept is not None:
            found[label] = kept
    return found


def _doubt_of_test(evidence: Evidence, promise: Promise) -> float:
    """Return the doubt that is left for one row of thresholds."""
    return promise.doubt / (len(evidence.labels) if promise.division is Division.EACH_LABEL else 1)


def _understated_values(row: FloatArray, evidence: Evidence, promise: Promise) -> FloatArray | None:
    """Return the test values of the promise on urgent tickets: a share of all that are urgent, attended or not."""
    if promise.largest_understated is None:
        return None
    is_urgent, is_lowered = _urgent(evidence, promise)
    lowered = counted(row, evidence.confidence, is_lowered)
    return p_values(np.full(len(row), int(is_urgent.sum())), lowered, promise.largest_understated)


def _urgent(evidence: Evidence, promise: Promise) -> tuple[Marks, Marks]:
    """Return which tickets are urgent, and which of these got a label that is not."""
    numbers = [evidence.labels.index(label) for label in promise.urgent_labels]
    is_urgent = np.isin(evidence.actual, numbers)
    return is_urgent, is_urgent & ~np.isin(evidence.predicted, numbers)


# --- what is told -----------------------------------------------------------------------------------------------------


def _offer(
    evidence: Evidence,
    promise: Promise,
    *,
    limits: FloatArray,
    together: float | None = None,
    by_label: Mapping[str, float] | None = None,
    because: str,
) -> Offer:
    predicted, is_wrong = evidence.predicted, ~evidence.right
    runs = evidence.confidence >= limits[predicted]

    def portion(name: str, inside: Marks) -> Portion:
        return Portion(name, int(inside.sum()), int((inside & runs).sum()), int((inside & runs & is_wrong).sum()))

    return Offer(
        promise,
        portion("", np.ones(len(runs), np.bool_)),
        tuple(portion(label, predicted == number) for number, label in enumerate(evidence.labels)),
        tuple(portion(str(name), evidence.languages == name) for name in np.unique(evidence.languages)),
        together,
        by_label or {},
        because,
    )


def _because(evidence: Evidence, promise: Promise, *, kept: float | None = None) -> str:
    """Return the sentence that says why no promise can be given, empty where one is."""
    if kept is not None:
        return ""
    least = least_tickets(promise.largest_error, doubt=_doubt_of_test(evidence, promise))
    sure = int((evidence.confidence >= threshold_row(promise.largest_error)[-1]).sum())
    wanted = f"at most {_percent(promise.largest_error)} wrong at {_percent(promise.confidence)} confidence"
    if sure < least:
        return (
            f"No promise of {wanted}: it takes {least:,} error-free tickets at least, the evidence has {sure:,} sure."
        )
    if promise.largest_understated is not None:
        urgent = int(_urgent(evidence, promise)[0].sum())
        needed = least_tickets(promise.largest_understated, doubt=promise.doubt)
        if urgent < needed:
            return f"No promise on urgent tickets: it takes {needed:,} of them at least, the evidence has {urgent:,}."
    return f"No promise of {wanted}: the {len(evidence.actual):,} tickets of the evidence do not show it."


def _require_known(promise: Promise, evidence: Evidence) -> None:
    unknown = next((label for label in promise.urgent_labels if label not in evidence.labels), None)
    if unknown is not None:
        raise SettingsError(
            f"The urgent label '{unknown}' is none of the target's. Name some of: {', '.join(evidence.labels)}."
        )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
