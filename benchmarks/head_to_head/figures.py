"""Standings, curves and costs drawn: readable 800 pixels wide, never by colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from features.evidence import Evidence
from head_to_head.cells import Cell
from head_to_head.contests import OURS
from head_to_head.outcomes import LabelOutcome
from head_to_head.standings import Standings
from training.plots import png, reliability

_WIDTH, _ROW_HEIGHT = 8.0, 0.42
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
_OUR_COLOUR, _COLOURS = "#D55E00", ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#999999", "#000000")
# Left and right half of a contest's figure.
_SHOWN = (("accuracy", "macro_f1"), ("recall_at_1", "recall_at_5"))


def draw_standings(standings: Standings, folder: Path) -> None:
    """Draw a contest's methods with their intervals, and how far our probabilities can be trusted."""
    if not standings.methods:
        return
    name = standings.contest.title.replace(", ", "_").replace(" ", "_")
    _write(_intervals(standings), folder / f"{name}.png")
    ours = standings.ours
    if ours is not None and isinstance(ours.outcome, LabelOutcome):
        _write(reliability(_evidence(ours.outcome), target=standings.contest.title), folder / f"{name}_reliability.png")


def draw_curve(set_name: str, curve: Sequence[Standings], folder: Path) -> None:
    """Draw every method's accuracy by the size of the history."""
    figure = Figure(figsize=(_WIDTH, 5.0), layout="constrained")
    axes = figure.subplots()
    methods = list(dict.fromkeys(name for standings in curve for name in standings.methods))
    for number, method in enumerate(methods):
        of_method = [standings.methods[method] for standings in curve if method in standings.methods]
        measured = [standing.measured["accuracy"] for standing in of_method]
        values = np.array([each.value for each in measured])
        margins = np.abs(np.array([each.interval for each in measured]).T - values)
        sizes = [standing.costs.fitted_count for standing in of_method]
        axes.errorbar(sizes, values, yerr=margins, label=method, capsize=2, **_style(method, number))
    axes.set_xscale("log")
    axes.set_xticks(shown := sorted({max(_sizes(standings)) for standings in curve if standings.methods}))
    axes.set_xticklabels([f"{size:,}" for size in shown])
    axes.minorticks_off()
    axes.set(xlabel="tickets learned from", ylabel="accuracy, with 95 % intervals", title=set_name)
    axes.grid(color="0.92")
    axes.legend(frameon=False)
    _write(figure, folder / f"learning_curve_{set_name}.png")


def draw_costs(by_recipe: Mapping[str, Mapping[int, Cell]], folder: Path) -> None:
    """Draw seconds, memory and bundle of every recipe by the number of tickets."""
    figure = Figure(figsize=(_WIDTH, 3.6), layout="constrained")
    titles = ("training, seconds", "peak memory, GiB", "bundle, MB")
    for axes, title, of_cell in zip(figure.subplots(1, 3), titles, _COSTS, strict=True):
        for number, (recipe, cells) in enumerate(by_recipe.items()):
            axes.plot(list(cells), [of_cell(cell) for cell in cells.values()], label=recipe, **_style(recipe, number))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set(title=title, xlabel="tickets")
        axes.grid(color="0.92")
    figure.axes[0].legend(frameon=False)
    _write(figure, folder / "costs.png")


_COSTS = (
    lambda cell: cell.costs.training_seconds,
    lambda cell: cell.peak_memory_bytes / 2**30,
    lambda cell: cell.costs.size_bytes / 1e6,
)


def _intervals(standings: Standings) -> Figure:
    """Draw a row a method, worst first, and a panel a figure."""
    first = next(iter(standings.methods.values())).measured
    shown = next(names for names in _SHOWN if names[0] in first)
    ranked = sorted(standings.methods.values(), key=lambda each: each.measured[shown[0]].value)
    figure = Figure(figsize=(_WIDTH, 1.4 + _ROW_HEIGHT * len(ranked)), layout="constrained")
    for axes, figure_name in zip(figure.subplots(1, 2, sharey=True), shown, strict=True):
        for row, standing in enumerate(ranked):
            measured = standing.measured[figure_name]
            low, high = measured.interval
            is_ours = standing.method == OURS
            style = {"color": _OUR_COLOUR if is_ours else "0.35", "marker": "D" if is_ours else "o"}
            axes.plot([low, high], [row, row], color=style["color"], linewidth=2)
            axes.plot(measured.value, row, **style)
        axes.set_yticks(range(len(ranked)), [standing.method for standing in ranked])
        axes.set_ylim(-0.6, len(ranked) - 0.4)
        axes.set_xlabel(figure_name.replace("_", " "))
        axes.grid(axis="x", color="0.92")
    figure.suptitle(f"{standings.contest.title}, with 95 % intervals")
    return figure


def _sizes(standings: Standings) -> list[int]:
    return [standing.costs.fitted_count for standing in standings.methods.values()]


def _style(name: str, number: int) -> dict[str, Any]:
    colour = _OUR_COLOUR if name == OURS else _COLOURS[number % len(_COLOURS)]
    return {"color": colour, "marker": _MARKERS[number % len(_MARKERS)]}


def _evidence(outcome: LabelOutcome) -> Evidence:
    actual = outcome.actual.astype(np.int32)
    return Evidence(outcome.labels, outcome.probabilities.astype(np.float64), actual, outcome.languages)


def _write(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(figure))
