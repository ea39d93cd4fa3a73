"""Articles ordered by boosted trees (LambdaRank) over their signals: what many past tickets can teach.

Trees learn what a sum cannot: where no past ticket is near, the articles' own words decide. Knows signals as columns
of numbers: nothing of texts, indexes or articles.
"""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray

from features.lexical_index import Floats

_ROUNDS = 60
_PARAMETERS = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 10,
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbose": -1,
}


@dataclass(frozen=True)
class ArticleTrees:
    """Boosted trees that correct the sum by the weights `prior`, (signals,)."""

    booster: lightgbm.Booster
    prior: Floats

    def values(self, signals: Floats) -> Floats:
        """Return what prior and trees add up to for (articles, signals): the higher, the better the article."""
        corrections = np.asarray(self.booster.predict(signals, num_threads=1), dtype=np.float64)
        return np.asarray(corrections + (signals * self.prior).sum(axis=1), dtype=np.float64)

    @classmethod
    def from_text(cls, text: str, *, prior: Floats) -> ArticleTrees:
        """Rebuild from LightGBM's own text; raise LightGBMError where it is none."""
        return cls(lightgbm.Booster(model_str=text), prior)

    def to_text(self) -> str:
        """Return the trees as LightGBM's own text."""
        return str(self.booster.model_to_string())


def fit_trees(signals: Floats, *, solved: NDArray[np.bool_], prior: Floats) -> ArticleTrees:
    """Return the trees that rank the solving articles first; arguments as for `features.article_weights`."""
    tickets, candidates, columns = signals.shape
    data = lightgbm.Dataset(
        signals.reshape(-1, columns),
        solved.ravel().astype(np.int32),
        group=np.full(tickets, candidates),
        init_score=(signals @ prior).ravel(),
    )
    return ArticleTrees(lightgbm.train(dict(_PARAMETERS), data, num_boost_round=_ROUNDS), prior)
