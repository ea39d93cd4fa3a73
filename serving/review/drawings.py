"""Figures as SVG, drawn here and not in the browser. Pure; knows no page: titles and descriptions come in as words.

A drawing is one image to a screen reader, and a table of the same numbers stands beside it. Colours come from the
stylesheet by class; what matters differs in shape or pattern too: a promise is dashed, an interval a band, a share a
bar with its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 480, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 8, 12, 26
_ROW = 24
_NAME_WIDTH, _NUMBER_WIDTH = 150, 96
_LONGEST_NAME = 22


@dataclass(frozen=True, slots=True)
class Band:
    """A point of a line with its interval; `place` is where it stands from 0 to 1 along the drawing."""

    place: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A share with its name and how it is said; None draws nothing."""

    name: str
    share: float | None
    said: str


def error_over_time(
    points: Sequence[Band],
    *,
    promised: float | None,
    title: str,
    begin: str,
    end: str,
    percent: Callable[[float], str],
    promise_name: str,
) -> Markup:
    """Return the error that audits found over time with its band, and the promise as a dashed line."""
    seen = [point.high for point in points[-max(len(points) // 2, 1) :]]
    # The first intervals are wide as they can be: what is drawn is chosen by the later half.
    top = _rounded(max([*seen, 1.5 * (promised or 0.0), *(point.value for point in points), 0.05]))

    def x(place: float) -> float:
        return _LEFT + place * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (1 - min(value, top) / top) * (HEIGHT - _TOP - _BOTTOM)

    upper = [(x(point.place), y(point.high)) for point in points]
    lower = [(x(point.place), y(point.low)) for point in reversed(points)]
    parts = [_grid(top, y, percent)]
    if points:
        parts.append(Markup('<polygon class="band" points="{}"/>').format(_path([*upper, *lower])))
        middle = [(x(point.place), y(point.value)) for point in points]
        parts.append(Markup('<polyline class="line" points="{}"/>').format(_path(middle)))
        parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3.5"/>').format(*middle[-1]))
    if promised is not None:
        height = y(promised)
        parts.append(
            Markup('<line class="promise" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
                _LEFT, WIDTH - _RIGHT, height, height
            )
        )
        parts.append(_text(_LEFT + 4, height - 4, promise_name, kind="promise-name"))
    parts.append(_text(_LEFT, HEIGHT - 8, begin))
    parts.append(_text(WIDTH - _RIGHT, HEIGHT - 8, end, anchor="end"))
    return _image(title, parts, height=HEIGHT)


def shares_by_week(bars: Sequence[Bar], *, title: str, percent: Callable[[float], str]) -> Markup:
    """Return one column a week; the first and the last name the weeks between them."""
    width = (WIDTH - _LEFT - _RIGHT) / max(len(bars), 1)

    def y(value: float) -> float:
        return _TOP + (1 - value) * (HEIGHT - _TOP - _BOTTOM)

    parts = [_grid(1.0, y, percent)]
    for number, bar in enumerate(bars):
        left = _LEFT + number * width
        if bar.share is not None:
            parts.append(
                Markup('<rect class="fill" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                    left + width * 0.15, y(bar.share), width * 0.7, max(y(0) - y(bar.share), 0.75)
                )
            )
            parts.append(_text(left + width / 2, max(y(bar.share) - 3, 10), bar.said, anchor="middle"))
    if bars:
        parts.append(_text(_LEFT, HEIGHT - 8, bars[0].name))
        parts.append(_text(WIDTH - _RIGHT, HEIGHT - 8, bars[-1].name, anchor="end"))
    return _image(title, parts, height=HEIGHT)


def shares_by_part(bars: Sequence[Bar], *, title: str) -> Markup:
    """Return one row a part: its name, a bar, and the number said."""
    height = max(len(bars), 1) * _ROW + 4
    length = WIDTH - _NAME_WIDTH - _NUMBER_WIDTH - 12
    parts: list[Markup] = []
    for number, bar in enumerate(bars):
        top = number * _ROW + 4
        name = bar.name if len(bar.name) <= _LONGEST_NAME else f"{bar.name[: _LONGEST_NAME - 1]}…"
        parts.append(_text(0, top + 14, name, kind="name"))
        track = '<rect class="{}" x="{}" y="{}" width="{:.1f}" height="12" rx="2"/>'
        parts.append(Markup(track).format("track", _NAME_WIDTH, top + 4, length))
        if bar.share:
            parts.append(Markup(track).format("fill", _NAME_WIDTH, top + 4, max(length * min(bar.share, 1), 1.5)))
        parts.append(_text(WIDTH, top + 14, bar.said, anchor="end"))
    return _image(title, parts, height=height)


def _grid(top: float, y: Callable[[float], float], percent: Callable[[float], str]) -> Markup:
    lines = Markup()
    for share in (0.0, top / 2, top):
        height = y(share)
        lines += Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            _LEFT, WIDTH - _RIGHT, height, height
        )
        lines += _text(_LEFT - 6, height + 4, percent(share), anchor="end")
    return lines


def _text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "axis") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, words)


def _image(title: str, parts: Iterable[Markup], *, height: int) -> Markup:
    return Markup(
        '<svg class="drawing" viewBox="0 0 {} {}" role="img" aria-label="{}" focusable="false">{}</svg>'
    ).format(WIDTH, height, title, Markup().join(parts))


def _path(points: Iterable[tuple[float, float]]) -> Markup:
    return escape(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))


def _rounded(top: float) -> float:
    """Return the height of a drawing: the next share that halves evenly."""
    return next((share for share in (0.04, 0.06, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8) if top <= share), 1.0)
