"""The rivals by name."""

from __future__ import annotations

from collections.abc import Mapping

from head_to_head.rivals import (
    automl,
    bm25,
    bm25_plus_dense,
    dense,
    e5_logistic_regression,
    fast_text,
    fine_tuned_transformer,
    linear_svc,
    logistic_regression,
)
from head_to_head.rivals.interface import Rival

RIVALS: Mapping[str, Rival] = {
    rival.name: rival
    for rival in (
        Rival("linear_svc", label=linear_svc.label, search=linear_svc.search),
        Rival("logistic_regression", label=logistic_regression.label),
        Rival("fasttext", label=fast_text.label),
        Rival("e5_logistic_regression", label=e5_logistic_regression.label, uses_encoder=True),
        Rival("fine_tuned_transformer", label=fine_tuned_transformer.label, uses_encoder=True),
        Rival("flaml", label=automl.label),
        Rival("bm25", search=bm25.search),
        Rival("dense", search=dense.search, uses_encoder=True),
        Rival("bm25_plus_dense", search=bm25_plus_dense.search, uses_encoder=True),
    )
}
