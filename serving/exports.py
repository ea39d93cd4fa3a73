"""A helpdesk's closed tickets and articles as JSON lines that training reads; the two share nothing but the row types.

Texts are cleaned and redacted as they are before anything is learned from them. What we wrote ourselves and nobody
touched is no label, and a forgotten ticket is no row. Knows no vendor, no web and no SQL.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

from features.errors import HistoryError
from features.history import ArticleRow, HistoryRow, ReviewRow
from features.redaction import redact
from features.taxonomy import TARGET_NAMES
from features.text import clean_text
from serving.connections import Connection, Vendor
from serving.helpdesks.interface import Helpdesk
from serving.storage.intake import ClosingStorage, EffectState, EffectStorage, FieldStatus, OriginalStorage

# ServiceNow makes each of these from the others: what we wrote into one is in all of them.
_COMPUTED_FROM_EACH_OTHER = frozenset({"priority", "impact", "urgency"})


class ExportStorage(Protocol):
    """What tells which values are our own, and which tickets were forgotten."""

    @property
    def effects(self) -> EffectStorage:
        """The effects."""

    @property
    def closings(self) -> ClosingStorage:
        """The closings."""

    @property
    def originals(self) -> OriginalStorage:
        """The originals."""


@dataclass(frozen=True, slots=True)
class ExportedTickets:
    """How many tickets were written, forgotten ones left out, and values left empty since they are our own."""

    tickets: int = 0
    forgotten: int = 0
    unconfirmed: int = 0


def export_tickets(
    connection: Connection, *, helpdesk: Helpdesk, storage: ExportStorage, since: datetime, file: Path
) -> ExportedTickets:
    """Write the closed tickets created since a moment; the file appears whole or not at all.

    Raises HelpdeskError, StorageError, and HistoryError where the file cannot be written.
    """
    forgotten = {one.ticket_id for one in storage.originals.tombstones() if one.connection == connection.name}
    unconfirmed = _unconfirmed_at_close(connection, storage.closings)
    counted = ExportedTickets()
    with whole_file(file) as lines:
        for row in helpdesk.history(since):
            if row.id in forgotten:
                counted = replace(counted, forgotten=counted.forgotten + 1)
                continue
            ours = unconfirmed.get(row.id, frozenset()) | _written_by_us(row, connection, storage.effects)
            ours &= {target for target in TARGET_NAMES if getattr(row, target) is not None}
            write_row(lines, redacted_ticket(_without_labels(row, ours)))
            counted = replace(counted, tickets=counted.tickets + 1, unconfirmed=counted.unconfirmed + len(ours))
    return counted


def export_articles(*, helpdesk: Helpdesk, file: Path) -> int:
    """Write the articles with their audience and return how many; raises as `export_tickets`."""
    count = 0
    with whole_file(file) as lines:
        for row in helpdesk.articles():
            write_row(lines, replace(row, title=_clean(row.title), body=_clean(row.body)))
            count += 1
    return count


def _without_labels(row: HistoryRow, targets: Collection[str]) -> HistoryRow:
    empty: dict[str, Any] = dict.fromkeys(targets)
    return replace(row, **empty)


def redacted_ticket(row: HistoryRow) -> HistoryRow:
    """Return a row without personal data and without what a helpdesk wraps around a text."""
    return replace(
        row,
        subject=_clean(row.subject),
        body=_clean(row.body),
        resolution=_clean(row.resolution),
        requester=_pseudonym(row.requester),
        organization=redact(row.organization),
        product=redact(row.product),
        attributes={name: redact(value) if isinstance(value, str) else value for name, value in row.attributes.items()},
    )


def _clean(text: str) -> str:
    # Cleaned first, as scoring does: a signature whose name is gone would be a signature no longer.
    return redact(clean_text(text)) if text else ""


def _pseudonym(requester: str) -> str:
    """Return an identifier as it is, and what stands for a requester whom the helpdesk knows by an address."""
    return requester if redact(requester) == requester else hashlib.sha256(requester.encode()).hexdigest()[:16]


def _unconfirmed_at_close(connection: Connection, closings: ClosingStorage) -> Mapping[str, frozenset[str]]:
    return {
        closing.ticket_id: _with_computed(
            {target for target, value in closing.values.items() if not value.is_confirmed}, connection
        )
        for closing in closings.closings(connection=connection.name)
    }


def _written_by_us(row: HistoryRow, connection: Connection, effects: EffectStorage) -> frozenset[str]:
    """Return the targets whose final value is one that we wrote, or may have written, and did not take back."""
    written: dict[str, set[str]] = {}
    for effect in effects.for_ticket(connection.name, ticket_id=row.id):
        if effect.state is EffectState.REVERTED:
            continue
        for one in effect.fields:
            if one.status is FieldStatus.WRITTEN:
                values = written.setdefault(one.target, set())
                values |= {connection.label(one.target, one.after).casefold(), one.label.casefold()}
    return _with_computed(
        {target for target, values in written.items() if (getattr(row, target) or "").casefold() in values}, connection
    )


def _with_computed(targets: Collection[str], connection: Connection) -> frozenset[str]:
    if connection.vendor is Vendor.SERVICENOW and not _COMPUTED_FROM_EACH_OTHER.isdisjoint(targets):
        return frozenset(targets) | _COMPUTED_FROM_EACH_OTHER
    return frozenset(targets)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """Open a file beside the one that is meant, which it replaces once all is written; only its owner may read it."""
    try:
        number, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise _unwritable(path, error) from None
    part = Path(name)
    try:
        # A helpdesk may hand out half of a surrogate pair, which no UTF-8 can hold.
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as lines:
            yield lines
            lines.flush()
            os.fsync(number)
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        part.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> HistoryError:
    return HistoryError(
        f"The file '{path.name}' cannot be written ({error.strerror}). Name a file in a folder that can be written to."
    )


def write_row(lines: IO[str], row: HistoryRow | ArticleRow | ReviewRow) -> None:
    """Write a row of a table as one line of JSON."""
    told = {column.name: getattr(row, column.name) for column in fields(row)}
    plain = {name: _plain(name, value) for name, value in told.items()}
    lines.write(json.dumps(plain, ensure_ascii=False) + "\n")


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if name == "attributes":
        # As text: read as columns of their own, a text that looks like a number would come back as one.
        return json.dumps(dict(value), ensure_ascii=False)
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
