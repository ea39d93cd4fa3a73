"""Targets and the order of their labels."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import RecipeError
from features.taxonomy import NOMINAL_TARGETS, ORDINAL_TARGETS, TARGET_NAMES, Target, TargetKind, target_from_labels

# Scales as helpdesks write them, most pressing first.
_SCALES = [
    ("P1", "P2", "P3", "P4", "P5"),
    ("urgent", "high", "normal", "low"),
    ("Critical", "High", "Medium", "Low"),
    ("Blocker", "Highest", "Major", "Minor", "Trivial"),
    ("긴급", "높음", "보통", "낮음"),
    ("매우 높음", "높음", "중간", "낮음", "매우 낮음"),
    ("상", "중", "하"),
    ("1", "2", "3", "4", "5"),
    ("1.0", "2.0", "3.0"),
    ("1 - Critical", "2 - High", "3 - Moderate", "4 - Low", "5 - Planning"),
    ("Sev 1", "Sev 2", "Sev 3"),
    ("Priority 1", "Priority 2"),
    ("1순위", "2순위", "3순위"),
    ("2", "10", "11"),
    ("L1", "L2", "L3"),
    ("1차", "2차", "3차"),
    ("Tier 1", "Tier 2", "Tier 3"),
    ("Level 1", "Level 2"),
    ("1선", "2선"),
]


@pytest.mark.parametrize("scale", _SCALES, ids=lambda scale: scale[0])
@pytest.mark.parametrize("target", ORDINAL_TARGETS)
def test_a_well_known_scale_is_put_in_order(scale: tuple[str, ...], target: str) -> None:
    """The order of a scale as helpdesks write it is told from the words, whatever order they come in."""
    shuffled = list(scale)
    random.Random(4).shuffle(shuffled)
    assert target_from_labels(target, shuffled) == Target(target, TargetKind.ORDINAL, scale)


@given(
    scale=st.sampled_from(_SCALES),
    data=st.data(),
    pad=st.sampled_from(["", " "]),
    change=st.sampled_from([str, str.upper, str.lower, str.title]),
)
def test_case_spaces_and_missing_steps_do_not_matter(
    scale: tuple[str, ...], data: st.DataObject, pad: str, change: type[str]
) -> None:
    """Any steps of a scale, in any letters and with spaces around them, stand in the scale's order."""
    steps = data.draw(st.sets(st.sampled_from(range(len(scale))), min_size=1))
    labels = [pad + change(scale[step]) + pad for step in sorted(steps)]
    assert target_from_labels("priority", reversed(labels)).labels == tuple(labels)


@pytest.mark.parametrize(
    "labels",
    [
        ("high", "low", "asap"),  # a word of no scale
        ("high", "major", "low"),  # two words for one step
        ("P1", "high"),  # two scales
        ("P1", "1"),  # one step written twice
    ],
)
def test_an_order_that_cannot_be_told_says_how_to_state_it(labels: tuple[str, ...]) -> None:
    """Labels of no single scale are refused, with all of them and the option that states their order."""
    with pytest.raises(RecipeError, match="cannot be told") as failure:
        target_from_labels("urgency", labels)
    assert f"--order urgency={','.join(sorted(labels))}" in str(failure.value)


def test_a_stated_order_wins() -> None:
    """What is stated goes before what a scale would say, and may name labels that the history lacks."""
    target = target_from_labels("tier", ["1", "2", "3"], stated_order=("3", "9", "1", "2"))
    assert target.labels == ("3", "1", "2")


@pytest.mark.parametrize(
    ("name", "order", "message"),
    [
        ("priority", ("high",), "lacks the label 'low'.*high, low"),
        ("priority", ("high", "low", "high"), "names 'high' twice"),
        ("category", ("high", "low"), "'category' is no scale"),
    ],
)
def test_a_stated_order_that_cannot_be_used_is_refused(name: str, order: tuple[str, ...], message: str) -> None:
    """An order that lacks a label, names one twice, or is of a target without order is an error that says so."""
    with pytest.raises(RecipeError, match=message):
        target_from_labels(name, ["low", "high"], stated_order=order)


@pytest.mark.parametrize("name", NOMINAL_TARGETS)
def test_nominal_labels_are_sorted_and_named_once(name: str) -> None:
    """Names have no order, so that the same history always gives the same target."""
    target = target_from_labels(name, ["vpn", "mail", "계정", "mail"])
    assert target == Target(name, TargetKind.NOMINAL, ("mail", "vpn", "계정"))


def test_a_target_is_either_named_or_ordered() -> None:
    """No target is of both kinds, and together they are all targets."""
    assert not set(NOMINAL_TARGETS) & set(ORDINAL_TARGETS)
    assert set(TARGET_NAMES) == {"category", "kind", "group", "priority", "tier", "impact", "urgency"}
