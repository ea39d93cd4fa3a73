"""FLAML: searches kinds of models and their settings over TF-IDF within BUDGET_SECONDS, by cross-validated log loss."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from head_to_head.rivals.environments import answer_apart, serve_apart
from head_to_head.rivals.interface import Bench
from head_to_head.tasks import LabelAnswer, LabelTask, milliseconds_each

BUDGET_SECONDS = 60
# What the extra flaml[automl] asks for, with the wheel of xgboost that brings no libraries for a GPU.
_REQUIREMENTS = ("flaml==2.7.0", "lightgbm==4.7.0", "pandas>=2.2", "scikit-learn>=1.6", "xgboost-cpu<3")


def label(task: LabelTask, bench: Bench) -> LabelAnswer:
    """Search and fit on the whole training part and return probabilities of the test."""
    settings = {"is_korean": task.is_korean, "budget": BUDGET_SECONDS}
    return answer_apart(task, __name__, requirements=_REQUIREMENTS, settings=settings, folder=bench.folder)


def _answer(task: Mapping[str, Any]) -> tuple[Any, Sequence[float], str]:
    from flaml import AutoML

    from head_to_head.rivals.terms import tf_idf

    start = time.perf_counter()
    terms = tf_idf(is_korean=task["is_korean"])
    values = terms.fit_transform(task["train_texts"])
    actual = np.array(task["train_actual"])
    search = AutoML()
    search.fit(
        values,
        actual,
        task="classification",
        metric="log_loss",
        time_budget=task["budget"],
        seed=task["seed"],
        n_jobs=-1,
        verbose=0,
    )
    seconds = time.perf_counter() - start

    def answer(texts: Sequence[str]) -> Any:
        probabilities = np.zeros((len(texts), task["label_count"]))
        probabilities[:, np.unique(actual)] = search.predict_proba(terms.transform(texts))
        return probabilities

    milliseconds = milliseconds_each(lambda text: answer([text]), task["test_texts"])
    size = len(pickle.dumps((terms, search.model)))
    note = f"{task['budget']} s of search, which chose {search.best_estimator}"
    return answer(task["test_texts"]), (seconds, milliseconds, size), note


if __name__ == "__main__":
    serve_apart(_answer)
