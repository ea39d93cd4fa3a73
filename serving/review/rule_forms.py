"""A rule as the page's form writes it, and back. Pure; what a rule may say is checked by `read_rules`.

Moments are written in Korean time, which has no summer time, wherever the browser is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from features.errors import SettingsError
from features.taxonomy import TARGET_NAMES
from serving.oversight.rules import EVERY_TARGET
from serving.review.forms import Form

KOREAN_TIME = timezone(timedelta(hours=9))
FORCE = "force-"
_LISTS = ("words", "requesters", "channels")


def written_rule(form: Form) -> dict[str, Any]:
    """Return the rule of a form as plain JSON; raise SettingsError for a moment or an attribute that is none."""
    never = [name for name in form.all("never") if name in (*TARGET_NAMES, EVERY_TARGET)]
    return {
        "name": " ".join(form.one("name").split()),
        "when": {
            **{name: _lines(form.one(name)) for name in _LISTS},
            "attributes": _attributes(form.one("attributes")),
            "begins_at": _moment(form.one("begins_at")),
            "ends_at": _moment(form.one("ends_at")),
        },
        "force": {name: label for name in TARGET_NAMES if (label := " ".join(form.one(f"{FORCE}{name}").split()))},
        "never_unattended": never,
    }


def form_of(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form shows of a rule."""
    when = rule.get("when", {})
    attributes = when.get("attributes", {})
    return {
        "name": rule.get("name", ""),
        **{name: "\n".join(when.get(name, ())) for name in _LISTS},
        "attributes": "\n".join(f"{name} = {', '.join(values)}" for name, values in attributes.items()),
        "begins_at": _shown(when.get("begins_at")),
        "ends_at": _shown(when.get("ends_at")),
        "force": dict(rule.get("force", {})),
        "never": list(rule.get("never_unattended", ())),
    }


def with_rule(
    rules: Iterable[Mapping[str, Any]], rule: Mapping[str, Any], *, in_place_of: str
) -> list[Mapping[str, Any]]:
    """Return the rules with one more, or with one in the place of that of a name."""
    kept = list(rules)
    place = next((place for place, one in enumerate(kept) if in_place_of and one.get("name") == in_place_of), None)
    if place is None:
        return [*kept, rule]
    return [*kept[:place], rule, *kept[place + 1 :]]


def glossary_of(text: str) -> list[dict[str, Any]]:
    """Return the entries of lines like `VPN = 브이피엔, GlobalConnect`; raise SettingsError naming a line."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        canonical, equals, variants = line.partition("=")
        spellings = _split(variants)
        if not equals or not canonical.strip() or not spellings:
            raise SettingsError(
                f"Line {number} has no word and its spellings. Write it as in: VPN = 브이피엔, GlobalConnect."
            )
        entries.append({"canonical": canonical.strip(), "variants": spellings})
    return entries


def glossary_text(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return entries as lines."""
    return "\n".join(f"{one['canonical']} = {', '.join(one['variants'])}" for one in entries)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _attributes(text: str) -> dict[str, list[str]]:
    found = {}
    for line in _lines(text):
        name, equals, values = line.partition("=")
        if not equals or not name.strip() or not _split(values):
            raise SettingsError(f"The attribute '{line[:60]}' has no value. Write it as in: site = Busan, Seoul.")
        found[name.strip()] = _split(values)
    return found


def _moment(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(f"'{text[:60]}' is no moment. Write it as in: 2026-05-14T18:00.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=KOREAN_TIME)).isoformat()


def _shown(written: object) -> str:
    if not written:
        return ""
    return datetime.fromisoformat(str(written)).astimezone(KOREAN_TIME).strftime("%Y-%m-%dT%H:%M")
