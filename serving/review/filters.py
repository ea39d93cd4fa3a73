"""What of the queue somebody asked to see, read from an address and written into it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from features.taxonomy import TARGET_NAMES
from serving.storage.reviewing import QueueFilter

_LONGEST = 200
_KINDS: Mapping[str, bool] = MappingProxyType({"audits": True, "others": False})
_NAMES = ("connection", "ticket_language", "group", "target", "label", "q", "kind", "minutes")


@dataclass(frozen=True, slots=True)
class FilterChoice:
    """A filter of the queue and the part of an address that says it; `suffix` is that part with its "?", if any."""

    chosen: QueueFilter
    query: Mapping[str, str]

    @property
    def is_any(self) -> bool:
        """Whether anything is left out."""
        return any(name != "minutes" for name in self.query)

    @property
    def leaves_audits_out(self) -> bool:
        """Whether audits are left out, which to be found would tell what was suggested."""
        return bool(self.chosen.label or self.chosen.target or self.chosen.group)

    @property
    def suffix(self) -> str:
        """The part of an address that says the filter."""
        return f"?{urlencode(self.query)}" if self.query else ""

    def with_more(self, **more: str) -> str:
        """Return the part of an address that says the filter and more."""
        asked = {**self.query, **{name: value for name, value in more.items() if value}}
        return f"?{urlencode(asked)}" if asked else ""


def read_filters(asked: Mapping[str, str]) -> FilterChoice:
    """Return the filter that an address asks for; what cannot be understood filters nothing."""
    given = {name: asked.get(name, "").strip()[:_LONGEST] for name in _NAMES}
    if given["target"] not in TARGET_NAMES:
        given["target"] = ""
    if given["kind"] not in _KINDS:
        given["kind"] = ""
    chosen = QueueFilter(
        connection=given["connection"],
        language=given["ticket_language"],
        group=given["group"],
        # A target alone says nothing: every ticket has a suggestion for it.
        target=given["target"] if given["label"] else "",
        label=given["label"],
        text=given["q"],
        is_audit=_KINDS.get(given["kind"]),
    )
    return FilterChoice(chosen, {name: value for name, value in given.items() if value})
