"""Standings as tables in Markdown: every method beside ours, then by label and by language, then what was lacking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from head_to_head.contests import OURS
from head_to_head.measures import (
    Measured,
    figures_by_label,
    measure,
    noise_of_calibration,
    outcomes_by_language,
)
from head_to_head.outcomes import LabelOutcome
from head_to_head.standings import Standing, Standings

_TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "quadratic_kappa": "quadratic kappa",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
    "recall_at_1": "recall@1",
    "recall_at_5": "recall@5",
    "recall_at_10": "recall@10",
    "mrr_at_10": "MRR@10",
}
# By these ours is set beside the best rival.
_DECISIVE = ("accuracy", "macro_f1", "quadratic_kappa", "recall_at_1", "recall_at_5", "recall_at_10", "mrr_at_10")
# Fewer tickets than these say little of a language.
_FEWEST_IN_LANGUAGE = 30


def markdown(standings: Standings) -> str:
    """Return a contest's tables."""
    lines = [f"## {standings.contest.title}", "", *_methods(standings), "", *_beside_the_best(standings)]
    beyond = standings.without_near_duplicates()
    if beyond is not None:
        lines += ["", f"### {beyond.contest.title}", "", *_methods(beyond), "", *_beside_the_best(beyond)]
    if standings.ours is not None and isinstance(standings.ours.outcome, LabelOutcome):
        lines += ["", *_calibration(standings.ours.outcome), "", *_languages(standings.ours.outcome)]
        lines += ["", *_labels(standings)]
    return "\n".join([*lines, *_missing(standings), ""])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown; the first column is words, the others are figures."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def with_interval(measured: Measured, *, signed: bool = False) -> str:
    """Return a figure with its 95 % interval."""
    low, high = measured.interval
    return f"{short(measured.value, signed=signed)} [{short(low, signed=signed)}, {short(high, signed=signed)}]"


def short(value: float, *, signed: bool = False) -> str:
    """Return a share with three digits and without the zero before its point."""
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def bytes_in_words(count: float) -> str:
    """Return a size in megabytes, a small one in kilobytes."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"


def seconds_in_words(seconds: float) -> str:
    """Return a time in seconds or in minutes."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _methods(standings: Standings) -> list[str]:
    first = next(iter(standings.methods.values()), None)
    if first is None:
        return ["Nothing was measured."]
    figures = list(first.measured)
    header = ["method", *(_TITLES[name] for name in figures), "learned from", "training", "one ticket", "size"]
    rows = [_method(each, figures) for each in standings.methods.values()]
    notes = [f"{name}: {each.costs.note}." for name, each in standings.methods.items() if each.costs.note]
    return [*table(header, rows), *([""] if notes else []), *notes]


def _method(standing: Standing, figures: Sequence[str]) -> list[str]:
    costs = standing.costs
    shown = [with_interval(standing.measured[name]) for name in figures]
    times = [seconds_in_words(costs.training_seconds), f"{costs.milliseconds:.2f} ms"]
    name = f"**{standing.method}**" if standing.method == OURS else standing.method
    return [name, *shown, f"{costs.fitted_count:,}", *times, bytes_in_words(costs.size_bytes)]


def _beside_the_best(standings: Standings) -> Iterator[str]:
    """Yield how far ours is above the rival that is best by each figure, ticket by ticket."""
    ours = standings.ours
    if ours is None or not standings.rivals:
        return
    yield "Ours above the best rival, paired over the same tickets:"
    yield ""
    for figure in (name for name in _DECISIVE if name in ours.measured):
        best = standings.best_rival(figure)
        assert best is not None
        difference = ours.measured[figure].above(best.measured[figure])
        yield f"- {_TITLES[figure]}: {with_interval(difference, signed=True)} over {best.method}"


def _calibration(outcome: LabelOutcome) -> list[str]:
    expected, most = noise_of_calibration(outcome)
    return [
        f"Exact probabilities would show a calibration error of {short(expected)} on so many tickets, "
        f"and up to {short(most)} by chance."
    ]


def _languages(outcome: LabelOutcome) -> list[str]:
    rows = []
    for name, part in outcomes_by_language(outcome).items():
        if len(part.tickets) < _FEWEST_IN_LANGUAGE:
            continue
        figures = measure(part)
        _, most = noise_of_calibration(part)
        shown = [with_interval(figures[figure]) for figure in ("accuracy", "macro_f1", "calibration_error")]
        rows.append([name, f"{len(part.tickets):,}", *shown, short(most)])
    header = ["language (ours)", "tickets", "accuracy", "macro-F1", "calibration error", "of that by chance up to"]
    return table(header, rows)


def _labels(standings: Standings) -> list[str]:
    assert standings.ours is not None
    best = standings.best_rival("macro_f1")
    own = figures_by_label(standings.ours.outcome) if isinstance(standings.ours.outcome, LabelOutcome) else {}
    other = figures_by_label(best.outcome) if best and isinstance(best.outcome, LabelOutcome) else {}
    header = ["label (ours)", "tickets", "precision", "recall", "F1", *([f"F1 of {best.method}"] if best else [])]
    rows = [
        [
            label,
            f"{figures['tickets']:,}",
            *(short(figures[name]) for name in ("precision", "recall", "f1")),
            *([short(other[label]["f1"])] if label in other else []),
        ]
        for label, figures in own.items()
    ]
    return table(header, rows)


def _missing(standings: Standings) -> Iterator[str]:
    if standings.missing:
        yield ""
        lacking = ", ".join(
            f"{name} ({count} of {len(standings.contest.works[name])} cells)"
            for name, count in standings.missing.items()
        )
        yield f"Not measured: {lacking}."
