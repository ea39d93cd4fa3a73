"""A knowledge-base article and who may read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class KbArticle:
    """An article of the helpdesk's knowledge base; `audience` is `everyone` or the group that may read it."""

    id: str
    title: str
    body: str = ""
    language: str = ""
    url: str = ""
    tags: tuple[str, ...] = ()
    audience: str = EVERYONE
    updated_at: datetime | None = None
