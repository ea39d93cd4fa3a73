"""Searches the numbers of a recipe within a time that the data scientist states.

The first trial is the recipe as given, so that a search never ends with a worse one. Each later trial redraws the
numbers of one family, the families in turn, and leaves the others as in the best trial so far: it costs no more than
that family, and what has changed in the end is what helped. Nothing but the training part is seen.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import numpy as np

from features.history import HistoryRow
from features.taxonomy import Target
from features.vectorizer import TicketVectorizer
from training.out_of_fold_loss import OutOfFoldLoss, TrainingLabels
from training.parts import LabelledPart, Part
from training.progress import Progress
from training.recipe import Recipe
from training.search_draws import Draw, Draws
from training.search_space import Range, ranges_of, values_of, with_values
from training.search_trials import Searched, Trial, TrialFile, TrialState, best_of
from training.target_fitting import candidates_of, is_ordered, offered

Show: TypeAlias = Callable[[float, str], None]
Clock: TypeAlias = Callable[[], float]
# A label with fewer tickets cannot be in two folds; its target is not trained either.
_LEAST_OF_LABEL = 2
# The family that the first trial redraws: none.
_NONE = ""


@dataclass(frozen=True, slots=True)
class Search:
    """How long to search, and the folder where trials are kept, so that the next search goes on from them."""

    budget_seconds: float
    folder: Path


def search_recipe(
    targets: Sequence[Target],
    rows: Sequence[HistoryRow],
    train: Part,
    vectorizer: TicketVectorizer,
    *,
    recipe: Recipe,
    search: Search,
    seed: int,
    progress: Progress,
    clock: Clock = time.monotonic,
) -> Searched | None:
    """Return the recipe with the smallest log loss out of fold, and every trial on the way; None without a target.

    The recipe as given is tried however small the budget is; a trial that is expected to overrun it is not started.
    What was tried before on the same tickets with the same recipe and seed counts, and is not tried again.
    """
    labels = [_labels(train, rows, target, vectorizer=vectorizer) for target in targets]
    labels = [each for each in labels if np.bincount(each.actual, minlength=each.label_count).min() >= _LEAST_OF_LABEL]
    if not labels:
        return None
    turns = _Turns(labels, recipe=recipe, search=search, seed=seed, clock=clock)
    with progress.of_seconds(search.budget_seconds, doing="searching") as show:
        try:
            turns.take(show)
        except KeyboardInterrupt:
            progress.say(f"Stopped. {len(turns.trials)} finished trials are kept: the same command goes on from them.")
            raise
    best = with_values(recipe, best_of(turns.trials).values)
    return Searched(best, tuple(turns.trials), turns.earlier_count, turns.seconds_used)


def _labels(train: Part, rows: Sequence[HistoryRow], target: Target, *, vectorizer: TicketVectorizer) -> TrainingLabels:
    labelled = LabelledPart.of(train, rows, target)
    families = partial(
        candidates_of,
        vectorizer=vectorizer,
        ticket_count=len(labelled.actual),
        has_encoder=train.matrices.embeddings is not None,
        has_order=is_ordered(target),
    )
    tickets = offered(target, train.matrices.at(labelled.inside), vectorizer)
    return TrainingLabels(target.name, tickets, labelled.actual, len(target.labels), families)


class _Turns:
    """A search under way: what was tried, whose turn it is, and how much time is left."""

    def __init__(
        self,
        labels: Sequence[TrainingLabels],
        *,
        recipe: Recipe,
        search: Search,
        seed: int,
        clock: Clock,
    ) -> None:
        self._clock, self._started = clock, clock()
        self._budget_seconds, self._recipe = search.budget_seconds, recipe
        families = {candidate.name for each in labels for candidate in each.candidates_of(recipe)}
        self._ranges = ranges_of(recipe, families=families)
        self._loss = OutOfFoldLoss(labels, numbers_of=self._numbers_of, split=recipe.split, seed=seed, clock=clock)
        self._file = TrialFile(search.folder / _file_name(labels, recipe=recipe, ranges=self._ranges, seed=seed))
        self.trials = self._file.read()
        self.earlier_count = len(self.trials)
        self._expected: dict[str, float] = {}
        self._draws = Draws(self._ranges, trials=self.trials, seed=seed)

    @property
    def seconds_used(self) -> float:
        """The time since the search began."""
        return self._clock() - self._started

    def take(self, show: Show) -> None:
        """Try one recipe after another while there is time; `show` is told how far it is."""
        while (family := self._next_family()) is not None and self._try(family, show):
            pass

    def _next_family(self) -> str | None:
        """Return the family whose turn it is, of those for which time is left."""
        if not self.trials:
            return _NONE
        families = list(dict.fromkeys(each.family for each in self._ranges))
        start = len(self.trials) % len(families)
        in_turn = (*families[start:], *families[:start])
        fits_all = self.trials[0].seconds
        return next((each for each in in_turn if self._has_time_for(self._expected.get(each, fits_all))), None)

    def _note_seconds(self) -> None:
        """Expect of a family the longest time that it took so far."""
        for family, seconds in self._loss.family_seconds.items():
            self._expected[family] = max(seconds, self._expected.get(family, 0.0))

    def _has_time_for(self, seconds: float) -> bool:
        return self.seconds_used + seconds <= self._budget_seconds

    def _try(self, family: str, show: Show) -> bool:
        """Try new numbers of a family; return False where there are none, or when the time is over before the end."""
        best = best_of(self.trials).values if self.trials else values_of(self._recipe, self._ranges)
        draw = self._draws.draw(fixed={each.path: best[each.path] for each in self._ranges if each.family != family})
        if draw is None:
            return False
        started_at, before = datetime.now(UTC), self.seconds_used
        tried = self._tried(draw, show)
        if tried is None:
            return False
        losses, state = tried
        seconds = self.seconds_used - before
        number = self.trials[-1].number + 1 if self.trials else 0
        trial = Trial(number, family, draw.values, losses, state, started_at=started_at, seconds=seconds)
        self._file.append(trial)
        self.trials.append(trial)
        self._draws.learn(draw, trial)
        self._loss.keep(with_values(self._recipe, best_of(self.trials).values))
        if state is TrialState.COMPLETE:
            self._note_seconds()
        return True

    def _tried(self, draw: Draw, show: Show) -> tuple[tuple[float, ...], TrialState] | None:
        """Return the loss after each fold and how the trial ended; None where the time was over before its end."""
        losses: tuple[float, ...] = ()
        for loss in self._loss.by_fold(with_values(self._recipe, draw.values)):
            losses = (*losses, loss)
            show(self.seconds_used, self._line(fold=len(losses)))
            is_hopeless = self._draws.is_hopeless(draw, losses)
            if not self.trials or len(losses) == self._loss.fold_count:
                continue
            if is_hopeless:
                return losses, TrialState.PRUNED
            if not self._has_time_for(0):
                return None
        return losses, TrialState.COMPLETE

    def _line(self, *, fold: int) -> str:
        tried = f"trial {len(self.trials)}, fold {fold} of {self._loss.fold_count}"
        if not self.trials:
            return tried
        return f"{tried}; log loss {best_of(self.trials).loss:.4f}, as given {self.trials[0].loss:.4f}"

    def _numbers_of(self, recipe: Recipe, family: str) -> Hashable:
        return tuple(values_of(recipe, [each for each in self._ranges if each.family == family]).values())


def _file_name(labels: Sequence[TrainingLabels], *, recipe: Recipe, ranges: Sequence[Range], seed: int) -> str:
    """Return a name of its own for everything that decides what a trial gives."""
    settings = [recipe.as_json(), [asdict(each) for each in ranges], seed, version("ticket-triage")]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode())
    for each in labels:
        counts, embeddings = each.tickets.counts, each.tickets.embeddings
        digest.update("\0".join([each.target, *each.tickets.texts]).encode())
        for array in (each.actual, counts.indptr, counts.indices, counts.data, embeddings):
            digest.update(b"" if array is None else array.tobytes())
    return f"{re.sub(r'[^a-zA-Z0-9-]', '_', recipe.name)[:40]}-{digest.hexdigest()[:20]}.jsonl"
