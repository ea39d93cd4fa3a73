"""multilingual-e5-small alone: articles by the cosine with the question. A past question speaks for its articles by
the cosine with it where that is higher."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from head_to_head.rivals.interface import Bench
from head_to_head.rivals.kept_vectors import vectors_of
from head_to_head.rivals.sentence_encoder import PASSAGE, QUERY, sentence_encoder
from head_to_head.tasks import Costs, Floats, SearchAnswer, SearchTask, best_places, milliseconds_each


def search(task: SearchTask, bench: Bench) -> SearchAnswer:
    """Encode the articles and return what each question finds."""
    scores_of, costs = scorer(task, bench)
    questions = vectors_of(task.questions, prefix=QUERY, bench=bench).values
    found = [
        best_places(scores_of(question), excluded=excluded)
        for question, excluded in zip(questions, task.excluded, strict=True)
    ]
    encoder = sentence_encoder(bench.encoder)
    milliseconds = milliseconds_each(lambda text: best_places(scores_of(encoder.vector(text))), task.questions)
    return SearchAnswer(np.array(found), costs(milliseconds))


def scorer(task: SearchTask, bench: Bench) -> tuple[Callable[[Floats], Floats], Callable[[float], Costs]]:
    """Return what scores every article for a question's vector, and what makes its costs of a time for one."""
    articles = vectors_of(task.article_texts, prefix=PASSAGE, bench=bench)
    past = vectors_of(task.past_texts, prefix=QUERY, bench=bench) if task.past_texts else None
    start = time.perf_counter()
    owners = [(place, row) for row, links in enumerate(task.past_links) for place in links]
    seconds = time.perf_counter() - start + articles.seconds + (past.seconds if past else 0.0)

    def scores_of(question: Floats) -> Floats:
        scores = articles.values @ question
        if past is not None:
            near = past.values @ question
            np.maximum.at(scores, [place for place, _ in owners], near[[row for _, row in owners]])
        return scores

    size = sentence_encoder(bench.encoder).size_bytes + articles.values.nbytes
    return scores_of, lambda milliseconds: Costs(seconds, milliseconds, size, len(task.past_texts))
