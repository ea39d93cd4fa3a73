"""Turns the text of cells into the values of the product's rows: labels, lists, numbers, attributes.

Knows single columns only; whether a value may stand in its row is checked in `features.history_checks`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

from features.characters import mend_characters
from features.tickets import AttributeValue

_WHOLE_NUMBER = re.compile(r"^(-?\d+)\.0+$")
_NUMBER = re.compile(r"^-?(?:0|[1-9]\d*)?(?:\.\d+)?(?:[eE][-+]?\d{1,3})?$")
_SEPARATORS = re.compile(r"[,;\s]+")
_TAG_SEPARATORS = re.compile(r"\s*[,;\n]\s*")
_WORDS_FOR_NOTHING = ("n/a", "na", "nan", "nat", "null", "(null)", "none", "없음", "미정")
_NOTHING = frozenset(("", "?", "-", "--", "\\n", "0000-00-00", "0000-00-00 00:00:00", *_WORDS_FOR_NOTHING))
_TRUTHS: Mapping[str, bool] = {"true": True, "false": False}


def is_blank(cell: str) -> bool:
    """Return whether a cell of a date or a number says nothing: it is empty, or holds a word or sign for that."""
    return cell.strip().casefold() in _NOTHING


def label_of(cell: str) -> str | None:
    """Return the label that a cell holds, None for an empty one.

    Wrongly decoded letters are mended, Hangul is composed, runs of spaces are one, and `3.0` is `3`.
    """
    return without_trailing_zero(" ".join(mend_characters(cell).split())) or None


def without_trailing_zero(text: str) -> str:
    """Return `3` for `3.0`, which is what a spreadsheet makes of a column of numbers with gaps; else the text."""
    whole = _WHOLE_NUMBER.match(text)
    return whole.group(1) if whole else text


def list_of(cell: str, *, spaces_separate: bool) -> tuple[str, ...]:
    """Return the entries of a cell that holds a JSON list or entries between commas, semicolons or line breaks.

    Without `spaces_separate` spaces stay part of an entry. Repeated entries come once.
    """
    text = cell.strip()
    if text.startswith("["):
        try:
            entries = [str(entry).strip() for entry in json.loads(text) if entry is not None]
            return tuple(dict.fromkeys(filter(None, entries)))
        except (ValueError, TypeError, RecursionError):
            text = text.strip("[]").replace("'", "").replace('"', "")
    separators = _SEPARATORS if spaces_separate else _TAG_SEPARATORS
    return tuple(dict.fromkeys(filter(None, separators.split(text))))


def number_of(cell: str) -> float | None:
    """Return the number that a cell holds (`1,234.5` too; yes and no count as 1 and 0), None for anything else."""
    text = cell.strip()
    truth = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}.get(text.casefold())
    if truth is not None:
        return truth
    try:
        number = float(text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text) else text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def attribute_column(cells: Sequence[str]) -> list[AttributeValue | None]:
    """Return the values of an attribute: numbers or truths where all of its cells are, else text; None where empty.

    Digits with leading zeros are codes, not numbers.
    """
    stripped = [cell.strip() for cell in cells]
    filled = [cell for cell in stripped if cell]
    if filled and all(cell.casefold() in _TRUTHS for cell in filled):
        return [_TRUTHS[cell.casefold()] if cell else None for cell in stripped]
    if filled and all(_NUMBER.match(cell) and number_of(cell) is not None for cell in filled):
        return [float(cell) if cell else None for cell in stripped]
    return [cell or None for cell in stripped]


def attributes_of(cell: str) -> dict[str, AttributeValue] | None:
    """Return the attributes of a cell that holds a flat JSON object, none for an empty cell, None for anything else."""
    if not cell.strip():
        return {}
    try:
        entries = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, dict):
        return None
    known = {str(name): value for name, value in entries.items() if isinstance(value, (str, bool, int, float))}
    return {name: float(value) if type(value) in (int, float) else value for name, value in known.items()}
