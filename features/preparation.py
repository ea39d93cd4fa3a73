"""From a ticket as it arrived to the text and fields that a model may see: cleaned, redacted, in the site's words.

Training and serving prepare tickets here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from features.glossary import Glossary
from features.languages import Language, detect_language
from features.redaction import redact
from features.text import clean_text
from features.tickets import AttributeValue, Ticket


@dataclass(frozen=True, slots=True)
class PreparedTicket:
    """A ticket's text free of noise and personal data, and its fields at intake."""

    id: str
    subject: str
    body: str
    language: Language
    fields: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Subject and body in one."""
        return f"{self.subject}\n{self.body}" if self.subject else self.body


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares tickets and article texts with a site's glossary and its own patterns of personal data."""

    glossary: Glossary
    site_patterns: Sequence[re.Pattern[str]] = ()

    def prepare(self, ticket: Ticket) -> PreparedTicket:
        """Return the prepared ticket; the language is told from the cleaned text."""
        subject = self.prepare_text(ticket.subject)
        body = self.prepare_text(ticket.body)
        fields, numbers = _fields(ticket)
        language = detect_language(f"{subject}\n{body}")
        return PreparedTicket(ticket.id, subject, body, language, fields, numbers)

    def prepare_text(self, raw: str) -> str:
        """Return a text cleaned, redacted and in the glossary's words."""
        if not raw:
            return ""
        return self.glossary.apply(redact(clean_text(raw), site_patterns=self.site_patterns))


def _fields(ticket: Ticket) -> tuple[dict[str, str], dict[str, float]]:
    """Return the named text fields and numbers of a ticket; empty ones are left out.

    Who the requester is stays out: a name is personal data, and says little of a ticket to come.
    """
    fields = {
        "channel": ticket.channel,
        "product": ticket.product,
        "organization": ticket.requester.organization,
    }
    numbers: dict[str, float] = {}
    for prefix, attributes in (("requester.", ticket.requester.attributes), ("", ticket.attributes)):
        for name, value in attributes.items():
            _place(f"attributes.{prefix}{name}", value, fields=fields, numbers=numbers)
    return {name: redact(value.strip().casefold()) for name, value in fields.items() if value.strip()}, numbers


def _place(name: str, value: AttributeValue, *, fields: dict[str, str], numbers: dict[str, float]) -> None:
    if isinstance(value, bool):
        fields[name] = str(value)
    elif isinstance(value, int | float):
        numbers[name] = float(value)
    else:
        fields[name] = value
