"""What must never be stored is taken out of any JSON, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.storage.never_stored import without_secrets

_SECRETS = st.sampled_from(
    [
        "비밀번호: haneul!23",
        "password is Hunter2!x",
        "ghp_abcdefghijklmnopqrst12345",
        "900101-1234567",
        "4111 1111 1111 1111",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | _SECRETS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=8), parts, max_size=4),
    max_leaves=20,
)


def shape(value: Any) -> Any:
    """Return a value with every text replaced by nothing."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return "" if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("said", "kept", "secret"),
    [
        ("제 비번은 haneul!23 입니다", "제 비번은 [password] 입니다", "haneul"),
        ("password=Winter2026! 로그인이 안돼요", None, "Winter2026"),
        ("My password is Hunter2!x, please help", "My password is [password], please help", "Hunter2"),
        (
            "주민번호 900101-1234567 확인 부탁드립니다",
            "주민번호 [resident_number] 확인 부탁드립니다",
            "900101",
        ),
        ("Charge 4111 1111 1111 1111 again", "Charge [card] again", "4111"),
        ("token: ghp_abcdefghijklmnopqrst12345", "token: [token]", "ghp_"),
        ("https://minji:s3cret@host/x", "https://minji:[password]@host/x", "s3cret"),
        ("id/pw: hong / haneul!23", None, "haneul"),
    ],
)
def test_secrets_are_taken_out_of_text(said: str, kept: str | None, secret: str) -> None:
    """A password, token, resident or card number is replaced by its kind, in Korean and English, however deep."""
    cleaned = without_secrets({"ticket": {"comments": [{"body": said}]}})
    if kept is not None:
        assert cleaned == {"ticket": {"comments": [{"body": kept}]}}
    assert secret not in json.dumps(cleaned, ensure_ascii=False)


@pytest.mark.parametrize(
    "said",
    [
        "김민지 드림 minji.kim@example.com 010-1234-5678",
        "비밀번호를 어떻게 바꾸나요? 만료됐다고 나와요",
        "Error 0x80070005 on PRN-1204, order 4111111111111112",
        "",
        "   ",
    ],
)
def test_what_may_be_kept_stays(said: str) -> None:
    """Names, addresses, phone numbers and what an engineer needs stay as they are."""
    assert without_secrets({"body": said}) == {"body": said}


def test_secret_members_are_taken_out_whole() -> None:
    """What stands under a member called a password or token goes whole, whatever it looks like; no value stays."""
    told: Any = {"new_password": "haneul", "Api-Key": "a", "주민번호": "비밀", "token": "", "password": None}
    assert without_secrets(told) == {
        "new_password": "[password]",
        "Api-Key": "[token]",
        "주민번호": "[resident_number]",
        "token": "",
        "password": None,
    }


def test_ids_of_records_stay() -> None:
    """An id of 32 hexadecimal digits or a long number names a record; written into a text the first may be a key."""
    sys_id = "9d385017c611228701d22104cc95c371"
    told: Any = {"sys_id": sys_id, "caller_id": {"value": sys_id}, "id": "9001011234567", "tags": [sys_id]}
    assert without_secrets(told) == told
    assert without_secrets({"description": sys_id}) == {"description": "[token]"}


@given(_VALUES)
def test_shape_is_kept(value: Any) -> None:
    """Only texts change: names, order, numbers and nesting stay, and cleaning again changes nothing."""
    cleaned = without_secrets(value)
    assert shape(cleaned) == shape(value)
    assert without_secrets(cleaned) == cleaned


@given(_SECRETS, st.text(st.characters(categories=["Zs", "Po"]), max_size=3))
def test_no_secret_survives(secret: str, around: str) -> None:
    """Whatever spaces and signs stand around a secret's line, its characters are not in what is kept."""
    cleaned = json.dumps(without_secrets([f"{around}\n{secret}\n{around}"]), ensure_ascii=False)
    assert not any(part in cleaned for part in ("haneul", "Hunter2", "ghp_", "1234567", "4111"))
