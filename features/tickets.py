"""The ticket as this product knows it at intake, free of any helpdesk's wording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

AttributeValue: TypeAlias = str | float | bool


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks for help. Empty strings mean that the helpdesk did not say."""

    id: str = ""
    email: str = ""
    organization: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request for help as it arrived: text as sent, and the fields known at that moment.

    Nothing that is only known later (who solved it, when, after how many reassignments) belongs here,
    so that nothing of it can become a feature.
    """

    id: str = ""
    subject: str = ""
    body: str = ""
    channel: str = ""
    requester: Requester = field(default_factory=Requester)
    product: str = ""
    group: str = ""
    language: str = ""
    created_at: datetime | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it tells nothing that a model may learn from: neither text nor a field of intake."""
        texts = (self.subject, self.body, self.channel, self.product, self.requester.organization)
        told = (*texts, *self.attributes.values(), *self.requester.attributes.values())
        return not any(str(value).strip() for value in told)
