"""Indexes a history's tickets for those to come, and has its links teach what a duplicate is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.encoder import TextEncoder
from features.history import HistoryRow
from features.preparation import PreparedTicket
from features.similar_tickets import SimilarTickets
from features.taxonomy import TARGET_NAMES
from training.duplicates import problems_of, with_duplicates
from training.recipe import Recipe
from training.splits import Split


def fit_similar_tickets(
    rows: Sequence[HistoryRow],
    prepared: Sequence[PreparedTicket],
    split: Split,
    *,
    recipe: Recipe,
    encoder: TextEncoder | None,
    embeddings: NDArray[np.float32] | None,
) -> SimilarTickets:
    """Index every ticket but repeats, near by meaning too with an encoder.

    Nothing is fitted to labels here, and no figure is taken of it, so later parts may be shown too.
    """
    places = sorted((*split.train, *split.evidence, *split.test))
    texts = [prepared[place].text for place in places]
    fields = [prepared[place].fields for place in places]
    created_at = [rows[place].created_at for place in places]
    known = None if embeddings is None else embeddings[places]
    similar = SimilarTickets.fit(
        texts,
        ids=[rows[place].id for place in places],
        labels=[_labels(rows[place]) for place in places],
        article_ids=[rows[place].article_ids for place in places],
        groups=[rows[place].group or "" for place in places],
        restricted_groups=frozenset(recipe.restricted_groups),
        fields=fields,
        created_at=created_at,
        embeddings=known,
        encoder=encoder,
    )
    # A repeat that is not indexed may still be the link between two tickets that are.
    problems = problems_of([row.id for row in rows], [row.duplicate_of for row in rows])
    return with_duplicates(
        similar,
        texts,
        problems=[problems[place] for place in places],
        fields=fields,
        created_at=created_at,
        embeddings=known,
    )


def _labels(row: HistoryRow) -> dict[str, str]:
    return {name: label for name in TARGET_NAMES if (label := getattr(row, name)) is not None}
