"""fastText: averaged vectors of words, pairs of words and character n-grams, trained on the labels.

Its settings were chosen on banking77_en: its defaults (five passes at a low rate) give .129 there, these .864. Few
tickets need more passes: of thirteen intents 200 tickets give .283 in 25 passes and .871 in 400.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from head_to_head.rivals.environments import answer_apart, serve_apart
from head_to_head.rivals.interface import Bench
from head_to_head.tasks import LabelAnswer, LabelTask, milliseconds_each

# The last release with a wheel; it asks numpy for what numpy 2 no longer does.
_REQUIREMENTS = ("fasttext-wheel==0.9.2", "numpy<2")
# One thread, so that the same seed gives the same model.
_SETTINGS = {"lr": 0.5, "wordNgrams": 2, "dim": 50, "bucket": 200_000, "thread": 1, "verbose": 0}
# A syllable of Hangul is worth two or three letters.
_CHARACTERS = {False: {"minn": 3, "maxn": 6}, True: {"minn": 1, "maxn": 3}}
_PREFIX = "__label__"
_LEAST_PASSES, _MOST_PASSES, _TICKETS_SEEN = 25, 400, 100_000


def label(task: LabelTask, bench: Bench) -> LabelAnswer:
    """Fit on the whole training part and return probabilities of the test."""
    passes = min(max(_TICKETS_SEEN // len(task.train_texts), _LEAST_PASSES), _MOST_PASSES)
    settings = {"settings": {"epoch": passes, **_SETTINGS, **_CHARACTERS[task.is_korean]}}
    return answer_apart(task, __name__, requirements=_REQUIREMENTS, settings=settings, folder=bench.folder)


def _answer(task: Mapping[str, Any]) -> tuple[Any, Sequence[float], str]:
    import fasttext

    labelled = zip(task["train_actual"], task["train_texts"], strict=True)
    lines = [f"{_PREFIX}{number} {_line(text)}" for number, text in labelled]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        start = time.perf_counter()
        model = fasttext.train_supervised(str(path), seed=task["seed"], **task["settings"])
        seconds = time.perf_counter() - start
        model.save_model(str(path))
        size = path.stat().st_size
    texts = [_line(text) for text in task["test_texts"]]
    milliseconds = milliseconds_each(lambda text: model.predict(text, k=-1), texts)
    return _probabilities(model, texts, task["label_count"]), (seconds, milliseconds, size), ""


def _probabilities(model: Any, texts: Sequence[str], label_count: int) -> Any:
    probabilities = np.zeros((len(texts), label_count))
    for row, (names, values) in enumerate(zip(*model.predict(list(texts), k=-1), strict=True)):
        probabilities[row, [int(name.removeprefix(_PREFIX)) for name in names]] = values
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def _line(text: str) -> str:
    """Return a text as fastText wants it: in one line, in lower case, so that it does not tell Printer from printer."""
    return " ".join(text.lower().split())


if __name__ == "__main__":
    serve_apart(_answer)
