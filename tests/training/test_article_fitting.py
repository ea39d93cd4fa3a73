"""Fitting the ranker of articles: which past tickets it is taught by, and which found article is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from features.articles import KbArticle
from features.history import HistoryRow
from features.languages import Language
from features.preparation import PreparedTicket
from training.article_fitting import fit_articles
from training.splits import Split, SplitKind

_STEPS = "Open the tray, take out the crumpled sheet, close the tray and print a test page to see that it works."
ARTICLES = [
    KbArticle("KB-1", "Paper jam", _STEPS),
    KbArticle("KB-2", "Paper jam", _STEPS),
    KbArticle("KB-3", "VPN drops", "Restart the tunnel and sign in again with the second factor of your phone."),
]


_JAM, _TUNNEL, _WINDOW = "the paper is stuck in tray", "the vpn tunnel drops in room", "someone left the window open in"


def _fit(past: Sequence[tuple[str, tuple[str, ...]]], asked: Sequence[tuple[str, tuple[str, ...]]]) -> Any:
    both = [*past, *asked]
    rows = [HistoryRow(f"HD-{number}", article_ids=links) for number, (_, links) in enumerate(both)]
    prepared = [PreparedTicket(row.id, "", text, Language.EN) for row, (text, _) in zip(rows, both, strict=True)]
    places, nothing = np.arange(len(both)), np.zeros(0, np.int64)
    split = Split(places[: len(past)], nothing, places[len(past) :], nothing, SplitKind.GIVEN)
    return fit_articles(ARTICLES, rows, prepared, split, encoder=None, embeddings=None)


def test_an_article_found_under_its_copy_s_id_is_right() -> None:
    """A ticket that a left-out copy solved counts as answered where the one that says the same is found."""
    ranker, figures = _fit([], [("paper jam", ("KB-1",)), ("paper jam again", ("KB-2",))])
    assert len(ranker) == 2
    assert (figures["tickets"], figures["recall_at_1"], figures["baseline"]["recall_at_1"]) == (2, 1.0, 1.0)


def test_tickets_that_no_article_solved_teach_when_none_fits() -> None:
    """Past tickets without a link reach the ranker, beside those with one."""
    linked = [
        (f"{text} {number}", links) for number in range(40) for text, links in ((_JAM, ("KB-1",)), (_TUNNEL, ("KB-3",)))
    ]
    unsolved: list[tuple[str, tuple[str, ...]]] = [(f"{_WINDOW} {number}", ()) for number in range(60)]
    plain, taught = _fit(linked, [])[0], _fit([*linked, *unsolved], [])[0]
    assert plain.uses_history
    assert taught.chances != plain.chances
