"""BM25 as in the textbook, over title and body in one. Past questions, where there are any, are appended to the
articles that answered them."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from head_to_head.rivals.interface import Bench
from head_to_head.tasks import DEPTH, Costs, SearchAnswer, SearchTask, best_places, milliseconds_each

Tokenizer = Callable[[str], list[str]]
K1 = 1.2


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def character_pairs(text: str) -> list[str]:
    return [word[start : start + 2] for word in words(text) for start in range(max(len(word) - 1, 1))]


class PlainBm25:
    """BM25 with b = .75."""

    def __init__(self, texts: Sequence[str], *, tokenizer: Tokenizer, k1: float) -> None:
        self.tokenizer, counts = tokenizer, [Counter(tokenizer(text)) for text in texts]
        holding = Counter(term for count in counts for term in count)
        self.columns = {term: number for number, term in enumerate(holding)}
        mean_length = sum(count.total() for count in counts) / len(counts)
        rows, columns, values = [], [], []
        for row, count in enumerate(counts):
            damping = k1 * (0.25 + 0.75 * count.total() / mean_length)
            for term, times in count.items():
                idf = math.log(1 + (len(texts) - holding[term] + 0.5) / (holding[term] + 0.5))
                rows.append(row)
                columns.append(self.columns[term])
                values.append(idf * times * (k1 + 1) / (times + damping))
        self.matrix = sparse.csc_matrix((values, (rows, columns)), shape=(len(texts), len(holding)))

    def scores(self, text: str) -> NDArray[np.float64]:
        """Return the score of every text, zero where no term is shared."""
        query = np.zeros(len(self.columns))
        for term in self.tokenizer(text):
            if term in self.columns:
                query[self.columns[term]] += 1.0
        return np.asarray(self.matrix @ query)

    def best(self, text: str) -> list[int]:
        """Return the places of the best texts that share a term, DEPTH at most."""
        return [place for place in best_places(self.scores(text), above=0.0) if place >= 0][:DEPTH]

    @property
    def size_bytes(self) -> int:
        """The bytes of its matrix."""
        parts: list[Any] = [self.matrix.data, self.matrix.indices, self.matrix.indptr]
        return sum(part.nbytes for part in parts)


def search(task: SearchTask, _bench: Bench) -> SearchAnswer:
    """Index the articles and return what each question finds."""
    start = time.perf_counter()
    index = index_of(task)
    seconds = time.perf_counter() - start

    def found(place: int) -> list[int]:
        return best_places(index.scores(task.questions[place]), excluded=task.excluded[place], above=0.0)

    places = range(len(task.questions))
    costs = Costs(seconds, milliseconds_each(found, places), index.size_bytes, len(task.past_texts))
    return SearchAnswer(np.array([found(place) for place in places]), costs)


def index_of(task: SearchTask) -> PlainBm25:
    """Return the index: words, or pairs of characters where the texts are Korean."""
    texts = expanded_texts(task.article_texts, past_texts=task.past_texts, past_links=task.past_links)
    return PlainBm25(texts, tokenizer=character_pairs if task.is_korean else words, k1=K1)


def expanded_texts(
    article_texts: Sequence[str], *, past_texts: Sequence[str], past_links: Sequence[Sequence[int]]
) -> list[str]:
    """Return the articles' texts with the past questions that they answered appended."""
    texts = list(article_texts)
    for text, links in zip(past_texts, past_links, strict=True):
        for place in links:
            texts[place] += f"\n{text}"
    return texts
