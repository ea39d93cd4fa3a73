"""The named connections to helpdesks, as their operator writes them down. Calls no helpdesk and opens no database.

A file of connections is TOML with a table for each; `env:NAME` in a secret reads the environment, so that the file
itself holds none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from features.errors import ConnectionsError
from features.taxonomy import TARGET_NAMES

_ENVIRONMENT = "env:"


class Vendor(StrEnum):
    """The helpdesks that are known; `generic` is anything that signs by Standard Webhooks."""

    ZENDESK = "zendesk"
    FRESHDESK = "freshdesk"
    JIRA = "jira"
    SERVICENOW = "servicenow"
    ZAMMAD = "zammad"
    GENERIC = "generic"


class Mode(StrEnum):
    """How far a target may go on a connection: write, advise in a note and tags, record only, or nothing."""

    AUTOFILL = "autofill"
    SUGGEST = "suggest"
    MONITOR = "monitor"
    OFF = "off"


def _plain(value: object) -> object:
    """Numbers and booleans of TOML stand for their text: helpdesks mix both."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | int) else value


_Text: TypeAlias = Annotated[str, BeforeValidator(_plain)]
_Texts: TypeAlias = Annotated[tuple[_Text, ...], BeforeValidator(_listed)]
_Secrets: TypeAlias = Annotated[tuple[SecretStr, ...], BeforeValidator(_listed)]


class Connection(BaseModel):
    """One helpdesk as we are connected to it. Build it with `read_connections`, which says in words what is wrong.

    `fields` names, by target, where the helpdesk keeps it; `values`, by target, how it writes a label (a label that is
    not named is written as it is); `defaults`, by target, the values that count as not set. `attributes` names,
    by attribute that the model was trained on, the helpdesk's field. `event_fields` says, for `generic`, where
    in the body a field of the ticket stands (a dotted path).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    vendor: Vendor
    base_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    model: str = ""

    user: str = ""
    token: SecretStr = SecretStr("")
    own_user_id: _Text = ""
    signing_secrets: _Secrets = ()
    webhook_user: str = ""
    webhook_passwords: _Secrets = ()
    webhook_header: str = "x-triage-secret"
    tolerance_seconds: float = Field(default=300, gt=0, le=86_400)

    timeout_seconds: float = Field(default=10, gt=0, le=120)
    calls_per_minute: int = Field(default=0, ge=0)

    modes: Mapping[str, Mode] = Field(default_factory=dict)
    fields: Mapping[str, str] = Field(default_factory=dict)
    values: Mapping[str, Mapping[str, _Text]] = Field(default_factory=dict)
    defaults: Mapping[str, _Texts] = Field(default_factory=dict)
    # ServiceNow computes its priority from these two: label = [impact, urgency].
    priority_matrix: Mapping[str, tuple[_Text, _Text]] = Field(default_factory=dict)
    attributes: Mapping[str, str] = Field(default_factory=dict)
    event_fields: Mapping[str, str] = Field(default_factory=dict)

    note_language: str = Field(default="en", pattern=r"^(ko|en)$")
    group_languages: Mapping[str, str] = Field(default_factory=dict)
    restricted_groups: tuple[str, ...] = ()

    @field_validator("modes", "fields", "values", "defaults")
    @classmethod
    def _of_known_targets(cls, named: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in named:
            if name not in TARGET_NAMES:
                meant = get_close_matches(name, TARGET_NAMES, n=1)
                hint = f" Did you mean '{meant[0]}'?" if meant else ""
                raise ValueError(f"there is no target '{name}'.{hint} The targets are: {', '.join(TARGET_NAMES)}")
        return named

    @field_validator("base_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    def mode(self, target: str) -> Mode:
        """Return how far a target may go; a new connection records only."""
        return self.modes.get(target, Mode.MONITOR)

    def native(self, target: str, label: str) -> str:
        """Return how the helpdesk writes a label."""
        return self.values.get(target, {}).get(label, label)

    def label(self, target: str, native: str) -> str:
        """Return the label that a value of the helpdesk stands for; a value without one stands for itself."""
        for label, value in self.values.get(target, {}).items():
            if value.casefold() == native.casefold():
                return label
        return native

    def is_default(self, target: str, native: str) -> bool:
        """Tell whether a value is what the helpdesk puts there before a person has chosen."""
        return not native or native.casefold() in {value.casefold() for value in self.defaults.get(target, ())}

    def language_of(self, group: str) -> str:
        """Return the language in which a group reads its notes."""
        return self.group_languages.get(group, self.note_language)


@dataclass(frozen=True, slots=True)
class Connections:
    """All connections by name."""

    by_name: Mapping[str, Connection]

    def get(self, name: str) -> Connection:
        """Return a connection; raise ConnectionsError naming those there are."""
        connection = self.by_name.get(name)
        if connection is not None:
            return connection
        known = ", ".join(self.by_name) or "none: write them into the file that TRIAGE_CONNECTIONS names"
        raise ConnectionsError(f"There is no connection '{name[:60]}'. The connections are: {known}.")


def read_connections(path: Path | None, *, environ: Mapping[str, str]) -> Connections:
    """Return the connections of a TOML file, secrets read from the environment; none where no file is named.

    Raises ConnectionsError naming the connection, the field, what was expected and what to do.
    """
    if path is None:
        return Connections({})
    tables = _tables(path)
    return Connections({name: _connection(name, table, environ=environ) for name, table in tables.items()})


def _tables(path: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConnectionsError(
            f"The file of connections '{path.name}' cannot be read ({error.strerror}). "
            "Set TRIAGE_CONNECTIONS to a file that can."
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConnectionsError(f"The file of connections '{path.name}' is no valid TOML: {error}.") from None
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConnectionsError(
                f"'{name}' in '{path.name}' is no connection. Write a table such as [zendesk-main] with a line "
                'vendor = "zendesk" below it.'
            )
    return tables


def _connection(name: str, table: Mapping[str, Any], *, environ: Mapping[str, str]) -> Connection:
    try:
        return Connection.model_validate({"name": name, **_with_secrets(name, table, environ=environ)})
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise ConnectionsError(f"The connection '{name}' cannot be used: {place}: {problem['msg']}.") from None


def _with_secrets(name: str, value: Any, *, environ: Mapping[str, str]) -> Any:
    """Return a table with each `env:NAME` replaced by what the environment holds."""
    if isinstance(value, dict):
        return {key: _with_secrets(name, part, environ=environ) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_secrets(name, part, environ=environ) for part in value]
    if not isinstance(value, str) or not value.startswith(_ENVIRONMENT):
        return value
    variable = value.removeprefix(_ENVIRONMENT)
    if not environ.get(variable):
        raise ConnectionsError(
            f"The connection '{name}' reads the environment variable {variable}, which is not set. Set it, or write "
            "the value into the file."
        )
    return environ[variable]
