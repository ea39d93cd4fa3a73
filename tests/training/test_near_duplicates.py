"""Near duplicates are found exactly, though only few pairs are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer

from training import near_duplicates
from training.near_duplicates import NEAR_DUPLICATE_COSINE, has_near_duplicate, near_duplicate_groups

_WORDS = [f"word{number}" for number in range(60)]


def _random_texts(count: int, *, seed: int) -> list[str]:
    """Return texts of words from frequent to rare, of which about a third are copies of another with a word changed."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, len(_WORDS) + 1)
    texts: list[str] = []
    while len(texts) < count:
        if texts and rng.random() < 0.3:
            words = texts[rng.integers(len(texts))].split()
            words[rng.integers(len(words))] = _WORDS[rng.integers(len(_WORDS))]
        else:
            words = rng.choice(_WORDS, size=rng.integers(1, 25), p=frequency / frequency.sum()).tolist()
        texts.append(" ".join(words))
    return texts


def _by_comparing_all(texts: list[str]) -> np.ndarray:
    weights = TfidfVectorizer().fit_transform(texts)
    return connected_components((weights @ weights.T).toarray() > NEAR_DUPLICATE_COSINE, directed=False)[1]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_comparing_every_pair(seed: int) -> None:
    """The groups are the connected components of all pairs above the threshold."""
    texts = _random_texts(400, seed=seed)
    expected = _by_comparing_all(texts)
    assert 20 < len(set(expected)) < 380
    found = near_duplicate_groups(texts)
    assert len(set(zip(expected.tolist(), found.tolist(), strict=True))) == len(set(expected)) == len(set(found))


@pytest.mark.parametrize("seed", range(3))
def test_small_blocks_find_the_same_groups(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is compared at a time changes nothing."""
    texts = _random_texts(300, seed=seed)
    expected = near_duplicate_groups(texts)
    monkeypatch.setattr(near_duplicates, "_PRODUCTS_IN_BLOCK", 500)
    monkeypatch.setattr(near_duplicates, "_PAIRS_IN_CHUNK", 7)
    monkeypatch.setattr(near_duplicates, "_SCOUTS_COUNT", 10)
    assert np.array_equal(near_duplicate_groups(texts), expected)


@pytest.mark.parametrize("seed", range(3))
def test_a_near_duplicate_among_others_is_found(seed: int) -> None:
    """A text has a near duplicate among the others when a pair is above the threshold."""
    texts, others = _random_texts(200, seed=seed), _random_texts(200, seed=seed + 100)
    others[:50] = [f"{text} addition" for text in texts[50:100]]
    weights = TfidfVectorizer().fit_transform([*texts, *others])
    expected = ((weights[:200] @ weights[200:].T).toarray() > NEAR_DUPLICATE_COSINE).any(axis=1)
    assert 10 < expected.sum() < 190
    assert np.array_equal(has_near_duplicate(texts, others), expected)


def test_groups_are_numbered_by_their_first_text() -> None:
    """Equal texts share a group whatever their capitals and spaces; numbers follow the order of the texts."""
    assert near_duplicate_groups(["VPN is down", "printer jam", "vpn  is DOWN", "?", "?", "!"]).tolist() == [
        0,
        1,
        0,
        2,
        2,
        3,
    ]


def test_texts_without_words_are_near_only_when_equal() -> None:
    """Signs alone have no words to compare."""
    assert near_duplicate_groups(["?", "!", "?"]).tolist() == [0, 1, 0]
    assert has_near_duplicate(["?", "!"], ["!"]).tolist() == [False, True]


def test_nothing_has_no_near_duplicate() -> None:
    """Empty lists are no error."""
    assert near_duplicate_groups([]).tolist() == []
    assert has_near_duplicate([], ["a b"]).tolist() == []
    assert has_near_duplicate(["a b"], []).tolist() == [False]


def test_a_text_sent_a_thousand_times_is_one_group() -> None:
    """An alert with a changing number at its end is one group, apart from the rest."""
    common = "disk usage on the file server volume is above its limit please clean up before it is full " * 3
    alerts = [f"{common} host {number % 7} at {number}" for number in range(1000)]
    groups = near_duplicate_groups([*alerts, "my keyboard is broken", "no sound in the meeting room"])
    assert set(groups[:1000].tolist()) == {0}
    assert groups[1000:].tolist() == [1, 2]


@given(st.lists(st.text(alphabet="abc 가나 .", max_size=30), max_size=12))
@settings(max_examples=50, deadline=None)
def test_any_texts_can_be_grouped(texts: list[str]) -> None:
    """Whatever the texts, there is a group for each, and equal texts that are not empty share it."""
    groups = near_duplicate_groups(texts)
    assert len(groups) == len(texts)
    by_text = dict(zip(texts, groups.tolist(), strict=True))
    assert all(by_text[text] == group for text, group in zip(texts, groups.tolist(), strict=True) if text.strip())


def test_tickets_without_a_text_are_no_duplicates() -> None:
    """Empty texts say nothing, so none is like another, nor like anything in other texts."""
    assert near_duplicate_groups(["", "paper jam", " ", "paper jam", "\n"]).tolist() == [0, 1, 2, 1, 3]
    assert near_duplicate_groups(["", ""]).tolist() == [0, 1]
    assert has_near_duplicate(["", "paper jam", " "], ["", "paper jam"]).tolist() == [False, True, False]
