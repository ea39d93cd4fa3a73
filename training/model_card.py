"""The model card: what a version predicts, how well, and where it fails, in words for the lead of a support desk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from features.evidence import Evidence
from features.taxonomy import TARGET_NAMES, TargetKind
from training.gates import calibration_noise
from training.ordinal_evaluation import TOP_PRECISIONS

if TYPE_CHECKING:
    from training.fit import Trained

_LANGUAGE_NAMES = {"ko": "Korean", "en": "English", "mixed": "mixed Korean and English", "other": "other languages"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~])")
_FEW_TICKETS = 30
_SMALL_TEST = 200
_WORST_LABELS = 3
_CONFUSED_PAIRS = 3
_LABELS_NAMED = 10
_FEWEST_OF_A_LABEL = 5
_SURE = 0.9


def model_card(trained: Trained, *, name: str, version: str) -> str:
    """Return the card as Markdown; without labels of single tickets, texts or names of people."""
    sections = [
        _opening(trained, name=name, version=version),
        _source(trained),
        _worth(trained),
        _weak(trained),
        _articles(trained),
        _unknown(trained),
        _limits(trained),
        _origin(trained),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _opening(trained: Trained, *, name: str, version: str) -> str:
    targets = [target.name for target in trained.bundle.targets]
    does = [f"suggests its {_listed(targets)}, with reasons and alternatives"] if targets else []
    does += ["finds articles that may solve it"] if trained.bundle.articles is not None else []
    does += ["finds similar past tickets"] if trained.bundle.similar_tickets is not None else []
    return f"# {_plain(name)}, version {version}\n\nIt reads a support ticket as it arrives: it {'; it '.join(does)}."


def _source(trained: Trained) -> str:
    manifest, parts = trained.bundle.manifest, trained.bundle.manifest.parts
    lines = []
    if parts.get("read"):
        lines.append(
            f"- {parts['read']:,} tickets were read; {parts['invalid']:,} that broke the checks and "
            f"{parts['duplicates']:,} repeats were left out."
        )
        lines.append(
            f"- It learned from {parts['train']:,} of them. {parts['evidence']:,} others were set apart to choose "
            f"thresholds, and {parts['test']:,} others for the figures below; nothing was fitted on these."
        )
    days = [moment.date() for dated in trained.label_dates.values() for moment, _ in dated]
    if days:
        lines.append(f"- The tickets are from {min(days):%Y-%m-%d} to {max(days):%Y-%m-%d} (UTC).")
    if manifest.languages:
        counts = sorted(manifest.languages.items(), key=lambda each: -each[1])
        lines.append(f"- Languages: {_listed([f'{_language(code)} ({count:,})' for code, count in counts])}.")
    if (count := manifest.metrics.get("articles", {}).get("articles", 0)) > 0:
        lines.append(f"- {count:,} articles were read.")
    return "## What it learned from\n\n" + "\n".join(lines)


def _worth(trained: Trained) -> str:
    blocks = [_worth_of_target(trained, name) for name in trained.test_evidence]
    if not blocks:
        return ""
    explained = (
        "Counted on the tickets set apart. The numbers in brackets say where the truth lies with 95 % confidence. "
        "The plain baseline is a simple word-counting model that learned from the same tickets: an afternoon's work."
    )
    return "\n\n".join(["## How good it is", explained, *blocks])


def _worth_of_target(trained: Trained, target: str) -> str:
    figures, evidence = trained.bundle.manifest.metrics[target], trained.test_evidence[target]
    intervals, plain = figures["intervals"], figures["baseline"]
    lines = [
        f"- Of 100 tickets, **{_hundred(figures['accuracy'])}** get the right {target} "
        f"{_between(intervals['accuracy'])}; {figures['tickets']:,} were tested, with {figures['labels']} labels.",
        f"- The plain baseline gets {_hundred(plain['accuracy'])}; always the most frequent label would get "
        f"{_hundred(figures['majority'])}. {_difference(intervals['accuracy_above_baseline'])}",
        *_steps(trained, target),
        *_sure(evidence),
        _calibration(figures),
    ]
    if "without_near_duplicates" in figures:
        kept = figures["without_near_duplicates"]
        lines.append(
            f"- Without the test tickets that nearly repeat one it learned from, {kept['tickets']:,} remain: "
            f"{_hundred(kept['accuracy'])} of 100 right, the baseline {_hundred(kept['baseline']['accuracy'])}."
        )
    lines.append(
        f"- For specialists: macro-F1 {figures['macro_f1']:.3f} (baseline {plain['macro_f1']:.3f}), log loss "
        f"{figures['log_loss']:.3f}, calibration error {figures['calibration_error']:.3f}."
    )
    return f"### {target.capitalize()}\n\n" + "\n".join(lines)


def _calibration(figures: Mapping[str, Any]) -> str:
    error = figures["calibration_error"]
    off = f"- Where it says how sure it is, it is {100 * error:.1f} points of a hundred off on average"
    noise = calibration_noise(figures["accuracy"], tickets=figures["tickets"])
    by_chance = f", which chance alone can make among {figures['tickets']:,} tickets"
    return f"{off}{by_chance if error <= noise else ''}."


def _difference(interval: Sequence[float]) -> str:
    low, high = (100 * edge for edge in interval)
    if low > 0:
        return f"It is better than the baseline, by {low:.0f} to {high:.0f} of 100 tickets."
    if high < 0:
        return f"**It is worse than the baseline**, by {-high:.0f} to {-low:.0f} of 100 tickets."
    return f"The difference to the baseline may be chance ({low:+.0f} to {high:+.0f} of 100 tickets)."


def _steps(trained: Trained, target: str) -> Iterator[str]:
    predicts = trained.bundle.classifiers[target].target
    if predicts.kind is not TargetKind.ORDINAL:
        return
    evidence, figures = trained.test_evidence[target], trained.bundle.manifest.metrics[target]["scale"]
    near, plain = float((np.abs(evidence.predicted - evidence.actual) <= 1).mean()), figures["baseline"]
    top = _quoted(predicts.labels[int(np.argmax(predicts.heights))])
    yield (
        f"- {_hundred(near)} of 100 are at most one step of the scale off. Quadratic kappa "
        f"{figures['quadratic_kappa']:.3f} (baseline {plain['quadratic_kappa']:.3f}); on average "
        f"{figures['mean_steps']:.2f} steps off (baseline {plain['mean_steps']:.2f})."
    )
    for precision in TOP_PRECISIONS:
        name = f"top_recall_at_precision_{100 * precision:.0f}"
        if name in figures:
            yield (
                f"- Let it name so many {top} that {100 * precision:.0f} of 100 are right: it finds "
                f"{_hundred(figures[name])} of 100 (baseline {_hundred(plain[name])})."
            )
    if predicts.costs is not None:
        yield (
            f"- Counting {predicts.costs.too_low:g} for each step too low and {predicts.costs.too_high:g} for each "
            f"step too high, a ticket costs {figures['mean_cost']:.2f} by its most probable label (baseline "
            f"{plain['mean_cost']:.2f}), and {figures['advised_mean_cost']:.2f} by the label that is then advised: "
            f"{_hundred(figures['advised_too_low'])} of 100 are too low instead of {_hundred(figures['too_low'])}, "
            f"{_hundred(figures['advised_too_high'])} too high instead of {_hundred(figures['too_high'])}."
        )


def _sure(evidence: Evidence) -> Iterator[str]:
    sure = evidence.confidence >= _SURE
    if sure.sum() < _FEW_TICKETS:
        yield f"- It is at least 90 % sure of {int(sure.sum())} tickets only: too few to say how often it is right."
        return
    share, right = _hundred(float(sure.mean())), _hundred(float(evidence.right[sure].mean()))
    yield f"- It is at least 90 % sure of {share} of 100 tickets, and right in {right} of 100 of these."


def _weak(trained: Trained) -> str:
    blocks = []
    for target, evidence in trained.test_evidence.items():
        per_language = trained.bundle.manifest.metrics[target]["per_language"]
        lines = [*_worst_labels(evidence), *_confused(evidence), *_by_language(per_language)]
        blocks.append(f"### {target.capitalize()}\n\n" + "\n".join(lines))
    return "\n\n".join(["## Where it fails", *blocks]) if blocks else ""


def _worst_labels(evidence: Evidence) -> Iterator[str]:
    count = len(evidence.labels)
    actual, said = np.bincount(evidence.actual, minlength=count), np.bincount(evidence.predicted, minlength=count)
    hits = np.bincount(evidence.actual[evidence.right], minlength=count)
    f1 = 2 * hits / np.maximum(actual + said, 1)
    for label in np.argsort(np.where(actual >= _FEWEST_OF_A_LABEL, f1, np.inf), kind="stable")[:_WORST_LABELS]:
        if actual[label] >= _FEWEST_OF_A_LABEL and f1[label] < 1:
            yield (
                f"- {_quoted(evidence.labels[label])}: it finds {hits[label]:,} of {actual[label]:,}, and is right "
                f"{hits[label]:,} of the {said[label]:,} times that it says so."
            )


def _confused(evidence: Evidence) -> Iterator[str]:
    count = len(evidence.labels)
    mistaken = np.zeros((count, count), np.int64)
    np.add.at(mistaken, (evidence.actual, evidence.predicted), 1)
    totals = mistaken.sum(axis=1)
    np.fill_diagonal(mistaken, 0)
    for place in np.argsort(-mistaken, axis=None, kind="stable")[:_CONFUSED_PAIRS]:
        actual, predicted = divmod(int(place), count)
        if mistaken[actual, predicted] > 1:
            names = f"{_quoted(evidence.labels[actual])} is taken for {_quoted(evidence.labels[predicted])}"
            yield f"- {names}: {mistaken[actual, predicted]:,} of {totals[actual]:,} times."


def _by_language(per_language: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for language, part in per_language.items():
        few = f"; only {part['tickets']:,} tickets, so take it as a hint" if part["tickets"] < _FEW_TICKETS else ""
        yield (
            f"- In {_language(language)}: {_hundred(part['accuracy'])} of 100 right, the baseline "
            f"{_hundred(part['baseline']['accuracy'])} ({part['tickets']:,} tickets{few})."
        )


def _articles(trained: Trained) -> str:
    figures = trained.bundle.manifest.metrics.get("articles", {})
    if trained.bundle.articles is None:
        return ""
    if "recall_at_5" not in figures:
        unknown = "No ticket of the test part names the article that resolved it, so how good it is, is not known."
        return f"## Articles\n\n{unknown}"
    alone = figures["baseline"]
    return (
        f"## Articles\n\nOf 100 tickets that an article resolved, {_hundred(figures['recall_at_5'])} have it among "
        f"the first five suggestions, {_hundred(figures['recall_at_1'])} in the first place "
        f"({figures['tickets']:,} tickets). Without what past tickets taught it, it would be "
        f"{_hundred(alone['recall_at_5'])} and {_hundred(alone['recall_at_1'])}."
    )


def _unknown(trained: Trained) -> str:
    trained_on = trained.bundle.manifest.languages
    lines = [f"- {_plain(warning)}" for warning in trained.warnings]
    absent = [name for name in TARGET_NAMES if name not in trained.bundle.classifiers]
    if absent:
        lines.append(f"- It says nothing of: {', '.join(absent)}.")
    foreign = [_language(code) for code in ("ko", "en") if not trained_on.get(code)]
    if foreign:
        lines.append(f"- It saw no tickets in {_listed(foreign)}; what it says of those is a guess.")
    for target in dict.fromkeys(label.target for label in trained.excluded):
        rare = [f"{_plain(each.label)} ({each.tickets_count})" for each in trained.excluded if each.target == target]
        more = f" and {len(rare) - _LABELS_NAMED} more" if len(rare) > _LABELS_NAMED else ""
        named = ", ".join(rare[:_LABELS_NAMED])
        lines.append(f"- Labels of {target} with too few tickets, which it can never suggest: {named}{more}.")
    lines.append("- What is known only after intake (who solved it, when, how often it was passed on) is never used.")
    return "## What it does not know\n\n" + "\n".join(lines)


def _limits(trained: Trained) -> str:
    tested = trained.bundle.manifest.parts.get("test", 0)
    lines = [
        "- The figures hold for tickets like those it was tested on. New products, new wording or another way of "
        "labelling make it worse before anyone notices: audit, and train again.",
        "- It was compared with the labels that people gave. Where these are wrong, it is blamed for being right.",
        "- This card promises nothing: what may run without a person is decided elsewhere, from other tickets.",
    ]
    if 0 < tested < _SMALL_TEST:
        lines.insert(0, f"- **The test is small**: {tested:,} tickets. Read the brackets, not the numbers before them.")
    if groups := trained.bundle.manifest.recipe.get("restricted_groups"):
        lines.append(f"- Tickets of these groups are shown to nobody outside them: {', '.join(map(_plain, groups))}.")
    return "## Limits\n\n" + "\n".join(lines)


def _origin(trained: Trained) -> str:
    manifest = trained.bundle.manifest
    rows = {
        "Trained": manifest.created_at,
        "Recipe": _plain(str(manifest.recipe.get("name", ""))),
        "Seed": manifest.seed,
        "Data (SHA-256)": f"`{manifest.data_fingerprint}`",
        "Product": manifest.product_version,
        "Feature version": manifest.feature_version,
    }
    if trained.searched is not None:
        rows["Search"] = _plain(trained.searched.sentence())
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return f"## Where it comes from\n\n| | |\n|---|---|\n{table}"


def _hundred(share: float) -> str:
    """Return a share as a number of a hundred, with a decimal where a whole number would claim all or none."""
    number = 100 * share
    return f"{number:.0f}" if number in (0, 100) or 0.5 <= number < 99.5 else f"{number:.1f}"


def _between(interval: Sequence[float]) -> str:
    return f"(between {_hundred(interval[0])} and {_hundred(interval[1])})"


def _language(code: str) -> str:
    return _LANGUAGE_NAMES.get(code, code)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _quoted(label: str) -> str:
    return f"“{_plain(label)}”"


def _plain(text: str) -> str:
    """Return a text that Markdown does not take for anything else."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
