"""Draws what a training run is worth, from its test part: figures as objects, without a window or a global state.

Readable 800 pixels wide, in colours that colour-blind people can tell apart and never by colour alone.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from features.evidence import Evidence
from features.vectorizer import FloatArray
from training.plot_data import (
    Confusion,
    LabelShares,
    equal_mass_bins,
    label_shares,
    most_confused,
    precision_by_coverage,
    wilson_interval,
)
from training.plot_labels import korean_font, legible

if TYPE_CHECKING:
    from training.fit import Trained

DOTS_PER_INCH = 100
_WIDTH, _HEIGHT = 8.0, 5.4
_LARGEST_MATRIX = 8.0
# Okabe and Ito's palette; a marker and a dash go with each colour, and areas have their names beside them.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_REST_COLOUR = "#BBBBBB"
_MARKERS = ("o", "s", "^", "D")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":")
_NAMES_APART = 0.05
_MARKS_APART = 0.06
_THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95)
# Fewer tickets than these draw a line of chance.
_FEWEST_IN_LANGUAGE = 30
_FEWEST_TAKEN = 10
_LANGUAGE_NAMES = {"ko": "Korean", "en": "English", "mixed": "mixed", "other": "other languages"}
# Ships with matplotlib.
_FONT = "DejaVu Sans"
_STYLE = {
    "font.size": 10.0,
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
}


def figures(trained: Trained) -> dict[str, Figure]:
    """Return the figures of every target by name, as in 'category/confusion_matrix'."""
    drawn: dict[str, Figure] = {}
    for target, evidence in trained.test_evidence.items():
        drawn[f"{target}/confusion_matrix"] = confusion_matrix(evidence, target=target)
        drawn[f"{target}/reliability"] = reliability(evidence, target=target)
        drawn[f"{target}/precision_and_coverage"] = precision_and_coverage(evidence, target=target)
        shares = label_shares(trained.label_dates.get(target, ()), order=evidence.labels)
        if shares is not None:
            drawn[f"{target}/labels_over_time"] = labels_over_time(shares, target=target)
    return drawn


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG; a letter that no installed font holds is drawn as a box, without a warning."""
    buffer = io.BytesIO()
    with _style(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def confusion_matrix(evidence: Evidence, *, target: str) -> Figure:
    """Draw how often each actual label was given each predicted one: shares of the row, counts in the cells."""
    confusion = most_confused(evidence)
    count = len(confusion.labels)
    side = min(max(5.2, 0.5 * count + 1.6), _LARGEST_MATRIX)
    with _page(side + 0.8, side) as figure:
        axes = figure.subplots()
        image = axes.imshow(confusion.shares, cmap="Blues", vmin=0, vmax=1)
        _write_counts(axes, confusion)
        names = _written(confusion.labels)
        axes.set_xticks(range(count), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), names)
        axes.set(xlabel="predicted", ylabel="actual")
        axes.spines[:].set_visible(False)
        axes.set_title(f"{target}: actual and predicted, {len(evidence.actual):,} test tickets{confusion.note}")
        bar = figure.colorbar(image, ax=axes, shrink=0.7, format=PercentFormatter(1, decimals=0))
        bar.set_label("share of the row")
    return figure


def _write_counts(axes: Axes, confusion: Confusion) -> None:
    size = 9.0 if len(confusion.labels) <= 14 else 7.0
    shares = confusion.shares
    for row, column in zip(*np.nonzero(confusion.counts), strict=True):
        colour = "white" if shares[row, column] > 0.55 else "black"
        number = f"{confusion.counts[row, column]:,}"
        axes.text(column, row, number, ha="center", va="center", color=colour, fontsize=size)


def reliability(evidence: Evidence, *, target: str) -> Figure:
    """Draw how often the model was right beside how sure it was, in bins of equally many tickets."""
    with _page(_WIDTH, _HEIGHT + 0.8) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        upper.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="as often right as sure")
        bins = equal_mass_bins(evidence.confidence, evidence.right)
        margins = np.abs(np.stack(wilson_interval(bins.right, bins.tickets)) - bins.accuracy)
        upper.errorbar(bins.confidence, bins.accuracy, yerr=margins, fmt="none", ecolor="0.75", elinewidth=1.2)
        upper.plot(bins.confidence, bins.accuracy, "o", color="black", label=f"{_all(evidence)}, with 95 % intervals")
        for style, name, chosen in _languages(evidence):
            part = equal_mass_bins(evidence.confidence[chosen], evidence.right[chosen])
            upper.plot(part.confidence, part.accuracy, label=name, **style)
        upper.set(ylabel="share that was right", ylim=(-0.03, 1.03))
        upper.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        upper.set_title(f"{target}: is it as often right as it is sure? Calibration error {bins.calibration_error:.3f}")
        upper.legend(loc="upper left")
        lower.hist(evidence.confidence, bins=np.linspace(0, 1, 41).tolist(), color="0.45")
        lower.set(xlabel="probability of the predicted label", ylabel="tickets", xlim=(0, 1.01))
        lower.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def precision_and_coverage(evidence: Evidence, *, target: str) -> Figure:
    """Draw how often the surest predictions are right, by the share of tickets that is taken."""
    with _page(_WIDTH, _HEIGHT) as figure:
        axes = figure.subplots()
        curve = precision_by_coverage(evidence.confidence, evidence.right, fewest=_FEWEST_TAKEN)
        low, high = wilson_interval(curve.right, curve.taken)
        axes.fill_between(curve.coverage, low, high, color="0.9", linewidth=0, label="95 % interval of all tickets")
        axes.plot(curve.coverage, curve.precision, color="black", linewidth=2, label=_all(evidence))
        for style, name, chosen in _languages(evidence):
            part = precision_by_coverage(evidence.confidence[chosen], evidence.right[chosen], fewest=_FEWEST_TAKEN)
            axes.plot(part.coverage, part.precision, label=name, **{**style, "marker": ""})
        _mark_thresholds(axes, evidence)
        axes.set(xlabel="share of tickets taken, the surest first", ylabel="share of these that was right")
        axes.set(xlim=(0, 1.01), ylim=(min(0.8, float(low.min()) - 0.05), 1.01))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(color="0.94")
        axes.set_title(f"{target}: how often are the surest predictions right?")
        axes.legend(loc="lower left", frameon=True, edgecolor="none", title="○ as sure as this, or surer")
    return figure


def _mark_thresholds(axes: Axes, evidence: Evidence) -> None:
    """Mark on the line of all tickets how many are at least as sure as some round numbers."""
    marked = 2.0
    for threshold in _THRESHOLDS:
        chosen = evidence.confidence >= threshold
        share = float(chosen.mean())
        if chosen.sum() < _FEWEST_TAKEN or marked - share < _MARKS_APART:
            continue
        marked, point = share, (share, float(evidence.right[chosen].mean()))
        axes.plot(*point, "o", color="white", markeredgecolor="black", zorder=3)
        mark = axes.annotate(f"≥ {threshold:g}", point, xytext=(0, -17), textcoords="offset points", ha="center")
        mark.set(fontsize=9, bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1})


def labels_over_time(shares: LabelShares, *, target: str) -> Figure:
    """Draw which share of the tickets had each label, one period after the other."""
    with _page(_WIDTH, _HEIGHT) as figure:
        axes = figure.subplots()
        places = np.arange(len(shares.periods))
        bottom = np.zeros(len(places))
        for number, heights in enumerate(shares.shares):
            colour = _REST_COLOUR if number == shares.rest else _COLOURS[number]
            axes.fill_between(places, bottom, bottom + heights, facecolor=colour, edgecolor="white", linewidth=1.5)
            bottom = bottom + heights
        _name_areas(axes, _written(shares.labels), ends=shares.shares[:, -1])
        names = [f"{period}\n{count:,}" for period, count in zip(shares.periods, shares.tickets, strict=True)]
        step = 1 + len(names) // 8
        axes.set_xticks(places[::step], names[::step], fontsize=9)
        axes.set(xlim=(0, len(places) - 1), ylim=(0, 1), xlabel=f"{shares.unit}, and its tickets")
        axes.set_ylabel("share of tickets")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_title(f"{target}: labels over time")
    return figure


def _name_areas(axes: Axes, names: Sequence[str], *, ends: FloatArray) -> None:
    """Write each name beside the right end of its area, no two over each other."""
    middles = np.cumsum(ends) - ends / 2
    heights = _apart(middles)
    for name, middle, height in zip(names, middles, heights, strict=True):
        line = {"arrowstyle": "-", "color": "0.5", "shrinkA": 0, "shrinkB": 0}
        axes.annotate(name, (1, middle), (1.04, height), xycoords="axes fraction", va="center", arrowprops=line)


def _apart(heights: FloatArray) -> FloatArray:
    """Return rising heights moved up, and then down from the top, until none is too near the next."""
    moved = heights.copy()
    for place in range(1, len(moved)):
        moved[place] = max(moved[place], moved[place - 1] + _NAMES_APART)
    moved[-1] = min(moved[-1], 1.0)
    for place in range(len(moved) - 2, -1, -1):
        moved[place] = min(moved[place], moved[place + 1] - _NAMES_APART)
    return moved


def _languages(evidence: Evidence) -> Iterator[tuple[dict[str, Any], str, NDArray[np.bool_]]]:
    """Yield style, name and tickets of each language that has enough of them."""
    for number, language in enumerate(np.unique(evidence.languages)):
        chosen = evidence.languages == language
        if not chosen.all() and chosen.sum() >= _FEWEST_IN_LANGUAGE:
            look = number % len(_MARKERS)
            style = {"color": _COLOURS[look], "marker": _MARKERS[look], "linestyle": _DASHES[look], "markersize": 4}
            name = _LANGUAGE_NAMES.get(str(language), str(language))
            yield style, f"{name} ({int(chosen.sum()):,})", chosen


def _all(evidence: Evidence) -> str:
    return f"all tickets ({len(evidence.actual):,})"


def _written(labels: Sequence[str]) -> list[str]:
    font = _korean_font()
    # A dollar sign would begin a formula.
    return [legible(label, font=font).replace("$", r"\$") for label in labels]


@contextmanager
def _page(width_inches: float, height_inches: float) -> Iterator[Figure]:
    with _style():
        figure = Figure(figsize=(width_inches, height_inches), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


@contextmanager
def _style() -> Iterator[None]:
    font = _korean_font()
    style: dict[Any, Any] = {**_STYLE, "font.family": [font, _FONT] if font else [_FONT]}
    with matplotlib.rc_context(style):
        yield


def _korean_font() -> str | None:
    return korean_font(entry.name for entry in font_manager.fontManager.ttflist)
