"""The tokens that a static encoder keeps of its transformer, and the tokenizer cut down to them.

A transformer for a hundred languages knows a quarter of a million tokens, of which one helpdesk writes a few thousand.
Cut down, the tokenizer spells what it no longer knows in shorter pieces that it does.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from features.encoder_settings import read_tokenizer
from features.errors import EncoderError

_WORD_MARKS = str.maketrans("", "", "▁Ġ")
# A script in which less than this share of the history's letters is written is not the helpdesk's.
_LEAST_SCRIPT_SHARE = 0.005
# Tokens much rarer than this hardly differ in weight.
_COMMON_SHARE = 1e-3


@dataclass(frozen=True, slots=True)
class StaticVocabulary:
    """A tokenizer as text, and for each of its tokens what it stands for; `unknown` stands for nothing."""

    tokenizer_json: str
    pieces: tuple[str, ...]
    unknown: int | None

    def counts(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return how often each text has each token, shape (texts, tokens)."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.tokenizer_json)
        found = [Counter(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
        starts = np.concatenate([[0], np.cumsum([len(each) for each in found])])
        ids = np.fromiter((token for each in found for token in each), np.int64, int(starts[-1]))
        data = np.fromiter((count for each in found for count in each.values()), np.float64, int(starts[-1]))
        return sparse.csr_array((data, ids, starts), shape=(len(texts), len(self.pieces)))

    def weights(self, counts: sparse.csr_array) -> NDArray[np.float32]:
        """Return a weight for each token, the less the more frequent it is, shape (tokens,).

        Smooth inverse frequency: Arora, Liang and Ma, "A simple but tough-to-beat baseline" (ICLR 2017).
        """
        shares = np.asarray(counts.sum(axis=0)).ravel() / max(1.0, float(counts.sum()))
        weights = np.asarray(_COMMON_SHARE / (_COMMON_SHARE + shares), np.float32)
        if self.unknown is not None:
            weights[self.unknown] = 0.0
        return weights


def choose_vocabulary(source: Path, texts: Sequence[str], *, most_tokens: int) -> StaticVocabulary:
    """Return what to keep of an encoder's tokenizer: the tokens that texts use, then the most frequent others.

    The others are written in the scripts of the texts. A tokenizer that merges pairs (BPE) is kept whole: no token can
    be taken out of it.
    """
    content = json.loads(read_tokenizer(source).to_str())
    content |= {"post_processor": None, "truncation": None, "padding": None, "decoder": None, "added_tokens": []}
    vocabulary, unknown = _pieces(content["model"])
    if content["model"]["type"] in ("Unigram", "WordPiece"):
        used = _used(source, texts)
        kept = _kept(vocabulary, used=used, unknown=unknown, scripts=_scripts(texts), most=most_tokens)
        content["model"] = _cut(content["model"], kept)
        vocabulary, unknown = _pieces(content["model"])
    return StaticVocabulary(
        json.dumps(content, ensure_ascii=False), tuple(_bare(piece) for piece in vocabulary), unknown
    )


def _pieces(model: Mapping[str, Any]) -> tuple[list[str], int | None]:
    """Return the tokens by their ids, and the id of the one for what is unknown."""
    if model["type"] == "Unigram":
        return [piece for piece, _ in model["vocab"]], model["unk_id"]
    if not isinstance(model.get("vocab"), dict):
        raise EncoderError(
            f"A tokenizer of the type '{model['type']}' cannot be distilled; expected Unigram, WordPiece or BPE. "
            "Use the encoder as it is, or choose another one."
        )
    vocabulary = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return vocabulary, model["vocab"].get(model.get("unk_token"))


def _used(source: Path, texts: Sequence[str]) -> Counter[int]:
    tokenizer = read_tokenizer(source)
    return Counter(token for text in texts for token in tokenizer.encode(text, add_special_tokens=False).ids)


def _kept(
    vocabulary: Sequence[str], *, used: Counter[int], unknown: int | None, scripts: set[str], most: int
) -> list[int]:
    """Return the ids to keep, in their order: the unknown, the used ones, then from the top those of the scripts."""
    kept = [] if unknown is None else [unknown]
    kept += [token for token, _ in used.most_common() if token != unknown]
    others = (
        number
        for number, piece in enumerate(vocabulary)
        if number not in used and number != unknown and set(_scripts_of(_bare(piece))) <= scripts
    )
    return sorted([*kept, *others][:most])


def _cut(model: Mapping[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """Return a tokenizer's model with these tokens alone, numbered anew."""
    if model["type"] == "Unigram":
        unknown = None if model["unk_id"] is None else kept.index(model["unk_id"])
        return {**model, "vocab": [model["vocab"][number] for number in kept], "unk_id": unknown}
    names = {number: piece for piece, number in model["vocab"].items()}
    return {**model, "vocab": {names[number]: place for place, number in enumerate(kept)}}


def _bare(piece: str) -> str:
    """Return what a token says, without the marks of where in a word it stands."""
    return piece.removeprefix("##").translate(_WORD_MARKS)


def _scripts(texts: Iterable[str]) -> set[str]:
    """Return the scripts in which a good part of the letters is written."""
    letters: Counter[str] = Counter()
    for text in texts:
        letters.update(text)
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        scripts.update(dict.fromkeys(_scripts_of(letter), count))
    return {script for script, count in scripts.items() if count >= _LEAST_SCRIPT_SHARE * scripts.total()}


def _scripts_of(text: str) -> list[str]:
    """Return the script of each letter: the first word of a letter's name in Unicode."""
    return [unicodedata.name(letter, "NONE").partition(" ")[0] for letter in text if letter.isalpha()]
