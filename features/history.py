"""Rows of histories, reviews, articles and labels, and the mapping from a customer's columns to them.

The dataclasses are the contract between whatever exports a history and whatever trains on it; the
pandera schemas of `features.history_checks` are derived from them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from features.articles import EVERYONE
from features.errors import HistoryError
from features.tickets import AttributeValue, Requester, Ticket


class LabelSource(StrEnum):
    """Who gave a label: its provenance decides how far it may be trusted."""

    HISTORY = "history"
    LEAD = "lead"
    AUDIT = "audit"
    PERSON_AT_CLOSE = "person at close"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Label:
    """The value of one target of one ticket, and where it comes from.

    `inclusion_probability` is the chance with which the ticket was drawn for review (1 for a history).
    """

    value: str
    source: LabelSource = LabelSource.HISTORY
    at: datetime | None = None
    weight: float = 1.0
    inclusion_probability: float = 1.0
    model_version: str = ""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A past ticket: what was known at intake, the labels people gave it, and how it ended.

    Only the fields that `ticket()` carries over can become features; the labels and everything below
    them are known after intake. `duplicate_of` is the id of the ticket that this one repeats.
    """

    id: str
    subject: str = ""
    body: str = ""
    channel: str = ""
    requester: str = ""
    organization: str = ""
    product: str = ""
    language: str = ""
    created_at: datetime | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    category: str | None = None
    kind: str | None = None
    priority: str | None = None
    tier: str | None = None
    group: str | None = None
    impact: str | None = None
    urgency: str | None = None

    article_ids: tuple[str, ...] = ()
    duplicate_of: str = ""
    resolved_at: datetime | None = None
    first_response_at: datetime | None = None
    reassignments: int | None = None
    reopened: int | None = None
    csat: float | None = None
    resolution: str = ""

    def ticket(self) -> Ticket:
        """Return the ticket as it stood at intake; its group is a label here, so it is not carried over."""
        return Ticket(
            id=self.id,
            subject=self.subject,
            body=self.body,
            channel=self.channel,
            requester=Requester(id=self.requester, organization=self.organization),
            product=self.product,
            language=self.language,
            created_at=self.created_at,
            attributes=self.attributes,
        )


def without_attributes(row: HistoryRow, names: Collection[str]) -> HistoryRow:
    """Return the row without the attributes of these names, so that nothing is learned from them."""
    if row.attributes.keys().isdisjoint(names):
        return row
    return replace(row, attributes={name: value for name, value in row.attributes.items() if name not in names})


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """The label that one target of a ticket got after intake, and what was suggested for it then.

    `reviewer` tells people apart and names nobody. The ticket's text, redacted, is there so that a ticket which no
    history holds can be learned from; it is empty where it is no longer kept. A row whose source is `unconfirmed` is no
    label: it says that the value which the history shows is our own.
    """

    ticket_id: str
    target: str
    value: str
    source: LabelSource
    suggested: str = ""
    at: datetime | None = None
    weight: float = 1.0
    inclusion_probability: float = 1.0
    model_version: str = ""
    connection: str = ""
    reviewer: str = ""
    language: str = ""
    subject: str = ""
    body: str = ""

    def label(self) -> Label:
        """Return the label with its provenance."""
        return Label(
            value=self.value,
            source=self.source,
            at=self.at,
            weight=self.weight,
            inclusion_probability=self.inclusion_probability,
            model_version=self.model_version,
        )


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """A row of a knowledge-base export."""

    id: str
    title: str
    body: str = ""
    language: str = ""
    url: str = ""
    tags: tuple[str, ...] = ()
    audience: str = EVERYONE
    updated_at: datetime | None = None


# What `HistoryRow.ticket` carries over, and so all that may become a feature.
_TEXTS, _CIRCUMSTANCES = ("subject", "body"), ("channel", "requester", "organization", "product", "language")
INTAKE_FIELDS = (*_TEXTS, *_CIRCUMSTANCES, "created_at", "attributes")
TICKET_FIELDS = tuple(row_field.name for row_field in fields(HistoryRow))
ARTICLE_FIELDS = tuple(row_field.name for row_field in fields(ArticleRow))
REVIEW_FIELDS = tuple(row_field.name for row_field in fields(ReviewRow))


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which of the customer's columns holds which of the product's fields.

    A field that is not mapped is read from the column of its own name, where there is one. A field
    `attributes.NAME` maps a column of the customer's own to an attribute of the ticket.
    """

    columns: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_options(cls, options: list[str], *, known_fields: tuple[str, ...]) -> ColumnMapping:
        """Return the mapping stated as `FIELD=COLUMN` options; raise HistoryError for one that is not."""
        columns: dict[str, str] = {}
        for option in options:
            name, separator, column = option.partition("=")
            if not separator or not column:
                raise HistoryError(f"'{option}' is no mapping. Write FIELD=COLUMN, as in --map body=Description.")
            columns[name.strip()] = column.strip()
        return cls(columns).checked(known_fields)

    @classmethod
    def from_toml(cls, path: Path, *, known_fields: tuple[str, ...]) -> ColumnMapping:
        """Read a mapping saved by `to_toml`; raise HistoryError where the file is missing or broken."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise HistoryError(f"The mapping file '{path}' does not exist. Save one with --save-mapping.") from None
        except OSError as error:
            raise HistoryError(f"The mapping file '{path}' cannot be read: {error.strerror}. Name a file.") from None
        except UnicodeDecodeError:
            raise HistoryError(f"The mapping file '{path}' is not in UTF-8. Save it in that encoding.") from None
        except tomllib.TOMLDecodeError as error:
            raise HistoryError(f"The mapping file '{path}' is no valid TOML: {error}.") from None
        columns = table.get("columns")
        if not isinstance(columns, dict) or not all(isinstance(column, str) for column in columns.values()):
            raise HistoryError(
                f"The mapping file '{path}' needs a table [columns] with lines like body = \"Description\"."
            )
        return cls({str(name): str(column) for name, column in columns.items()}).checked(known_fields)

    def to_toml(self) -> str:
        """Return the mapping as TOML."""
        lines = ["[columns]"]
        lines += [f"{_toml_string(name)} = {_toml_string(column)}" for name, column in self.columns.items()]
        return "\n".join(lines) + "\n"

    def merged(self, other: ColumnMapping) -> ColumnMapping:
        """Return this mapping with the entries of another laid over it."""
        return ColumnMapping({**self.columns, **other.columns})

    def checked(self, known_fields: tuple[str, ...]) -> ColumnMapping:
        """Return this mapping, or raise HistoryError for a field that the product does not know."""
        for name in self.columns:
            if name not in known_fields and not (name.startswith("attributes.") and "attributes" in known_fields):
                raise HistoryError(
                    f"Unknown field '{name}'. The fields are: {', '.join(known_fields)}; "
                    "a column of your own is mapped as attributes.NAME=COLUMN."
                )
        return self


def _toml_string(text: str) -> str:
    # JSON escapes as TOML does, but for this one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
