"""Fits the ranker of articles on the links of the training part, and measures it on those of the test part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.article_ranker import ArticleRanker
from features.articles import KbArticle
from features.encoder import TextEncoder
from features.history import ArticleRow, HistoryRow
from features.preparation import PreparedTicket, Preparer
from training.evaluation import evaluate_articles
from training.splits import Split


def article_of(row: ArticleRow, preparer: Preparer) -> KbArticle:
    """Return the article of a row, its body cleaned, redacted and in the glossary's words."""
    return KbArticle(
        id=row.id,
        title=row.title,
        body=preparer.prepare_text(row.body),
        language=row.language,
        url=row.url,
        tags=row.tags,
        audience=row.audience,
        updated_at=row.updated_at,
    )


def fit_articles(
    articles: Sequence[KbArticle],
    rows: Sequence[HistoryRow],
    prepared: Sequence[PreparedTicket],
    split: Split,
    *,
    encoder: TextEncoder | None,
    embeddings: NDArray[np.float32] | None,
) -> tuple[ArticleRanker | None, dict[str, Any]]:
    """Return the ranker, taught by the links of the training part, and its figures on those of the test part."""
    if not articles:
        return None, {}
    known = {article.id for article in articles}
    asked = [place for place in split.test if known.intersection(rows[place].article_ids)]
    past = list(split.train)
    ranker = ArticleRanker.fit(
        articles,
        past_texts=[prepared[place].text for place in past],
        past_links=[rows[place].article_ids for place in past],
        past_embeddings=None if embeddings is None or not past else embeddings[past],
        encoder=encoder,
    )
    if not asked:
        return ranker, {"articles": len(articles)}
    # An article that says the same as another one is found under that one's id.
    actual = [[ranker.shown_id(name) for name in rows[place].article_ids] for place in asked]
    plain = ArticleRanker.fit(articles)
    found = {
        "ranker": [
            ranker.rank(prepared[place].text, embedding=None if embeddings is None else embeddings[place], count=10)
            for place in asked
        ],
        "words": [plain.rank(prepared[place].text, count=10) for place in asked],
    }
    figures = {
        name: evaluate_articles([[each.id for each in ranked] for ranked in of_asked], actual)
        for name, of_asked in found.items()
    }
    return ranker, {**figures["ranker"], "articles": len(articles), "baseline": figures["words"]}
