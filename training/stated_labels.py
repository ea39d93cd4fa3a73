"""Finds texts that state their own label, as a helpdesk's template does: `Assigned to: Network`, `[Billing] ...`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TAG = "[...]"
_STATED = re.compile(
    r"(?:^|[\[(|;,>])[ \t]*(?P<key>[^\W\d_][\w ./#-]{0,30}?)[ \t]*[:：=][ \t]*(?=(?P<value>[^\n]{1,120}))",
    re.MULTILINE,
)
_TAGGED = re.compile(r"^\s*\[(?P<value>[^\]\n]{1,120})\]")
# Forms and footers stand at the ends of a text.
_START_CHARACTERS, _END_CHARACTERS = 3000, 1000
# Fewer tickets, or a key that stands for a single label, may be chance; a form's topic that people correct is right
# less often.
_LEAST_TICKETS, _LEAST_SHARE, _RIGHT_SHARE = 20, 0.01, 0.95


@dataclass(frozen=True, slots=True)
class StatedLabel:
    """A key in the texts behind which the label stands: how many tickets have the key, and in how many it is right."""

    key: str
    tickets: int
    right: int


def stated_labels(texts: Sequence[str], labels: Mapping[int, str]) -> list[StatedLabel]:
    """Return the keys behind which a ticket's own label nearly always stands; `labels` are by place in `texts`.

    A tag in brackets at the start of a text is the key `TAG`.
    """
    tickets: Counter[str] = Counter()
    right: Counter[tuple[str, str]] = Counter()
    for place, label in labels.items():
        keys = _keys(texts[place], label.casefold())
        tickets.update(list(keys))
        right.update((key, label) for key, is_own in keys.items() if is_own)
    found = []
    for key, count in tickets.items():
        of_labels = [hits for (own, _), hits in right.items() if own == key]
        hits = sum(of_labels)
        if hits >= max(_LEAST_TICKETS, _LEAST_SHARE * len(labels), _RIGHT_SHARE * count) and len(of_labels) > 1:
            found.append(StatedLabel(key, count, hits))
    return found


def _keys(text: str, label: str) -> dict[str, bool]:
    """Return the keys of a text, and whether the label stands behind each."""
    if len(text) > _START_CHARACTERS + _END_CHARACTERS:
        text = f"{text[:_START_CHARACTERS]}\n{text[-_END_CHARACTERS:]}"
    text = text.casefold()
    found: dict[str, bool] = {}
    for match in _STATED.finditer(text):
        key, value = " ".join(match["key"].split()), match["value"]
        is_own = value.startswith(label) and not value[len(label) : len(label) + 1].isalnum()
        found[key] = found.get(key, False) or is_own
    if tag := _TAGGED.match(text):
        found[TAG] = tag["value"].strip() == label
    return found
