"""Decides which column of a file holds which field of the product's rows."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from features.errors import HistoryError
from features.history import ColumnMapping

ATTRIBUTE_PREFIX = "attributes."


def columns_of_fields(mapping: ColumnMapping, *, columns: Sequence[str], known_fields: Sequence[str]) -> dict[str, str]:
    """Return the file's column of every field that it has one for; attributes come as `attributes.NAME`.

    A field that is not mapped is read from the column of its own name, unless that column was mapped
    to another field. Raises HistoryError for a mapped column that the file lacks.
    """
    found = {name: existing_column(column, columns=columns) for name, column in mapping.columns.items()}
    taken = set(found.values())
    for column in columns:
        is_field = column in known_fields or _is_attribute(column, known_fields)
        if is_field and column not in taken:
            found.setdefault(column, column)
    return found


def existing_column(column: str, *, columns: Sequence[str]) -> str:
    """Return `column`, or raise HistoryError with the file's columns and the one that was probably meant."""
    if column in columns:
        return column
    by_folded = {name.casefold(): name for name in columns}
    near = difflib.get_close_matches(column.casefold(), by_folded, n=1, cutoff=0.6)
    meant = f" Did you mean '{by_folded[near[0]]}'?" if near else ""
    raise HistoryError(f"The file has no column '{column}'.{meant} Its columns are: {', '.join(columns)}.")


def unread_columns(found: Mapping[str, str], *, columns: Sequence[str], known_fields: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for every column that is left unread though it has a field's name in other letters."""
    used = set(found.values())
    return tuple(
        f"The column '{column}' is not read. If it is the {column.casefold()}, add --map {column.casefold()}={column}"
        for column in columns
        if column not in used and column.casefold() in known_fields and column.casefold() not in found
    )


def _is_attribute(column: str, known_fields: Sequence[str]) -> bool:
    return column.startswith(ATTRIBUTE_PREFIX) and len(column) > len(ATTRIBUTE_PREFIX) and "attributes" in known_fields
