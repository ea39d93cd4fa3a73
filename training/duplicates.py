"""What makes two tickets the same problem, learned from the duplicates that people linked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from features.duplicates import DuplicateModel
from features.language_means import Vectors
from features.similar_tickets import SimilarTickets

LEAST_LINKED_TICKETS = 100
MOST_TICKETS_ASKED = 3_000
# Pairs that would never be shown are none that a probability must be right for.
_PAIRS_PER_TICKET = 10
_INVERSE_RIDGE = 100.0


def problems_of(ids: Sequence[str], duplicate_of: Sequence[str | None]) -> list[str]:
    """Return for each ticket the id of one that stands for its problem: the same for all that links join.

    A link to a ticket that is not among `ids` joins all those that have it.
    """
    joined: dict[str, str] = {}

    def standing_for(ticket: str) -> str:
        while (further := joined.get(ticket, ticket)) != ticket:
            joined[ticket] = joined.get(further, further)
            ticket = further
        return ticket

    for ticket, original in zip(ids, duplicate_of, strict=True):
        if original:
            joined[standing_for(ticket)] = standing_for(original)
    return [standing_for(ticket) for ticket in ids]


def with_duplicates(
    similar: SimilarTickets,
    texts: Sequence[str],
    *,
    problems: Sequence[str],
    fields: Sequence[Mapping[str, str]],
    created_at: Sequence[datetime | None],
    embeddings: Vectors | None = None,
) -> SimilarTickets:
    """Return similar tickets that know what duplicates are, as taught by their own problems.

    All sequences have one entry for each ticket of `similar`, in its order. Each ticket is asked for beside the
    others; those without a duplicate count too, so that the probabilities hold for tickets at large. With fewer than
    `LEAST_LINKED_TICKETS` tickets that share a problem, `similar` comes back as it was.
    """
    _, inverse, counts = np.unique(np.array(problems), return_inverse=True, return_counts=True)
    if int((counts[inverse] > 1).sum()) < LEAST_LINKED_TICKETS:
        return similar
    signals: list[NDArray[np.float64]] = []
    is_same: list[NDArray[np.bool_]] = []
    asked = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), MOST_TICKETS_ASKED)).astype(int)).tolist()
    for ticket in asked:
        near = similar.near(
            texts[ticket],
            embedding=None if embeddings is None else embeddings[ticket],
            fields=fields[ticket],
            created_at=created_at[ticket],
            excluding=similar.ids[ticket],
        )
        signals.append(near.signals[:_PAIRS_PER_TICKET])
        is_same.append(inverse[near.tickets[:_PAIRS_PER_TICKET]] == inverse[ticket])
    model = _fit(np.concatenate(signals), np.concatenate(is_same))
    return similar if model is None else replace(similar, duplicates=model)


def _fit(signals: NDArray[np.float64], is_same: NDArray[np.bool_]) -> DuplicateModel | None:
    if is_same.all() or not is_same.any():
        return None
    scaler = StandardScaler().fit(signals)
    line = LogisticRegression(C=_INVERSE_RIDGE, max_iter=1_000).fit(scaler.transform(signals), is_same)
    weights = line.coef_[0] / scaler.scale_
    return DuplicateModel(weights, float(line.intercept_[0] - weights @ scaler.mean_))
