"""Bytes to JSON values: what is no JSON, or can be read in two ways, is refused in one sentence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.json_body import MalformedBodyError, parse_json, writable

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON_VALUES)
@settings(max_examples=50, deadline=None)
def test_json_is_read_as_it_was_written(value: object) -> None:
    """Whatever can be written as JSON is read back the same."""
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No bytes whatever raise anything but a MalformedBodyError, and what is read can be written again."""
    try:
        value = parse_json(body)
    except MalformedBodyError:
        return
    json.dumps(value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON"),
        (b'{"subject": "vpn"', "line 1, column"),
        (b"subject=vpn", "no JSON"),
        (b'{"subject": "vpn"} {}', "Extra data"),
        (b'{"subject": "vpn", "subject": "mail"}', "'subject' twice"),
        (b'{"requester": {"id": 1, "id": 2}}', "'id' twice"),
        (b'{"csat": NaN}', "NaN"),
        (b'{"csat": -Infinity}', "-Infinity"),
        ("제목".encode("euc-kr"), "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"9" * 10_000, "number too long"),
    ],
)
def test_what_is_no_json_is_named(body: bytes, words: str) -> None:
    """The message says what is wrong with the body."""
    with pytest.raises(MalformedBodyError, match=words):
        parse_json(body)


def test_what_can_be_read_in_one_way_is_read() -> None:
    """A byte order mark, and line breaks that a template left unescaped, are no reason to refuse a ticket."""
    assert parse_json(b'\xef\xbb\xbf{"body": "first\nsecond\tend"}') == {"body": "first\nsecond\tend"}


@given(st.text(alphabet=st.characters(codec=None)))
@settings(max_examples=50, deadline=None)
def test_any_text_becomes_writable(text: str) -> None:
    """Whatever JSON can hold becomes text that can be written as UTF-8 and kept by a database."""
    written = writable(text)
    assert "\x00" not in written
    assert len(written) == len(text)
    written.encode()


def test_halves_of_characters_are_replaced_and_whole_ones_kept() -> None:
    """A lone surrogate becomes the replacement character; an emoji written as a pair stays."""
    assert writable(json.loads('"a\\ud800b\\u0000c"')) == "a�b�c"
    assert writable(json.loads('"\\ud83d\\ude00"')) == "😀"
