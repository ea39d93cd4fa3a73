"""Groups are dealt out whole, and every part gets its share of every label."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.stratification import TRAIN, stratified_parts

_SHARES = {2: 0.15, 1: 0.15}


def _history(*, seed: int) -> tuple[np.ndarray, list[str]]:
    """Return groups and labels of 4,000 rows: half of the rows in groups of two to thirty, labels of 5 to 50 %."""
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([rng.integers(2, 31, size=125), np.ones(4000, np.int64)])
    groups = np.repeat(np.arange(len(sizes)), sizes)[:4000]
    label_of_group = rng.choice(list("abcde"), size=groups.max() + 1, p=[0.5, 0.25, 0.12, 0.08, 0.05])
    strays = rng.random(4000) < 0.1
    labels = np.where(strays, rng.choice(list("abcde"), size=4000), label_of_group[groups])
    return groups, labels.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_groups_stay_whole_and_shares_hold(seed: int) -> None:
    """Each part has its share of all rows within a point, and of every label within two."""
    groups, labels = _history(seed=seed)
    part = stratified_parts(groups, labels, shares=_SHARES, seed=seed).part
    assert all(len(set(part[groups == group].tolist())) == 1 for group in set(groups.tolist()))
    for number, share in _SHARES.items():
        assert abs(np.mean(part == number) - share) < 0.01
        for label in "abcde":
            of_label = part[np.array(labels) == label]
            assert abs(np.mean(of_label == number) - share) < 0.02


def test_groups_are_spread_over_the_parts() -> None:
    """No part is made of groups alone or of single rows alone: groups have their share in each."""
    shares = []
    for seed in range(6):
        groups, labels = _history(seed=seed)
        part = stratified_parts(groups, labels, shares=_SHARES, seed=seed).part
        in_group = np.bincount(groups)[groups] > 1
        shares.append([in_group[part == number].mean() / in_group.mean() for number in (0, 1, 2)])
    assert np.all(np.abs(np.mean(shares, axis=0) - 1) < 0.25)


def test_the_seed_decides() -> None:
    """The same seed deals alike, another otherwise."""
    groups, labels = _history(seed=0)
    first, again, other = (stratified_parts(groups, labels, shares=_SHARES, seed=seed).part for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_group_that_is_too_large_goes_to_training() -> None:
    """A chain of near duplicates that spans more than a twentieth of the rows is learned from, and counted."""
    groups = np.array([0] * 300 + list(range(1, 701)))
    dealt = stratified_parts(groups, ["a"] * 1000, shares=_SHARES, seed=0)
    assert set(dealt.part[:300].tolist()) == {TRAIN}
    assert dealt.oversized_count == 300
    assert np.count_nonzero(dealt.part == 2) == 150


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_label_is_tested(seed: int) -> None:
    """A label with two tickets has one in the test and one in training, be they alone or in groups."""
    labels = ["a"] * 90 + ["b", "b"] + ["c"] * 4 + ["d"] * 3 + [None]
    groups = np.array([*range(92), 92, 92, 93, 93, *range(94, 97), 97])
    part = stratified_parts(groups, labels, shares=_SHARES, seed=seed).part
    by_label = {label: part[[other == label for other in labels]].tolist() for label in "bcd"}
    assert sorted(by_label["b"]) == [TRAIN, 2]
    assert sorted(by_label["c"]) == [TRAIN, TRAIN, 2, 2]
    assert sorted(by_label["d"]) == [TRAIN, 1, 2]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", "c", None])), min_size=1, max_size=60),
    st.integers(0, 3),
)
@settings(max_examples=100, deadline=None)
def test_any_history_can_be_dealt(rows: list[tuple[int, str | None]], seed: int) -> None:
    """Whatever groups and labels, groups stay whole and every label keeps a row in training."""
    groups = np.array([group for group, _ in rows])
    labels = [label for _, label in rows]
    part = stratified_parts(groups, labels, shares=_SHARES, seed=seed).part
    assert all(len(set(part[groups == group].tolist())) == 1 for group in set(groups.tolist()))
    assert all(TRAIN in part[[other == label for other in labels]] for label in set(labels))
