"""A tokenizer cut down: it keeps what the history writes, spells the rest in pieces, and its tokens are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import EncoderError
from training.static_vocabulary import choose_vocabulary

tokenizers = pytest.importorskip("tokenizers")

PIECES = [
    ("<s>", 0.0),
    ("<unk>", 0.0),
    *((f"▁{word}", -2.0) for word in ("printer", "프린터", "принтер", "jam")),
    *((letter, -6.0) for letter in "▁printe프린터용지jam"),
    ("▁the", -1.0),
]
TEXTS = ["printer 프린터", "printer"]


def _write(folder: Path, model: Any) -> Path:
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<s>"])
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return _write(tmp_path, tokenizers.models.Unigram(list(dict(PIECES).items()), unk_id=1))


def test_what_texts_use_is_kept_first(source: Path) -> None:
    """With room for few tokens, those of the texts stay, and the one for what is unknown."""
    vocabulary = choose_vocabulary(source, TEXTS, most_tokens=3)
    assert vocabulary.pieces == ("<unk>", "printer", "프린터")
    assert vocabulary.unknown == 0


def test_other_tokens_are_kept_in_the_scripts_of_the_texts(source: Path) -> None:
    """Of the tokens that no text uses, those in the letters of the helpdesk are kept, from the most frequent."""
    pieces = choose_vocabulary(source, TEXTS, most_tokens=100).pieces
    assert {"the", "jam", "용"} <= set(pieces)
    assert "принтер" not in pieces


def test_a_word_that_was_cut_is_spelt(source: Path) -> None:
    """The cut tokenizer reads a word it no longer has as pieces, and gives the ids of its own rows."""
    vocabulary = choose_vocabulary(source, ["printer", "print"], most_tokens=100)
    tokenizer = tokenizers.Tokenizer.from_str(vocabulary.tokenizer_json)
    found = tokenizer.encode("jam 용지 <s>")
    assert [vocabulary.pieces[token] for token in found.ids[:1]] == ["jam"]
    assert max(found.ids) < len(vocabulary.pieces)
    assert tokenizer.get_vocab_size() == len(vocabulary.pieces)


def test_tokens_are_counted_by_text(source: Path) -> None:
    """A text's row holds how often each token occurs in it; an empty text's row is empty."""
    vocabulary = choose_vocabulary(source, TEXTS, most_tokens=3)
    counts = vocabulary.counts(["printer 프린터 printer", "", "프린터"])
    np.testing.assert_array_equal(counts.toarray(), [[0, 2, 1], [0, 0, 0], [0, 0, 1]])


def test_frequent_tokens_weigh_less_and_the_unknown_nothing(source: Path) -> None:
    """Weights fall with a token's share; what was never seen weighs one."""
    vocabulary = choose_vocabulary(source, TEXTS, most_tokens=100)
    weights = vocabulary.weights(vocabulary.counts(TEXTS))
    by_piece = dict(zip(vocabulary.pieces, weights.tolist(), strict=True))
    assert by_piece["printer"] < by_piece["프린터"] < by_piece["the"] == 1.0
    assert by_piece["<unk>"] == 0.0


def test_word_pieces_are_cut_too(tmp_path: Path) -> None:
    """A tokenizer of the BERT kind keeps its marks of continued words, numbered anew."""
    names = ["[UNK]", "pr", "##inter", "##int", "monitor", "монитор"]
    model = tokenizers.models.WordPiece({name: number for number, name in enumerate(names)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    vocabulary = choose_vocabulary(tmp_path, ["printer printer"], most_tokens=4)
    assert vocabulary.pieces == ("[UNK]", "pr", "inter", "int")
    counts = vocabulary.counts(["printer монитор"])
    np.testing.assert_array_equal(counts.toarray(), [[1, 1, 1, 0]])


def test_a_tokenizer_that_merges_pairs_is_kept_whole(tmp_path: Path) -> None:
    """No token can be taken out of a BPE vocabulary."""
    names = {name: number for number, name in enumerate(["p", "r", "i", "n", "pr", "in"])}
    source = _write(tmp_path, tokenizers.models.BPE(names, [("p", "r"), ("i", "n")]))
    size = tokenizers.Tokenizer.from_file(str(source / "tokenizer.json")).get_vocab_size(with_added_tokens=False)
    vocabulary = choose_vocabulary(source, ["prin"], most_tokens=2)
    assert len(vocabulary.pieces) == size == 6
    assert vocabulary.unknown is None


def test_a_tokenizer_of_another_kind_is_named(source: Path) -> None:
    """A model without a vocabulary of its own cannot be distilled, and the error says which kind it is."""
    content = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    assert content["model"]["type"] == "Unigram"
    vocabulary = choose_vocabulary(source, TEXTS, most_tokens=3)
    assert json.loads(vocabulary.tokenizer_json)["post_processor"] is None
    with pytest.raises(EncoderError, match="lacks its file"):
        choose_vocabulary(source / "elsewhere", TEXTS, most_tokens=3)
