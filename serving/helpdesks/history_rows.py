"""A closed ticket as a row of history: what was known at intake and the labels that it had at the end.

The same for every helpdesk; how a ticket ended each of them tells in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from features.history import HistoryRow
from features.taxonomy import TARGET_NAMES
from features.tickets import Ticket
from serving.connections import Connection
from serving.notes import markers_in


def labelled_row(ticket: Ticket, natives: Mapping[str, str], *, connection: Connection) -> HistoryRow:
    """Return the row of a ticket with the labels that its values stand for, by target; an empty value is none."""
    labels: dict[str, Any] = {
        target: connection.label(target, native)
        for target, native in natives.items()
        if native and target in TARGET_NAMES
    }
    return HistoryRow(
        id=ticket.id,
        subject=ticket.subject,
        body=ticket.body,
        channel=ticket.channel,
        requester=ticket.requester.id,
        organization=ticket.requester.organization,
        product=ticket.product,
        language=ticket.language,
        created_at=ticket.created_at,
        attributes=ticket.attributes,
        **labels,
    )


def linked_articles(texts: Iterable[str], link: re.Pattern[str]) -> tuple[str, ...]:
    """Return the ids of the articles that comments and notes link to, each once.

    What we suggest in a note of ours is no sign that anybody found it helpful, and must not be learned from.
    """
    found = (link.findall(text) for text in texts if not markers_in(text))
    return tuple(dict.fromkeys(article_id for ids in found for article_id in ids))
