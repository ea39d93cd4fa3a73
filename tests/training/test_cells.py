"""Cells become labels, lists, numbers and attributes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.cells import attribute_column, attributes_of, is_blank, label_of, list_of, number_of


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("  network ", "network"),
        ("", None),
        (" \t", None),
        ("3.0", "3"),
        ("3.5", "3.5"),
        ("P1", "P1"),
        ("None", "None"),
        ("network_x000D_", "network"),
        ("two\n words", "two words"),
        ("VerfÃ¼gbarkeit", "Verfügbarkeit"),
        ("\u1100\u1175\u11ab\u1100\u1173\u11b8", "긴급"),
        ("긴급".encode().decode("cp1252"), "긴급"),
    ],
)
def test_labels_are_tidied(cell: str, label: str | None) -> None:
    """Spaces, line ends, wrong encodings, decomposed Hangul and a spreadsheet's `.0` do not make another label."""
    assert label_of(cell) == label


@pytest.mark.parametrize(
    ("cell", "entries"),
    [
        ("KB-1, KB-2;KB-3 KB-1", ("KB-1", "KB-2", "KB-3")),
        ('["KB-1", "KB-2", null, 7]', ("KB-1", "KB-2", "7")),
        ("['KB-1', 'KB-2']", ("KB-1", "KB-2")),
        ("", ()),
        (" ; , ", ()),
    ],
)
def test_article_ids_are_taken_apart(cell: str, entries: tuple[str, ...]) -> None:
    """Ids stand between commas, semicolons or spaces, or in a JSON list; each counts once."""
    assert list_of(cell, spaces_separate=True) == entries


def test_tags_may_hold_spaces() -> None:
    """Where spaces do not separate, they belong to the entry."""
    assert list_of("shared folder; 가입 절차, vpn", spaces_separate=False) == ("shared folder", "가입 절차", "vpn")


@pytest.mark.parametrize(
    ("cell", "number"),
    [("4", 4.0), (" 4.5 ", 4.5), ("1,234.5", 1234.5), ("-1", -1.0), ("true", 1.0), ("No", 0.0)]
    + [(cell, None) for cell in ("four", "", "nan", "inf", "1e999", "1,2", "4/5")],
)
def test_numbers_are_read(cell: str, number: float | None) -> None:
    """A number may have thousands separators; what is not finite or no number at all is none."""
    assert number_of(cell) == number


def test_signs_for_nothing_are_blank() -> None:
    """What exports write where there is no date or number is blank; a word that is merely wrong is not."""
    assert all(is_blank(cell) for cell in ("", " ", "?", "-", "N/A", "null", "NaT", "\\N", "없음", "0000-00-00"))
    assert not any(is_blank(cell) for cell in ("soon", "0", "x"))


def test_an_attribute_has_one_type() -> None:
    """A column is numbers or truths where all of it is; codes with leading zeros stay text."""
    assert attribute_column(["3", "", "4.5"]) == [3.0, None, 4.5]
    assert attribute_column(["true", "False", ""]) == [True, False, None]
    assert attribute_column(["3", "third"]) == ["3", "third"]
    assert attribute_column(["007", "008"]) == ["007", "008"]
    assert attribute_column(["", " "]) == [None, None]


def test_attributes_come_from_a_flat_object() -> None:
    """A JSON object gives its plain values, an empty cell none, and anything else is refused."""
    assert attributes_of('{"floor": 3, "site": "Busan", "vip": true, "deep": {}}') == {
        "floor": 3.0,
        "site": "Busan",
        "vip": True,
    }
    assert attributes_of(" ") == {}
    assert attributes_of("[1]") is None
    assert attributes_of("{") is None


@given(st.text(max_size=60))
def test_any_cell_can_be_tidied(cell: str) -> None:
    """Tidying a label twice changes nothing more, and no cell breaks a list or a number."""
    label = label_of(cell)
    assert label is None or label_of(label) == label
    assert "" not in list_of(cell, spaces_separate=True)
    number_of(cell)
    attributes_of(cell)
