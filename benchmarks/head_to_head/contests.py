"""Contests: ours and the rivals on the folds of one set, each fold of each method one cell to be made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from head_to_head import ours
from head_to_head.cells import Cell, CellKey
from head_to_head.fingerprints import code_fingerprint, encoder_fingerprint, fingerprint_of
from head_to_head.ours import Product
from head_to_head.outcomes import LabelOutcome, SearchOutcome, ranks_of
from head_to_head.question_sets import QUESTION_SETS, QuestionFold, QuestionSet
from head_to_head.rivals.interface import Bench, Rival
from head_to_head.tasks import Integers, LabelAnswer, SearchAnswer
from head_to_head.ticket_sets import TICKET_SETS, Fold, TicketSet
from training.near_duplicates import has_near_duplicate

OURS = "ours"
SET_NAMES = (*TICKET_SETS, *QUESTION_SETS)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured and with what; `limit` is the number of tickets of a trial run, else 0."""

    datasets: Path
    product: Product
    rivals: Sequence[Rival]
    bench: Bench
    seed: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """A cell to be made, and how."""

    key: CellKey
    make: Callable[[], Cell]


@dataclass(frozen=True, slots=True)
class Contest:
    """The cells of every method on one set; `part` names a way of folding it beside its main one.

    `near_duplicates` tells which of these tickets of the set have a near duplicate among those learned from.
    """

    set_name: str
    works: Mapping[str, Sequence[Work]]
    part: str = ""
    is_ordinal: bool = False
    near_duplicates: Callable[[Integers], NDArray[np.bool_]] | None = None

    @property
    def title(self) -> str:
        """What it is called in tables."""
        return f"{self.set_name}, {self.part.replace('_', ' ')}" if self.part else self.set_name


def contests_of(set_name: str, settings: Settings) -> Iterator[Contest]:
    """Yield the contests of a set; its files are read now."""
    if set_name in TICKET_SETS:
        tickets = TICKET_SETS[set_name](settings.datasets, limit=settings.limit)
        yield label_contest(tickets, tickets.folds, settings)
        return
    reading = QUESTION_SETS[set_name]
    questions = replace(reading.read(settings.datasets / reading.folder, limit=settings.limit), name=set_name)
    for part, folds_of in reading.folds.items():
        yield search_contest(questions, folds_of(questions), settings, part=part)


# --- labels -----------------------------------------------------------------------------------------------------------


def label_contest(tickets: TicketSet, folds: Sequence[Fold], settings: Settings, *, part: str = "") -> Contest:
    """Return the cells of ours and of every rival that labels tickets."""
    data = tickets.data
    works = {OURS: [_our_labels(tickets, fold, settings, data=data) for fold in folds]}
    for rival in settings.rivals:
        if rival.label is not None:
            works[rival.name] = [_rival_labels(rival, tickets, fold, settings, data=data) for fold in folds]
    marks = partial(_near_duplicates, tickets, folds[0]) if tickets.shows_near_duplicates and not part else None
    return Contest(tickets.name, works, part, tickets.is_ordinal, marks)


def our_key(set_name: str, fold: str, settings: Settings, *, data: str, code: str = ours.__name__) -> CellKey:
    """Return the key of a cell that the product makes."""
    recipe, chosen = settings.product.recipe, settings.product.encoder
    encoder = encoder_fingerprint(str(chosen.folder)) if chosen else ""
    content = replace(recipe, encoder=replace(recipe.encoder, name=encoder)).as_json()
    return CellKey(
        set_name=set_name,
        fold=fold,
        method=OURS,
        seed=settings.seed,
        data=data,
        code=code_fingerprint(code),
        recipe=f"{recipe.name}-{fingerprint_of(json.dumps(content, sort_keys=True))}",
        encoder=encoder,
        limit=settings.limit,
    )


def _rival_key(rival: Rival, set_name: str, fold: str, settings: Settings, *, data: str) -> CellKey:
    encoder = encoder_fingerprint(settings.bench.encoder) if rival.uses_encoder else ""
    return CellKey(set_name, fold, rival.name, settings.seed, data, rival.code, encoder=encoder, limit=settings.limit)


def _our_labels(tickets: TicketSet, fold: Fold, settings: Settings, *, data: str) -> Work:
    key = our_key(tickets.name, fold.name, settings, data=data)
    answer = partial(ours.label, tickets, fold, product=settings.product, seed=settings.seed)
    return Work(key, lambda: _labelled(key, answer(), tickets, fold))


def _rival_labels(rival: Rival, tickets: TicketSet, fold: Fold, settings: Settings, *, data: str) -> Work:
    key = _rival_key(rival, tickets.name, fold.name, settings, data=data)
    assert rival.label is not None
    label = rival.label
    return Work(
        key, lambda: _labelled(key, label(tickets.task(fold, seed=settings.seed), settings.bench), tickets, fold)
    )


def _labelled(key: CellKey, answer: LabelAnswer, tickets: TicketSet, fold: Fold) -> Cell:
    languages = tickets.languages_of(fold.test)
    outcome = LabelOutcome(tickets.labels, fold.test, tickets.actual[fold.test], answer.probabilities, languages)
    return Cell(key, answer.costs, outcome)


def _near_duplicates(tickets: TicketSet, fold: Fold, asked: Integers) -> NDArray[np.bool_]:
    texts = tickets.texts
    return has_near_duplicate([texts[place] for place in asked], [texts[place] for place in fold.train])


# --- searches ---------------------------------------------------------------------------------------------------------


def search_contest(
    questions: QuestionSet, folds: Sequence[QuestionFold], settings: Settings, *, part: str = ""
) -> Contest:
    """Return the cells of ours and of every rival that finds articles; without past ones no label can be learned."""
    data = questions.data
    works = {OURS: [_our_search(questions, fold, settings, data=data) for fold in folds]}
    for rival in settings.rivals:
        # A rival that learns which text answers would need as many labels as there are reports.
        if rival.search is not None and (rival.label is None or (len(folds[0].past) and not questions.itself)):
            works[rival.name] = [_rival_search(rival, questions, fold, settings, data=data) for fold in folds]
    return Contest(questions.name, works, part)


def _our_search(questions: QuestionSet, fold: QuestionFold, settings: Settings, *, data: str) -> Work:
    key = our_key(questions.name, fold.name, settings, data=data)
    product, seed = settings.product, settings.seed
    if questions.itself:
        answer = partial(ours.find_duplicates, questions, fold, product=product, seed=seed)
    else:
        answer = partial(ours.search, questions, fold, product=product, seed=seed)
    return Work(key, lambda: _searched(key, answer(), questions, fold))


def _rival_search(rival: Rival, questions: QuestionSet, fold: QuestionFold, settings: Settings, *, data: str) -> Work:
    key = _rival_key(rival, questions.name, fold.name, settings, data=data)
    assert rival.search is not None
    search = rival.search
    return Work(
        key, lambda: _searched(key, search(questions.task(fold, seed=settings.seed), settings.bench), questions, fold)
    )


def _searched(key: CellKey, answer: SearchAnswer, questions: QuestionSet, fold: QuestionFold) -> Cell:
    ranks = ranks_of(answer.found, [questions.relevant[place] for place in fold.asked])
    return Cell(key, answer.costs, SearchOutcome(fold.asked.astype(np.int32), ranks))
