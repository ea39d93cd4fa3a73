"""Tells a data scientist what a label audit found: a few lines to read, JSON, and a table of every suspected label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.label_audit import LabelAudit
from training.label_effect import Difference, FaultsEffect, Treatment
from training.label_faults import Share, SuspectedLabel
from training.repeated_labels import RepeatedLabels
from training.row_reports import write_rows

_MOST_SHOWN = 10
_HEADER = ("id", "given", "suggested", "probability_given", "probability_suggested", "likely", "why")


def write_suspects(audit: LabelAudit, path: Path) -> None:
    """Write the suspected labels as CSV, most suspected first; raise HistoryError where that cannot be."""
    rows = (
        (
            audit.ticket_ids[suspect.place],
            audit.target.labels[suspect.given],
            audit.target.labels[suspect.suggested],
            f"{suspect.given_probability:.4f}",
            f"{suspect.suggested_probability:.4f}",
            "yes" if suspect.is_likely else "no",
            why(audit, suspect),
        )
        for suspect in audit.suspects
    )
    write_rows(rows, path, header=_HEADER)


def why(audit: LabelAudit, suspect: SuspectedLabel) -> str:
    """Return the sentence that says why a label is suspected."""
    suggested = audit.target.labels[suspect.suggested]
    sentence = f"models that did not see the ticket give '{suggested}' {suspect.suggested_probability:.2f}"
    vote = audit.votes.get(suspect.place)
    if vote is not None and vote.label == suspect.suggested:
        sentence += f"; of {vote.others:,} near duplicates {vote.agreeing:,} bear it"
    return sentence


def summary(audit: LabelAudit, effect: FaultsEffect | None = None) -> str:
    """Return what was found in a few lines."""
    labels = audit.target.labels
    lines = [
        f"{audit.target.name}: {len(audit.ticket_ids):,} tickets, {len(labels)} labels; models that did not see a "
        f"ticket agree with {audit.accuracy:.1%} of the labels.",
        f"Wrong labels: {_interval(audit.noise.share)} among the quarter of the tickets that models are surest of, "
        f"{audit.noise.confident_share:.1%} by confident learning, which also counts what overlaps.",
        f"A model that is always right would agree with {_interval(audit.noise.ceiling)} of such labels.",
        *_of_repeats("the same text as another", audit.identical),
        *_of_repeats("a near duplicate", audit.near),
        *_overlaps(audit),
        *_per_label(audit),
        f"Suspected labels: {len(audit.suspects):,}, of which {_likely_count(audit):,} are likely wrong.",
        *(_line(audit, suspect) for suspect in audit.suspects[:_MOST_SHOWN]),
    ]
    return "\n".join([*lines, *(effect_sentences(effect) if effect is not None else ())])


def effect_sentences(effect: FaultsEffect) -> list[str]:
    """Return a sentence for each treatment that says how the figures moved, and whether that helps."""
    return [
        f"With {effect.suspected_count:,} suspected of {effect.train_count:,} training labels {treatment.name}: "
        f"accuracy {_moved(treatment.accuracy)}, macro-F1 {_moved(treatment.macro_f1)} "
        f"on {effect.test_count:,} tickets that nothing was fitted on, "
        f"where they are {effect.accuracy:.3f} and {effect.macro_f1:.3f} as given. {_verdict(treatment)}"
        for treatment in effect.treatments
    ]


def as_json(audit: LabelAudit, effect: FaultsEffect | None = None) -> dict[str, Any]:
    """Return all but the single tickets as plain values."""
    labels = audit.target.labels
    return {
        "target": audit.target.name,
        "tickets": len(audit.ticket_ids),
        "accuracy": audit.accuracy,
        "wrong": _plain(audit.noise.share),
        "wrong_by_confident_learning": audit.noise.confident_share,
        "ceiling": _plain(audit.noise.ceiling),
        "labels": {
            label: {"wrong": _plain(share), "wrong_by_confident_learning": confident}
            for label, share, confident in zip(
                labels, audit.noise.per_label, audit.noise.per_label_confident, strict=True
            )
        },
        "repeats": {
            name: {"tickets": found.tickets, "differing": _plain(found.differing), "wrong": _plain(found.wrong)}
            for name, found in (("identical", audit.identical), ("near_duplicates", audit.near))
            if found is not None
        },
        "overlaps": [
            {
                "labels": [labels[overlap.first], labels[overlap.second]],
                "confused": overlap.confused_count,
                "expected": overlap.expected_count,
                "share": _plain(overlap.share),
                "accuracy_if_merged": overlap.accuracy_if_merged,
            }
            for overlap in audit.overlaps
        ],
        "suspected": len(audit.suspects),
        "likely": _likely_count(audit),
        "effect": None if effect is None else _effect_json(effect),
    }


def _effect_json(effect: FaultsEffect) -> dict[str, Any]:
    return {
        "train": effect.train_count,
        "changed": effect.suspected_count,
        "test": effect.test_count,
        "accuracy": effect.accuracy,
        "macro_f1": effect.macro_f1,
        "treatments": {
            treatment.name: {"accuracy": _plain(treatment.accuracy), "macro_f1": _plain(treatment.macro_f1)}
            for treatment in effect.treatments
        },
    }


def _likely_count(audit: LabelAudit) -> int:
    return sum(suspect.is_likely for suspect in audit.suspects)


def _of_repeats(name: str, found: RepeatedLabels | None) -> list[str]:
    if found is None:
        return []
    return [
        f"Of {found.tickets:,} tickets with {name}, {_interval(found.differing)} bear another label than it: "
        f"{_interval(found.wrong)} would be wrong."
    ]


def _overlaps(audit: LabelAudit) -> list[str]:
    labels = audit.target.labels
    return [
        f"'{labels[overlap.first]}' and '{labels[overlap.second]}' overlap: {overlap.confused_count:,} tickets "
        f"({_interval(overlap.share)} of both) are taken for the other, {overlap.expected_count:,.0f} by chance; "
        f"as one label accuracy would be {overlap.accuracy_if_merged:.3f} ({overlap.gain:+.3f})."
        for overlap in audit.overlaps[:_MOST_SHOWN]
    ]


def _per_label(audit: LabelAudit) -> list[str]:
    """Return the labels of which most is wrong, as far as that is more than chance would have it."""
    noise = audit.noise
    worst = sorted(zip(audit.target.labels, noise.per_label, strict=True), key=lambda each: -each[1].low)
    return [
        f"Of those labelled '{label}' {_interval(share)} are wrong."
        for label, share in worst[:_MOST_SHOWN]
        if share.low > noise.share.value
    ]


def _line(audit: LabelAudit, suspect: SuspectedLabel) -> str:
    given = audit.target.labels[suspect.given]
    return f"  {audit.ticket_ids[suspect.place]}: '{given}' {suspect.given_probability:.2f}; {why(audit, suspect)}"


def _interval(share: Share) -> str:
    return f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"


def _moved(difference: Difference) -> str:
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def _verdict(treatment: Treatment) -> str:
    both = (treatment.accuracy, treatment.macro_f1)
    if any(each.high < 0 for each in both):
        return "It does harm here."
    if any(each.low > 0 for each in both):
        return "It helps here."
    return "It does not help here: chance alone moves as much."


def _plain(interval: Share | Difference) -> list[float]:
    return [interval.value, interval.low, interval.high]
