"""The plain sum of BM25 and dense scores, each in standard deviations over the articles."""

from __future__ import annotations

import time

import numpy as np

from head_to_head.rivals import bm25, dense
from head_to_head.rivals.interface import Bench
from head_to_head.rivals.kept_vectors import vectors_of
from head_to_head.rivals.sentence_encoder import QUERY, sentence_encoder
from head_to_head.tasks import Costs, Floats, SearchAnswer, SearchTask, best_places, milliseconds_each


def search(task: SearchTask, bench: Bench) -> SearchAnswer:
    """Index and encode the articles and return what each question finds."""
    start = time.perf_counter()
    index = bm25.index_of(task)
    seconds = time.perf_counter() - start
    dense_scores, dense_costs = dense.scorer(task, bench)
    questions = vectors_of(task.questions, prefix=QUERY, bench=bench).values
    encoder = sentence_encoder(bench.encoder)

    def found(text: str, vector: Floats, *, excluded: int) -> list[int]:
        return best_places(_standardised(index.scores(text)) + _standardised(dense_scores(vector)), excluded=excluded)

    places = [
        found(text, vector, excluded=excluded)
        for text, vector, excluded in zip(task.questions, questions, task.excluded, strict=True)
    ]
    milliseconds = milliseconds_each(lambda text: found(text, encoder.vector(text), excluded=-1), task.questions)
    alone = dense_costs(milliseconds)
    training, size = alone.training_seconds + seconds, alone.size_bytes + index.size_bytes
    return SearchAnswer(np.array(places), Costs(training, milliseconds, size, alone.fitted_count))


def _standardised(scores: Floats) -> Floats:
    """Return scores in standard deviations from their mean over the articles."""
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread else np.zeros_like(scores)
