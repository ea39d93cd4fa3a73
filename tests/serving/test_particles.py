"""Particles follow the last sound of a word."""

from __future__ import annotations

import pytest

from serving.particles import with_direction_particle, with_object_particle


@pytest.mark.parametrize(
    ("with_object", "with_direction"),
    [
        ("분류를", "분류로"),
        ("처리 그룹을", "처리 그룹으로"),
        ("메일을", "메일로"),
        ("긴급(본사)를", "긴급(본사)로"),
        ("3을", "3으로"),
        ("L1을", "L1로"),
        ("P2를", "P2로"),
        ("10을", "10으로"),
        ("VPN을", "VPN으로"),
        ("HR을", "HR로"),
        ("ERP를", "ERP로"),
        ("network를", "network로"),
        ("email을", "email로"),
        ("mobile을", "mobile로"),
        ("printing을", "printing으로"),
        ("question을", "question으로"),
        ("incident를", "incident로"),
        ("service-desk를", "service-desk로"),
        ("hardware를", "hardware로"),
        ("access를", "access로"),
        ("ticket을(를)", "ticket(으)로"),
        ("日本을(를)", "日本(으)로"),
        ("?을(를)", "?(으)로"),
        ("을(를)", "(으)로"),
    ],
)
def test_particles_follow_the_last_sound(with_object: str, with_direction: str) -> None:
    """을 and 으로 behind a consonant, 를 and 로 behind a vowel, 을 and 로 behind ㄹ; both where nobody can tell."""
    word = with_direction.removesuffix("(으)로").removesuffix("으로").removesuffix("로")
    assert (with_object_particle(word), with_direction_particle(word)) == (with_object, with_direction)
