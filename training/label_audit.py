"""Looks for the faults of a history's labels: wrong ones, labels that overlap, how far both bound what can be learned.

Every ticket is judged by models that were fitted on other tickets; near duplicates stay on one side, so that a ticket
labelled wrongly twice does not vouch for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from features.classifier import probabilities
from features.errors import HistoryError
from features.glossary import Glossary
from features.history import HistoryRow
from features.preparation import PreparedTicket, Preparer
from features.redaction import compile_site_patterns
from features.taxonomy import Target
from features.vectorizer import FloatArray, IntArray, TicketVectorizer
from training.calibration import Pool, fit_pool
from training.candidates import Candidate, FeatureMatrices
from training.encoder_choice import ChosenEncoder
from training.encoders import encode_texts
from training.label_faults import LabelNoise, SuspectedLabel, label_noise, suspected_labels
from training.label_overlaps import Overlap, overlapping_labels
from training.near_duplicates import near_duplicate_groups
from training.progress import Progress
from training.recipe import Recipe
from training.repeated_labels import RepeatedLabels, Vote, identical_groups, repeated_labels, votes_of_repeats
from training.target_fitting import Fold, candidates_of, is_ordered, offered, scores_outside
from training.targets import trainable_targets

# So many repeats with one other label outvote a ticket whatever a model says.
_LEAST_OTHERS = 3
_LEAST_AGREEING_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class LabelledTickets:
    """The tickets that have a label of one target: prepared, `given` their labels' numbers.

    `places` are those among all rows of the history, `groups` numbers texts that are nearly the same.
    """

    target: Target
    places: NDArray[np.integer[Any]]
    rows: tuple[HistoryRow, ...]
    tickets: tuple[PreparedTicket, ...]
    given: IntArray
    groups: IntArray
    embeddings: NDArray[np.float32] | None = None

    @property
    def texts(self) -> list[str]:
        """The texts of the tickets."""
        return [ticket.text for ticket in self.tickets]

    def at(self, places: NDArray[np.integer[Any]]) -> LabelledTickets:
        """Return the tickets at these places."""
        return LabelledTickets(
            self.target,
            self.places[places],
            tuple(self.rows[place] for place in places),
            tuple(self.tickets[place] for place in places),
            self.given[places],
            np.unique(self.groups[places], return_inverse=True)[1].astype(np.int32),
            None if self.embeddings is None else self.embeddings[places],
        )


@dataclass(frozen=True, slots=True)
class LabelAudit:
    """What was found: suspected labels, most suspected first, what repeats say of them, and what it comes to.

    `accuracy` is that of the judging models, `identical` and `near` compare repeats of one text and near duplicates.
    """

    target: Target
    ticket_ids: tuple[str, ...]
    suspects: tuple[SuspectedLabel, ...]
    votes: dict[int, Vote]
    noise: LabelNoise
    identical: RepeatedLabels | None
    near: RepeatedLabels | None
    overlaps: tuple[Overlap, ...]
    accuracy: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Out-of-fold probabilities (tickets, labels), and what they were made with: the pool, candidates and features."""

    probabilities: FloatArray
    pool: Pool
    candidates: tuple[Candidate, ...]
    vectorizer: TicketVectorizer
    matrices: FeatureMatrices


def labelled_tickets(
    rows: Sequence[HistoryRow],
    *,
    target: str,
    recipe: Recipe,
    glossary: Glossary | None = None,
    chosen_encoder: ChosenEncoder | None = None,
    seed: int = 0,
    progress: Progress,
) -> LabelledTickets:
    """Prepare the tickets that have a label of the target which enough others have.

    With an encoder, their texts are embedded too; the seed is that of what is distilled from them.

    Raises HistoryError where there is nothing to tell apart, RecipeError for an unknown target or order.
    """
    orders = {name: labels for name, labels in recipe.orders.items() if name == target}
    found = trainable_targets(rows, minimum_per_class=recipe.least_tickets_per_label, orders=orders, wanted=[target])
    if not found.targets:
        raise HistoryError(" ".join(found.warnings))
    labels = found.targets[0].labels
    places = np.array([place for place, row in enumerate(rows) if getattr(row, target) in labels])
    chosen = [rows[place] for place in places]
    preparer = Preparer(glossary or Glossary(), compile_site_patterns(recipe.site_patterns))
    tickets = tuple(preparer.prepare(row.ticket()) for row in progress.over(chosen, doing="reading tickets"))
    return LabelledTickets(
        found.targets[0],
        places,
        tuple(chosen),
        tickets,
        np.array([labels.index(getattr(row, target)) for row in chosen], np.int32),
        near_duplicate_groups([ticket.text for ticket in tickets]).astype(np.int32),
        _embeddings([ticket.line for ticket in tickets], chosen_encoder, seed=seed, progress=progress),
    )


def _embeddings(
    lines: Sequence[str], chosen: ChosenEncoder | None, *, seed: int, progress: Progress
) -> NDArray[np.float32] | None:
    if chosen is None or not any(lines):  # fields alone: there is nothing to encode
        return None
    return encode_texts(chosen.for_texts(lines, seed=seed, progress=progress), lines, threads=2, progress=progress)


def audit_labels(tickets: LabelledTickets, *, recipe: Recipe, seed: int, progress: Progress) -> LabelAudit:
    """Judge the label of every ticket by models fitted on others."""
    judged = judge(tickets, recipe=recipe, seed=seed, progress=progress).probabilities
    given, votes = tickets.given, votes_of_repeats(tickets.groups, tickets.given)
    suspects = suspected_labels(judged, given)
    return LabelAudit(
        tickets.target,
        tuple(row.id for row in tickets.rows),
        (*suspects, *_outvoted(judged, given, votes, known={suspect.place for suspect in suspects})),
        votes,
        label_noise(judged, given),
        repeated_labels(identical_groups(tickets.texts), given, seed=seed),
        repeated_labels(tickets.groups, given, seed=seed),
        tuple(overlapping_labels(judged, given)),
        float((judged.argmax(axis=1) == given).mean()),
    )


def judge(tickets: LabelledTickets, *, recipe: Recipe, seed: int, progress: Progress) -> Judged:
    """Return the recipe's models' out-of-fold probabilities of the tickets' labels; raise HistoryError for too few."""
    vectorizer = TicketVectorizer(**asdict(recipe.vectorizer)).fit(tickets.tickets)
    matrices = feature_matrices(tickets, vectorizer)
    candidates = candidates_of(
        recipe,
        vectorizer,
        ticket_count=len(tickets.given),
        has_encoder=tickets.embeddings is not None,
        has_order=is_ordered(tickets.target),
    )
    label_count = len(tickets.target.labels)
    scores = [np.zeros((len(tickets.given), label_count)) for _ in candidates]
    rounds = [
        (*each, fold) for fold in _folds(tickets, recipe, seed=seed) for each in zip(candidates, scores, strict=True)
    ]
    for candidate, found, fold in progress.over(rounds, doing=f"{tickets.target.name}: out of fold"):
        found[fold.outside] = scores_outside(
            candidate, matrices, tickets.given, fold, label_count=label_count, seed=seed
        )
    pool = fit_pool(scores, tickets.given)
    return Judged(probabilities(pool.scores(scores)), pool, candidates, vectorizer, matrices)


def feature_matrices(tickets: LabelledTickets, vectorizer: TicketVectorizer) -> FeatureMatrices:
    """Return the features of tickets, as their target may see them."""
    counts = vectorizer.counts(tickets.tickets)
    matrices = FeatureMatrices(tickets.texts, counts, vectorizer.weigh_matrix(counts), tickets.embeddings)
    return offered(tickets.target, matrices, vectorizer)


def _folds(tickets: LabelledTickets, recipe: Recipe, *, seed: int) -> list[Fold]:
    """Return stratified folds that part no near duplicates."""
    split, given = recipe.split, tickets.given
    fewest = int(np.bincount(given, minlength=len(tickets.target.labels)).min())
    if fewest < 2:
        raise HistoryError(
            f"The labels of '{tickets.target.name}' cannot be judged: one has fewer than 2 tickets to learn from. "
            "Add tickets, or raise least_tickets_per_label in the recipe so that rare labels are left out."
        )
    count = min(split.folds if len(given) < split.large else split.folds_when_large, fewest)
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(given, given, tickets.groups)
    return [Fold(inside.astype(np.int32), outside.astype(np.int32)) for inside, outside in folds]


def _outvoted(judged: FloatArray, given: IntArray, votes: dict[int, Vote], *, known: set[int]) -> list[SuspectedLabel]:
    """Return the tickets that are suspected for their repeats' labels alone."""
    return [
        SuspectedLabel(
            place, int(given[place]), vote.label, float(judged[place, given[place]]), float(judged[place, vote.label])
        )
        for place, vote in votes.items()
        if place not in known
        and vote.label != given[place]
        and vote.others >= _LEAST_OTHERS
        and vote.agreeing >= _LEAST_AGREEING_SHARE * vote.others
    ]
