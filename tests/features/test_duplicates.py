"""Duplicates: fields and dates beside each other, and what a model makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from features.duplicates import DEFAULT, DEFAULT_BY_WORDS, PAIR_SIGNALS, Circumstances, DuplicateModel
from features.errors import BundleError

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAST = Circumstances.of(
    [{"product": "vpn", "channel": "mail", "site": "seoul"}, {"product": "erp", "channel": "mail"}, {}],
    [MONDAY, MONDAY - timedelta(days=30), None],
)
ALL = np.arange(3)


def test_fields_and_dates_are_compared() -> None:
    """The same product, the share of other stated fields, and the days apart."""
    asked = {"product": "vpn", "channel": "mail", "site": "busan"}
    product, others, apart = PAST.beside(ALL, fields=asked, created_at=MONDAY).T
    assert product.tolist() == [1.0, 0.0, 0.0]
    assert others.tolist() == [0.5, 1.0, 0.0]
    assert np.expm1(apart)[:2] == pytest.approx([0.0, 30.0], abs=1e-6)


def test_what_is_not_stated_is_the_same_as_nothing() -> None:
    """Two tickets without fields share none, and an unknown date counts as a usual distance."""
    product, others, apart = PAST.beside(ALL, fields={}, created_at=None).T
    assert not product.any()
    assert not others.any()
    assert len(set(apart.tolist())) == 1


def test_circumstances_survive_storage() -> None:
    """What is stored compares as before."""
    description, arrays = PAST.to_plain()
    again = Circumstances.from_plain(description, arrays)
    asked = {"product": "erp", "channel": "mail"}
    before, after = (each.beside(ALL, fields=asked, created_at=MONDAY) for each in (PAST, again))
    assert before.tolist() == after.tolist()
    with pytest.raises(BundleError):
        Circumstances.from_plain({"fields": {}}, arrays)


@pytest.mark.parametrize("model", [DEFAULT, DEFAULT_BY_WORDS])
def test_by_default_the_liker_pair_is_the_likelier_duplicate(model: DuplicateModel) -> None:
    """Without a history the same text is more likely than not a duplicate, and a far one is not."""
    same, far = np.zeros((2, len(PAIR_SIGNALS)))
    same[:2], far[:2], far[2] = 1.0, 0.1, -0.5
    likely, unlikely = model.probabilities(np.array([same, far]))
    assert likely > 0.5
    assert unlikely < 0.05


def test_a_model_of_other_signals_is_refused() -> None:
    """Weights that do not fit this release's signals are a BundleError."""
    assert DuplicateModel.from_plain(DEFAULT.to_plain()).weights.tolist() == DEFAULT.weights.tolist()
    with pytest.raises(BundleError, match="Train the model again"):
        DuplicateModel.from_plain({"weights": [1.0], "intercept": 0.0})
