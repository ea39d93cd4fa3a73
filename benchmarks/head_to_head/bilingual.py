"""One bundle for both languages, trained on Korean inquiries and as many English tickets, beside each language's own.

The tickets of both sets are the same, fold by fold, in the bundle of both and in the bundle of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from head_to_head.cells import CellStore
from head_to_head.contests import Contest, Settings, Work, label_contest
from head_to_head.figures import draw_standings
from head_to_head.measures import Measured, measure, noise_of_calibration
from head_to_head.outcomes import LabelOutcome
from head_to_head.standings import Standing, standings_of
from head_to_head.tables import short, table, with_interval
from head_to_head.ticket_sets import Fold, TicketSet, endava_part, joined, read_aivle_inquiry, sampled, ticket_set

BOTH = "one_bundle_for_both_languages"
_HEADER = (
    "set",
    "tickets",
    "accuracy, one bundle",
    "accuracy, its own bundle",
    "difference",
    "calibration error, one bundle",
    "of that by chance up to",
    "given the other set's label",
)


@dataclass(frozen=True, slots=True)
class Language:
    """What the bundle of both does on one set's tickets beside the set's own bundle."""

    outcome: LabelOutcome
    together: Mapping[str, Measured]
    alone: Mapping[str, Measured]
    strays_count: int


@dataclass(frozen=True)
class Bilingual:
    """The contest of both sets in one bundle, and those of each set alone; `starts` is where each begins in both."""

    both: Contest
    alone: Mapping[str, Contest]
    starts: Mapping[str, int]
    store: CellStore

    @property
    def works(self) -> list[Work]:
        """The cells that it needs."""
        contests = (self.both, *self.alone.values())
        return [work for contest in contests for works in contest.works.values() for work in works]

    @cached_property
    def languages(self) -> dict[str, Language]:
        """The sets whose cells are all there."""
        together = standings_of(self.both, self.store).ours
        alone = {name: standings_of(contest, self.store).ours for name, contest in self.alone.items()}
        return {
            name: _language(together, own, start=self.starts[name])
            for name, own in alone.items()
            if own is not None and together is not None
        }

    def markdown(self) -> str:
        """Return a row a set."""
        rows = [_row(name, self.languages.get(name)) for name in self.alone]
        return "\n".join(["## One bundle for both languages", "", *table(_HEADER, rows), ""])

    def to_json(self) -> dict[str, Any]:
        """Return the figures by set."""
        return {
            name: {
                "together": {figure: each.value for figure, each in language.together.items()},
                "alone": {figure: each.value for figure, each in language.alone.items()},
                "labels_of_the_other_set": language.strays_count,
            }
            for name, language in self.languages.items()
        }

    def draw(self, folder: Path) -> None:
        """Draw how far the probabilities of the bundle of both can be trusted, by language."""
        draw_standings(standings_of(self.both, self.store), folder)


def bilingual(settings: Settings, store: CellStore) -> Bilingual:
    """Return the study; no rival takes part."""
    settings = replace(settings, rivals=())
    korean = read_aivle_inquiry(settings.datasets, limit=settings.limit)
    history = sampled(endava_part(settings.datasets, "train"), len(korean.history.rows))
    english = ticket_set("endava_sample_en", history)
    both = ticket_set(BOTH, joined([korean.history, english.history]), folds=_side_by_side(korean, english))
    alone = {each.name: label_contest(each, each.folds, settings) for each in (korean, english)}
    starts = {korean.name: 0, english.name: len(korean.history.rows)}
    return Bilingual(label_contest(both, both.folds, settings), alone, starts, store)


def _side_by_side(first: TicketSet, second: TicketSet) -> tuple[Fold, ...]:
    start = len(first.history.rows)
    return tuple(
        Fold(one.name, np.concatenate([one.train, start + two.train]), np.concatenate([one.test, start + two.test]))
        for one, two in zip(first.folds, second.folds, strict=True)
    )


def _language(together: Standing, own: Standing, *, start: int) -> Language:
    whole, alone = together.outcome, own.outcome
    assert isinstance(whole, LabelOutcome)
    assert isinstance(alone, LabelOutcome)
    part = whole.at((whole.tickets >= start) & (whole.tickets < start + len(alone.tickets)))
    strays = sum(part.labels[number] not in alone.labels for number in part.predicted)
    return Language(part, measure(part), own.measured, strays)


def _row(name: str, language: Language | None) -> list[str]:
    if language is None:
        return [name, *["not measured"] * (len(_HEADER) - 1)]
    together, alone = language.together, language.alone["accuracy"]
    return [
        name,
        f"{len(language.outcome.tickets):,}",
        with_interval(together["accuracy"]),
        with_interval(alone),
        with_interval(together["accuracy"].above(alone), signed=True),
        with_interval(together["calibration_error"]),
        short(noise_of_calibration(language.outcome)[1]),
        f"{language.strays_count:,}",
    ]
