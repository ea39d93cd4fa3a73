"""What an internal note has to tell, as values: what became of each target, why, and what may help.

Knows no language and no helpdesk. Who may see which article or past ticket is decided before (`serving.visibility`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from features.redaction import PersonalData, redact

MOST_REASONS_PER_TARGET = 2
MOST_ARTICLES = 2
MOST_SIMILAR = 3
# From even odds on, a past ticket is named as the same problem.
SAME_PROBLEM_FROM = 0.5
_PLACEHOLDERS = tuple(f"[{kind}]" for kind in PersonalData)
_LONGEST_LABEL, _LONGEST_REASON, _LONGEST_TITLE, _LONGEST_ID, _LONGEST_URL = 60, 40, 80, 40, 500


class Occasion(StrEnum):
    """Why the ticket was scored."""

    NEW = "new"
    FOLLOW_UP = "follow-up"
    REOPENED = "reopened"


class NoteEffect(StrEnum):
    """What became of a target that the note speaks of: set by us, advised, or left as a person had set it."""

    WRITTEN = "written"
    SUGGESTED = "suggested"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class TargetEffect:
    """What became of a target; `kept_value` is what a person had set, `is_rule` says that no model chose the label."""

    effect: NoteEffect
    kept_value: str = ""
    is_rule: bool = False


@dataclass(frozen=True, slots=True)
class TargetLine:
    """One target in a note. `safer_label` is what the costs of mistakes advise in place of the likeliest label."""

    target: str
    label: str
    probability: float | None
    effect: NoteEffect
    kept_value: str = ""
    reasons: tuple[str, ...] = ()
    is_rule: bool = False
    safer_label: str = ""

    @property
    def is_worth_saying(self) -> bool:
        """Whether there is a label, and it is not what a person had chosen anyway."""
        is_same = self.effect is NoteEffect.KEPT and self.label.casefold() == self.kept_value.casefold()
        return bool(self.label) and not is_same


@dataclass(frozen=True, slots=True)
class NotedArticle:
    """An article that may solve the ticket."""

    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class NotedTicket:
    """A past ticket like this one; `is_same_problem` where it is more likely than not."""

    id: str
    is_same_problem: bool = False


@dataclass(frozen=True, slots=True)
class NoteContent:
    """All that a note may tell, the most important first in each part."""

    targets: tuple[TargetLine, ...] = ()
    articles: tuple[NotedArticle, ...] = ()
    similar: tuple[NotedTicket, ...] = ()
    occasion: Occasion = Occasion.NEW

    @classmethod
    def from_answer(
        cls,
        answer: Mapping[str, Any],
        *,
        effects: Mapping[str, TargetEffect],
        articles: Sequence[Mapping[str, Any]] = (),
        similar: Sequence[Mapping[str, Any]] = (),
        occasion: Occasion = Occasion.NEW,
    ) -> NoteContent:
        """Gather a note from an answer; a target without an effect (recorded only, abstained, off) is not told.

        `articles` and `similar` are those of the answer's entries that the reading group may see.
        """
        targets = answer.get("targets") or {}
        return cls(
            targets=tuple(_target_line(name, targets[name], one) for name, one in effects.items() if targets.get(name)),
            articles=tuple(NotedArticle(_text(one.get("title")), _text(one.get("url"))) for one in articles),
            similar=tuple(NotedTicket(_text(one.get("id")), _is_same_problem(one)) for one in similar),
            occasion=occasion,
        )

    def fit_to_show(self) -> NoteContent:
        """Return what is worth saying: each text on one line and cut to length, reasons and titles redacted."""
        lines = [_shown_line(one) for one in self.targets]
        articles = [
            NotedArticle(_cut(redact(one_line(one.title)), _LONGEST_TITLE), web_address(one.url))
            for one in self.articles
        ]
        similar = [replace(one, id=_cut(one_line(one.id), _LONGEST_ID)) for one in self.similar]
        return replace(
            self,
            targets=tuple(one for one in lines if one.is_worth_saying),
            articles=tuple(one for one in articles if one.title or one.url)[:MOST_ARTICLES],
            similar=tuple(one for one in similar if one.id)[:MOST_SIMILAR],
        )


def one_line(text: str) -> str:
    """Return the text on one line: no control sign, no invisible one, no half of a character."""
    # Most texts hold nothing that cannot be shown, which is told faster than each of their signs is looked at.
    return " ".join((text if text.isprintable() else "".join(map(_visible, text))).split())


def web_address(url: str) -> str:
    """Return a web address that is safe to show, "" for anything else."""
    is_shown = url.startswith(("https://", "http://")) and url == one_line(url) and " " not in url
    return url if is_shown and len(url) <= _LONGEST_URL else ""


def _target_line(name: str, given: Mapping[str, Any], became: TargetEffect) -> TargetLine:
    return TargetLine(
        target=name,
        label=_text(given.get("label")),
        probability=_probability(given.get("probability")),
        effect=became.effect,
        kept_value=became.kept_value,
        reasons=tuple(_text(reason.get("text")) for reason in given.get("reasons") or ()),
        is_rule=became.is_rule,
        safer_label=_text((given.get("advised") or {}).get("label")),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _probability(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None


def _is_same_problem(similar: Mapping[str, Any]) -> bool:
    probability = _probability(similar.get("duplicate_probability"))
    return probability is not None and probability >= SAME_PROBLEM_FROM


def _shown_line(line: TargetLine) -> TargetLine:
    return replace(
        line,
        target=_cut(one_line(line.target), _LONGEST_LABEL),
        label=_cut(one_line(line.label), _LONGEST_LABEL),
        kept_value=_cut(one_line(line.kept_value), _LONGEST_LABEL),
        safer_label=_cut(one_line(line.safer_label), _LONGEST_LABEL),
        reasons=tuple(_shown_reasons(line.reasons)),
    )


def _shown_reasons(reasons: Sequence[str]) -> list[str]:
    """Return the first reasons that still say something without personal data, each once."""
    shown: dict[str, str] = {}
    for reason in reasons:
        clean = redact(one_line(reason))
        # A placeholder tells nobody why.
        if clean and not any(placeholder in clean for placeholder in _PLACEHOLDERS):
            shown.setdefault(clean.casefold(), _cut(clean, _LONGEST_REASON))
    return list(shown.values())[:MOST_REASONS_PER_TARGET]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _visible(sign: str) -> str:
    category = unicodedata.category(sign)
    if category in ("Cf", "Cs"):
        return ""
    return " " if category in ("Cc", "Zl", "Zp", "Zs") else sign
