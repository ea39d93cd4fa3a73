"""Long articles cut into passages that an encoder can read as a whole: at sentences, never far above a size.

Knows nothing of encoders: what a token is, it estimates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from features.articles import KbArticle

# The size at which a passage says one thing, in the estimated tokens of a subword tokenizer.
_PASSAGE_TOKENS = 150.0
# A last sentence shorter than this part of a passage is said again at the beginning of the next one.
_REPEATED_SHARE = 1 / 3
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_DENSE_CHARACTERS_PER_TOKEN, _CHARACTERS_PER_TOKEN = 1.7, 4.5
# Exports lose their line breaks: a full stop may touch the next sentence, and numbers and marks begin a point.
_BETWEEN_SENTENCES = re.compile(
    r"\n+"
    r"|(?<=[.!?。！？])\s+"
    r"|(?<=[다요]\.)(?=\S)"
    r"|(?<=[a-z][.:;])(?=[A-Z])"
    r"|(?=※)"
    r"|(?<=\s)(?=\d{1,2}\) )"
)


def passages_of(article: KbArticle) -> list[str]:
    """Return the passages of an article, each below its title; the title alone where there is no body."""
    title = " ".join(article.title.split())
    bodies = list(_passages(article.body)) or [""]
    return [" ".join(f"{title} {body}".split()) for body in bodies]


def _passages(text: str) -> Iterator[str]:
    held: list[str] = []
    size = 0.0
    for sentence in _sentences(text):
        tokens = _tokens(sentence)
        if held and size + tokens > _PASSAGE_TOKENS:
            yield " ".join(held)
            is_repeated = _tokens(held[-1]) < _REPEATED_SHARE * _PASSAGE_TOKENS
            held = held[-1:] if is_repeated else []
            size = sum(map(_tokens, held))
        held.append(sentence)
        size += tokens
    if held:
        yield " ".join(held)


def _sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text; one that is longer than a passage comes in pieces."""
    for sentence in _BETWEEN_SENTENCES.split(text):
        piece: list[str] = []
        size = 0.0
        for word in sentence.split():
            tokens = _tokens(word)
            if piece and size + tokens > _PASSAGE_TOKENS:
                yield " ".join(piece)
                piece, size = [], 0.0
            piece.append(word)
            size += tokens
        if piece:
            yield " ".join(piece)


def _tokens(text: str) -> float:
    """Return about how many tokens a subword tokenizer makes of a text."""
    dense = len(_DENSE.findall(text))
    return dense / _DENSE_CHARACTERS_PER_TOKEN + (len(text) - dense) / _CHARACTERS_PER_TOKEN
