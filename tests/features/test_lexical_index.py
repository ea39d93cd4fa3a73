"""The inverted index: its scores against plain arithmetic, its pruning and its storage."""

from __future__ import annotations

import io
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BundleError
from features.lexical_index import IndexSettings, LexicalIndex, Weighting, best
from features.lexical_terms import TermRules, lexical_terms

TEXTS = [
    "The printer on floor two jams on every page",
    "VPN drops every ten minutes at home",
    "프린터가 자꾸 종이를 씹어요",
    "VPN 연결이 끊깁니다 재접속해도 같아요",
    "",
]
COSINE = IndexSettings(weighting=Weighting.COSINE)
BM25 = IndexSettings(weighting=Weighting.BM25)
WORDS = st.lists(st.sampled_from(["vpn", "mail", "card", "프린터", "연결", "접속", "오류"]), max_size=12).map(" ".join)


def test_english_words_lose_endings_and_stop_words_vanish() -> None:
    """Inflected English words share a term, and function words have none."""
    terms = lexical_terms("The printers were printing; I printed it", rules=TermRules())
    assert terms == {"printer": 1.0, "print": 2.0}


def test_hangul_becomes_pairs_of_syllables() -> None:
    """A Hangul word gives its pairs, a single syllable itself, and syllables where the rules ask for them."""
    assert lexical_terms("연결이 안 됨", rules=TermRules()) == {"연결": 1.0, "결이": 1.0, "안": 1.0, "됨": 1.0}
    assert lexical_terms("연결", rules=TermRules(syllable_weight=0.5)) == {"연결": 1.0, ".연": 0.5, ".결": 0.5}


def test_a_search_knows_endings_and_no_moods() -> None:
    """Endings typed by ear find what is spelled well, and tears and laughs find nothing."""
    by_ear, well = (lexical_terms(text, rules=TermRules()) for text in ("안되요 해주세여", "안돼요ㅠㅠ ㅋㅋ 해주세요"))
    assert by_ear == well != {}


def test_pairs_of_words_do_not_bridge_scripts() -> None:
    """Neighbouring English words make a pair; a Hangul word between them parts them."""
    rules = TermRules(word_pair_weight=0.5)
    assert "mail server" in lexical_terms("mail server", rules=rules)
    assert "mail server" not in lexical_terms("mail 서버 server", rules=rules)


def test_cosine_of_a_text_with_itself_is_one() -> None:
    """A text in the index has a cosine of one with itself, and an unrelated one zero."""
    index = LexicalIndex.fit(TEXTS, settings=COSINE)
    scores = index.scores(TEXTS[1])
    assert scores[1] == pytest.approx(1.0, abs=1e-6)
    assert scores[2] == 0.0


def test_words_that_the_index_never_saw_lower_the_cosine() -> None:
    """A query is not near to a ticket for the one word of it that is known."""
    index = LexicalIndex.fit(["vpn", "printer"], settings=COSINE)
    assert index.scores("vpn zebra giraffe")[0] < 0.5 < index.scores("vpn")[0]


def test_bm25_is_the_textbook_formula() -> None:
    """Scores equal BM25 worked out by hand."""
    texts = ["vpn vpn mail", "vpn card", "card mail mail printer"]
    index = LexicalIndex.fit(texts, settings=BM25)
    counts = [Counter(lexical_terms(text, rules=TermRules())) for text in texts]
    mean_length = sum(count.total() for count in counts) / 3
    for scored, count in zip(index.scores("vpn mail"), counts, strict=True):
        expected = 0.0
        for term in ("vpn", "mail"):
            holding = sum(term in other for other in counts)
            idf = math.log(1 + (3 - holding + 0.5) / (holding + 0.5))
            damping = BM25.saturation * (0.25 + 0.75 * count.total() / mean_length)
            expected += idf * count[term] * (BM25.saturation + 1) / (count[term] + damping)
        assert scored == pytest.approx(expected, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(WORDS, min_size=1, max_size=12), query=WORDS)
def test_exact_scores_equal_the_scores_of_an_unpruned_search(texts: list[str], query: str) -> None:
    """Scoring a few documents by their own terms and all by the query's postings gives the same numbers."""
    index = LexicalIndex.fit(texts, settings=COSINE)
    asked = index.query(query)
    positions = np.arange(len(texts))
    np.testing.assert_allclose(index.exact_scores(asked, positions), index.scores_of(asked), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(WORDS, max_size=12), query=WORDS)
def test_cosines_lie_between_zero_and_one(texts: list[str], query: str) -> None:
    """No cosine leaves its range, whatever is asked."""
    scores = LexicalIndex.fit(texts, settings=COSINE).scores(query)
    assert scores.shape == (len(texts),)
    assert np.all((scores >= 0) & (scores <= 1 + 1e-6))


def test_a_pruned_search_uses_the_heaviest_terms() -> None:
    """With one term allowed, the rarest of the query decides, and the exact score sees all."""
    texts = ["mail mail printer", "mail server", "mail card", "zebra"]
    pruned = LexicalIndex.fit(texts, settings=IndexSettings(weighting=Weighting.COSINE, most_query_terms=1))
    query = pruned.query("mail zebra")
    assert np.flatnonzero(pruned.scores_of(query)).tolist() == [3]
    assert pruned.exact_scores(query, np.array([0, 3])).all()
    assert not pruned.looks_at_all(query)


def test_a_term_of_every_document_is_dropped_from_a_large_index_only() -> None:
    """A term that says nothing costs nothing in a large index, and counts in a small one."""
    texts = [f"ticket number{position}" for position in range(20)]
    large = IndexSettings(weighting=Weighting.BM25, large_index_documents=20)
    assert not LexicalIndex.fit(texts, settings=large).scores("ticket").any()
    assert LexicalIndex.fit(texts, settings=BM25).scores("ticket").all()


def test_best_orders_by_score_and_then_by_position() -> None:
    """The highest come first, equals by position, and nothing at zero is found."""
    positions, scores = best(np.array([0.1, 0.9, 0.0, 0.9, 0.2]), 4)
    assert positions.tolist() == [1, 3, 4, 0]
    assert scores.tolist() == [0.9, 0.9, 0.2, 0.1]
    assert best(np.zeros(3), 2)[0].tolist() == []


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.3, 0.5, 1.0]), max_size=30), count=st.integers(1, 8))
def test_best_equals_a_full_sort(values: list[float], count: int) -> None:
    """The shortcut for a few finds what sorting everything would."""
    scores = np.array(values)
    sorted_fully = [place for place in np.argsort(-scores, kind="stable").tolist() if values[place] > 0][:count]
    assert best(scores, count)[0].tolist() == sorted_fully


def test_an_index_survives_storage_without_pickle() -> None:
    """What comes back from an npz file gives bit for bit the same scores."""
    index = LexicalIndex.fit(TEXTS, settings=IndexSettings(Weighting.BM25, rules=TermRules(0.5, 0.5)))
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **index.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = LexicalIndex.from_arrays(dict(stored))
    assert again.settings == index.settings
    for text in [*TEXTS, "printer 프린터 zebra"]:
        assert again.scores(text).tolist() == index.scores(text).tolist()


@pytest.mark.parametrize("name", ["settings", "terms", "rarity", "starts", "documents", "weights"])
def test_an_index_with_a_part_missing_is_refused(name: str) -> None:
    """A stored index without one of its arrays is a BundleError."""
    arrays = LexicalIndex.fit(TEXTS, settings=COSINE).to_arrays()
    del arrays[name]
    with pytest.raises(BundleError, match="Train the model again"):
        LexicalIndex.from_arrays(arrays)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("documents", np.array([99], dtype=np.int32)),
        ("rarity", np.zeros(1)),
        ("settings", np.frombuffer(b"{", dtype=np.uint8)),
        ("starts", np.zeros(0, dtype=np.int64)),
    ],
)
def test_an_index_whose_parts_disagree_is_refused(name: str, value: np.ndarray) -> None:
    """Arrays that cannot belong together are a BundleError, not an IndexError at the first query."""
    arrays = {**LexicalIndex.fit(TEXTS, settings=COSINE).to_arrays(), name: value}
    with pytest.raises(BundleError):
        LexicalIndex.from_arrays(arrays)


def test_an_empty_index_answers() -> None:
    """An index of nothing has no scores, and a text of nothing matches nothing."""
    assert LexicalIndex.fit([], settings=BM25).scores("vpn").tolist() == []
    assert not LexicalIndex.fit(TEXTS, settings=BM25).scores("").any()
