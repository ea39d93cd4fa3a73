"""TF-IDF and a linear support-vector machine, labels weighted by how rare they are.

It gives no probabilities. So that its log loss and calibration can be compared, its scores become some by a softmax
with one temperature, found on out-of-fold scores of the training part; that changes no label.
"""

from __future__ import annotations

import pickle
import time

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from head_to_head.rivals.interface import Bench
from head_to_head.rivals.terms import tf_idf
from head_to_head.tasks import (
    Costs,
    Floats,
    Integers,
    LabelAnswer,
    LabelTask,
    SearchAnswer,
    SearchTask,
    best_places,
    milliseconds_each,
)

_FOLDS = 3
# What a label that was never seen scores: below all that a machine gives.
_NEVER_SEEN = -10.0


def label(task: LabelTask, _bench: Bench) -> LabelAnswer:
    """Fit on the whole training part and return probabilities of the test."""
    texts = np.array(task.train_texts, dtype=object)
    start = time.perf_counter()
    slope = _slope(texts, task)
    model = _fitted(texts, task.train_actual, is_korean=task.is_korean, seed=task.seed)
    seconds = time.perf_counter() - start

    def answer(asked: list[str]) -> Floats:
        return softmax(slope * _scores(model, asked, task.label_count), axis=1)

    milliseconds = milliseconds_each(lambda text: answer([text]), task.test_texts)
    costs = Costs(seconds, milliseconds, len(pickle.dumps(model)), len(texts))
    return LabelAnswer(answer(list(task.test_texts)), costs)


def search(task: SearchTask, _bench: Bench) -> SearchAnswer:
    """Learn from past questions which article answers; an article that answered none is never found."""
    actual = np.array([links[0] for links in task.past_links])
    start = time.perf_counter()
    model = _fitted(np.array(task.past_texts, dtype=object), actual, is_korean=task.is_korean, seed=task.seed)
    seconds = time.perf_counter() - start

    def found(question: str) -> list[int]:
        return best_places(_scores(model, [question], len(task.article_texts))[0], above=_NEVER_SEEN)

    costs = Costs(seconds, milliseconds_each(found, task.questions), len(pickle.dumps(model)), len(actual))
    return SearchAnswer(np.array([found(question) for question in task.questions]), costs)


def _fitted(texts: Integers, actual: Integers, *, is_korean: bool, seed: int) -> Pipeline:
    model = make_pipeline(tf_idf(is_korean=is_korean), LinearSVC(class_weight="balanced", random_state=seed))
    return model.fit(texts, actual)


def _scores(model: Pipeline, texts: list[str], label_count: int) -> Floats:
    """Return scores of every label, shape (texts, labels)."""
    scores = np.full((len(texts), label_count), _NEVER_SEEN)
    given = model.decision_function(texts)
    scores[:, model.classes_] = given if given.ndim == 2 else np.stack([-given, given], axis=1)
    return scores


def _slope(texts: Integers, task: LabelTask) -> float:
    """Return by what out-of-fold scores are multiplied so that the true labels become most probable."""
    actual = task.train_actual
    scores = np.zeros((len(texts), task.label_count))
    for kept, out in KFold(_FOLDS, shuffle=True, random_state=task.seed).split(texts):
        model = _fitted(texts[kept], actual[kept], is_korean=task.is_korean, seed=task.seed)
        scores[out] = _scores(model, list(texts[out]), task.label_count)

    def loss(logarithm: float) -> float:
        return -float(log_softmax(np.exp(logarithm) * scores, axis=1)[np.arange(len(actual)), actual].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 4.0), method="bounded").x))
