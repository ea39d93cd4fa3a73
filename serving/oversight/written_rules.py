"""Rules as plain JSON, as they are stored and as a page sends them. Knows nothing of what rules do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from features.errors import SettingsError
from features.taxonomy import TARGET_NAMES
from serving.oversight.rules import EVERY_TARGET, Rule, When

MOST_RULES = 200
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_Texts = Annotated[tuple[_Text, ...], Field(max_length=200)]


class _WrittenWhen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    words: _Texts = ()
    requesters: _Texts = ()
    channels: _Texts = ()
    attributes: dict[_Text, _Texts] = Field(default_factory=dict)
    begins_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        """A rule without a condition would hold for every ticket for ever: that is a mode, not a rule."""
        if not any((self.words, self.requesters, self.channels, self.attributes, self.begins_at, self.ends_at)):
            raise ValueError("it says for no ticket when it holds: state words, a requester, a channel or a time")
        if any(not wanted for wanted in self.attributes.values()):
            raise ValueError("an attribute has no value to be compared with: state at least one")
        if self.begins_at is not None and self.ends_at is not None and self.begins_at >= self.ends_at:
            raise ValueError("it ends before it begins: state a later end")
        return self


class _WrittenRule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Text
    when: _WrittenWhen
    force: dict[_Text, _Text] = Field(default_factory=dict)
    never_unattended: _Texts = ()

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.force and not self.never_unattended:
            raise ValueError("it neither forces a label nor keeps anything from running unattended: state one")
        unknown = (self.force.keys() | set(self.never_unattended)) - {*TARGET_NAMES, EVERY_TARGET}
        if unknown or EVERY_TARGET in self.force:
            name = min(unknown, default=EVERY_TARGET)
            raise ValueError(f"there is no target '{name}' to rule on. The targets are: {', '.join(TARGET_NAMES)}")
        return self


def read_rules(written: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the rules; raise SettingsError naming the rule, what is wrong with it and what was expected."""
    if len(written) > MOST_RULES:
        raise SettingsError(f"{len(written)} rules are too many to be read by anybody. Keep to {MOST_RULES}.")
    rules = tuple(_rule(place, one) for place, one in enumerate(written, start=1))
    names = [rule.name for rule in rules]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise SettingsError(f"Two rules are called '{twice}'. Give each a name of its own.")
    return rules


def write_rule(rule: Rule) -> dict[str, Any]:
    """Return a rule as plain JSON, from which `read_rules` makes it again."""
    when = rule.when
    return {
        "name": rule.name,
        "when": {
            "words": list(when.words),
            "requesters": list(when.requesters),
            "channels": list(when.channels),
            "attributes": {name: list(wanted) for name, wanted in when.attributes.items()},
            "begins_at": None if when.begins_at is None else when.begins_at.isoformat(),
            "ends_at": None if when.ends_at is None else when.ends_at.isoformat(),
        },
        "force": dict(rule.force),
        "never_unattended": list(rule.never_unattended),
    }


def _rule(place: int, written: Mapping[str, Any]) -> Rule:
    try:
        read = _WrittenRule.model_validate(written)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"Rule {place} cannot be used: {where + ': ' if where else ''}{message}.") from None
    when = read.when
    return Rule(
        name=read.name,
        when=When(when.words, when.requesters, when.channels, when.attributes, when.begins_at, when.ends_at),
        force=read.force,
        never_unattended=read.never_unattended,
    )
