"""Reads histories of tickets and knowledge bases into rows, and takes their fingerprint.

Which labels count is `training.labels`, what is learned from them `training.targets`, splits are
`training.splits`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from features.errors import RowProblem
from features.history import ArticleRow, ColumnMapping, HistoryRow, ReviewRow
from features.history_checks import article_schema, history_schema
from features.taxonomy import TARGET_NAMES
from training.event_log import EventLog, tickets_of_events
from training.labels import LabelRestriction, require_target, restricted, without_defaults
from training.readers import read_table
from training.recipe import TierRecipe
from training.tables import checked_table
from training.tiers import with_tiers

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_TIERS = TierRecipe()


@dataclass(frozen=True, slots=True)
class HistoryTable:
    """The valid rows of a history in the file's order, and what was left out on the way.

    `columns` names the column of each field. `kept_columns` holds the file's own text of the columns asked
    for, `lines` the line of each row.
    `default_counts` and `restricted_counts` tell for a target how many labels were no choice of a
    person, and how many stand in rows where they do not count.
    """

    rows: tuple[HistoryRow, ...]
    lines: tuple[int, ...]
    read_count: int
    invalid_count: int
    duplicates_count: int
    report: tuple[RowProblem, ...]
    present_targets: tuple[str, ...]
    warnings: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    kept_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default_counts: Mapping[str, int] = field(default_factory=dict)
    restricted_counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArticleTable:
    """The valid rows of a knowledge base in the file's order, and what was left out on the way."""

    rows: tuple[ArticleRow, ...]
    lines: tuple[int, ...]
    read_count: int
    invalid_count: int
    duplicates_count: int
    report: tuple[RowProblem, ...]
    warnings: tuple[str, ...]


def read_history(
    path: Path,
    *,
    mapping: ColumnMapping | None = None,
    drop_invalid: bool = False,
    defaults: Mapping[str, str] = _NOTHING,
    restrictions: Sequence[LabelRestriction] = (),
    keep_columns: Sequence[str] = (),
    events: EventLog | None = None,
    tiers: TierRecipe = _NO_TIERS,
    tier_order: Sequence[str] | None = None,
    now: datetime | None = None,
) -> HistoryTable:
    """Read a history of tickets.

    `defaults` names for a target the value that nobody chose: it is no label. `restrictions` say in
    which rows the labels of a target count. `keep_columns` are handed on as they stand in the file.
    `events` says how a log of several rows a ticket is read; the tier is told by `tiers`, whose order
    `tier_order` may state, where no column states it. No date may lie after `now`, which is the present
    where it is not given.

    Raises HistoryError for a file or a column that cannot be used, InvalidRowsError for rows that
    break the checks unless `drop_invalid` leaves them out, RecipeError for an unknown target.
    """
    now = now or datetime.now(UTC)
    for target in (*defaults, *(restriction.target for restriction in restrictions)):
        require_target(target)
    cells, mapping, trails = read_table(path), mapping or ColumnMapping(), None
    if events is not None:
        logged = tickets_of_events(cells, mapping=mapping, log=events, now=now)
        cells, mapping, trails = logged.cells, logged.mapping, logged.trails
    table = checked_table(
        cells,
        file_name=path.name,
        row_type=HistoryRow,
        schema=history_schema(now=now),
        mapping=mapping,
        now=now,
        drop_invalid=drop_invalid,
        needed_columns=(*keep_columns, *(restriction.column for restriction in restrictions)),
    )
    lines = table.cells.index.tolist()
    tiered = with_tiers(
        table.values,
        trails=None if trails is None else [trails[line] for line in lines],
        rules=tiers,
        stated_order=tier_order,
    )
    chosen = without_defaults(tiered.values, defaults)
    counting = restricted(chosen.values, restrictions, cells=table.cells)
    values = counting.values
    return HistoryTable(
        rows=tuple(HistoryRow(**row) for row in _as_rows(values)),
        lines=tuple(lines),
        columns=table.columns,
        read_count=table.read_count,
        invalid_count=table.invalid_count,
        duplicates_count=table.duplicates_count,
        report=table.report,
        present_targets=tuple(name for name in TARGET_NAMES if any(values.get(name, ()))),
        warnings=(*table.warnings, *tiered.warnings, *chosen.warnings, *counting.warnings),
        kept_columns={column: tuple(table.cells[column].tolist()) for column in keep_columns},
        default_counts=chosen.removed_counts,
        restricted_counts=counting.removed_counts,
    )


def read_articles(
    path: Path, *, mapping: ColumnMapping | None = None, drop_invalid: bool = False, now: datetime | None = None
) -> ArticleTable:
    """Read a knowledge base; raises and drops as `read_history` does."""
    now = now or datetime.now(UTC)
    table = checked_table(
        read_table(path),
        file_name=path.name,
        row_type=ArticleRow,
        schema=article_schema(now=now),
        mapping=mapping or ColumnMapping(),
        now=now,
        drop_invalid=drop_invalid,
    )
    return ArticleTable(
        rows=tuple(ArticleRow(**row) for row in _as_rows(table.values)),
        lines=tuple(table.cells.index.tolist()),
        read_count=table.read_count,
        invalid_count=table.invalid_count,
        duplicates_count=table.duplicates_count,
        report=table.report,
        warnings=table.warnings,
    )


def fingerprint(rows: Iterable[HistoryRow | ReviewRow] | Iterable[ArticleRow]) -> str:
    """Return the SHA-256 of the rows as canonical JSON; another order of rows is another fingerprint."""
    digest = hashlib.sha256()
    for row in rows:
        values = {row_field.name: getattr(row, row_field.name) for row_field in fields(row)}
        line = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_json_value)
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _json_value(value: object) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _as_rows(values: Mapping[str, list[Any]]) -> Iterable[dict[str, Any]]:
    return (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
