"""Frozen multilingual-e5-small and logistic regression: what a user of sentence embeddings starts with."""

from __future__ import annotations

import pickle
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from head_to_head.rivals.interface import Bench
from head_to_head.rivals.kept_vectors import vectors_of
from head_to_head.rivals.sentence_encoder import QUERY, sentence_encoder
from head_to_head.tasks import Costs, Floats, LabelAnswer, LabelTask, milliseconds_each

# The least log loss on twenty intents of banking77_en, of .003 to 1.
_PENALTY = 0.1


def label(task: LabelTask, bench: Bench) -> LabelAnswer:
    """Fit on the whole training part and return probabilities of the test."""
    train = vectors_of(task.train_texts, prefix=QUERY, bench=bench)
    test = vectors_of(task.test_texts, prefix=QUERY, bench=bench)
    start = time.perf_counter()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_PENALTY, max_iter=2_000))
    model.fit(train.values, task.train_actual)
    seconds = time.perf_counter() - start + train.seconds

    def answer(vectors: Floats) -> Floats:
        probabilities = np.zeros((len(vectors), task.label_count))
        probabilities[:, model.classes_] = model.predict_proba(vectors)
        return probabilities

    encoder = sentence_encoder(bench.encoder)
    milliseconds = milliseconds_each(lambda text: answer(encoder.vector(text)[None, :]), task.test_texts)
    costs = Costs(seconds, milliseconds, encoder.size_bytes + len(pickle.dumps(model)), len(task.train_texts))
    return LabelAnswer(answer(test.values), costs)
