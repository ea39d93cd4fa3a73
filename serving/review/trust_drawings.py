"""What the pages of trust and policy draw, from their figures and in the visitor's words."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from features.promises import Portion
from serving.review.drawings import Band, Bar, error_over_time, shares_by_part, shares_by_week
from serving.review.trust_figures import ErrorPoint, Part, TargetTrust
from serving.review.words import Words

MOST_PARTS = 12


def exact(share: float | None) -> str:
    """Return a share in percent with one decimal where it is small, as promises are."""
    if share is None:
        return "–"
    percent = share * 100
    said = f"{percent:.1f}" if percent < 10 else f"{percent:.0f}"
    return f"{said.removesuffix('.0')} %"


class TrustDrawings:
    """Draws in one language."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def exact(self, share: float | None) -> str:
        """Return a share as the drawings say it."""
        return exact(share)

    def range(self, interval: tuple[float, float]) -> str:
        """Return an interval as the drawings say it."""
        return self._words("trust.range", low=exact(interval[0]), high=exact(interval[1]))

    def error(self, name: str, points: Sequence[ErrorPoint], promised: float | None, *, kind: str) -> Markup:
        """Draw a share that audits found of a target over time; `kind` is error or urgent."""
        first, last = points[0].at, points[-1].at
        span = max((last - first).total_seconds(), 1.0)
        target = self._words.or_name("target", name)
        return error_over_time(
            # Where all came at one moment their order stands for time.
            [
                Band(
                    (one.at - first).total_seconds() / span if last > first else place / max(len(points) - 1, 1),
                    one.rate,
                    one.low,
                    one.high,
                )
                for place, one in enumerate(points)
            ],
            promised=promised,
            title=self._words(f"trust.{kind}.drawing", target=target, rate=exact(points[-1].rate)),
            begin=f"{first:%Y-%m-%d}",
            end=f"{last:%Y-%m-%d}",
            percent=exact,
            promise_name="" if promised is None else self._words("trust.promise.short", share=exact(promised)),
        )

    def weeks(self, told: TargetTrust) -> Markup:
        """Draw the share that ran unattended, week by week."""
        bars = [Bar(f"{one.begins:%m-%d}", one.share, "" if not one.share else exact(one.share)) for one in told.weeks]
        target = self._words.or_name("target", told.target)
        return shares_by_week(bars, title=self._words("trust.weeks.drawing", target=target), percent=exact)

    def parts(self, parts: Sequence[Part], *, kind: str) -> Markup:
        """Draw how often leads disagreed, by part; `kind` is how the parts are named: label or language."""
        bars = [
            Bar(self._name(kind, one.name), one.share, f"{one.different}/{one.answers} · {exact(one.share)}")
            for one in parts[:MOST_PARTS]
        ]
        return shares_by_part(bars, title=self._words(f"trust.parts.{kind}"))

    def bought(self, portions: Sequence[Portion], *, kind: str) -> Markup:
        """Draw what share of each part a promise would let run unattended."""
        chosen = sorted(portions, key=lambda one: (-one.unattended, one.name))[:MOST_PARTS]
        bars = [
            Bar(self._name(kind, one.name), one.share, f"{one.unattended}/{one.tickets} · {exact(one.share)}")
            for one in chosen
        ]
        return shares_by_part(bars, title=self._words(f"policy.buys.{kind}"))

    def _name(self, kind: str, name: str) -> str:
        return self._words.or_name("language", name) if kind == "language" else name
