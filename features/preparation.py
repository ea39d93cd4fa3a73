"""From a ticket as it arrived to the text and fields that a model may see: cleaned, redacted, in the site's words.

Training and serving prepare tickets here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from features.glossary import Glossary
from features.languages import Language, detect_language
from features.reach import REACH, reach_of
from features.redaction import redact
from features.slips import Mended, SlipMender
from features.text import clean_text
from features.tickets import AttributeValue, Ticket
from features.tone import POLITE, TONE, is_polite, without_tone


@dataclass(frozen=True, slots=True)
class PreparedTicket:
    """A ticket's text free of noise and personal data, and its fields at intake.

    `typed` has for a token that was a slip to the other keyboard layout what stands in the ticket.
    """

    id: str
    subject: str
    body: str
    language: Language
    fields: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Subject and body in one."""
        return f"{self.subject}\n{self.body}" if self.subject else self.body

    @property
    def line(self) -> str:
        """Subject and body in one line: what an encoder reads."""
        return " ".join(self.text.split())


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares tickets and article texts with a site's glossary and its own patterns of personal data.

    Slips to the other keyboard layout are mended where a model is there, whose vocabulary tells them.
    """

    glossary: Glossary
    site_patterns: Sequence[re.Pattern[str]] = ()
    slips: SlipMender | None = None

    def prepare(self, ticket: Ticket) -> PreparedTicket:
        """Return the prepared ticket; the language is told from the cleaned text.

        That it was asked for politely leaves the text and becomes a field, which not every target may see; for how many
        something is broken becomes one, too.
        """
        read = [self._read(text) for text in (ticket.subject, ticket.body)]
        subject, body = (self.glossary.apply(each.text) for each in read)
        fields, numbers = _fields(ticket)
        if is_polite(f"{subject}\n{body}"):
            fields[TONE] = POLITE
        reach = reach_of(f"{subject}\n{body}")
        if reach is not None:
            fields[REACH] = reach.value
        language = detect_language(f"{subject}\n{body}")
        typed = {**read[0].typed, **read[1].typed}
        return PreparedTicket(ticket.id, without_tone(subject), without_tone(body), language, fields, numbers, typed)

    def prepare_text(self, raw: str) -> str:
        """Return a text cleaned, redacted and in the glossary's words."""
        return self.glossary.apply(self._redacted(clean_text(raw)))

    def _read(self, raw: str) -> Mended:
        """Return a text cleaned, redacted and without slips."""
        text = self._redacted(clean_text(raw))
        mended = Mended(text) if self.slips is None else self.slips.mend(text)
        # Before, a password that would be Korean on the other layout is told; now, a name that was typed on it.
        return replace(mended, text=self._redacted(mended.text)) if mended.text != text else mended

    def _redacted(self, text: str) -> str:
        return redact(text, site_patterns=self.site_patterns) if text else ""


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
