"""Where the service runs: one frozen object, built once from environment variables.

What was trained is no setting: that is the recipe. Nothing here opens, makes or reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from features.errors import SettingsError

PREFIX = "TRIAGE_"
# Settings that others named before us.
_FOREIGN_VARIABLES = {"mlflow_tracking_uri": "MLFLOW_TRACKING_URI"}
# How alike an unknown variable must be to a known one to be taken for a slip of the keyboard.
_SLIP_SIMILARITY = 0.85


class AuthMode(StrEnum):
    """Whether callers need a key; `open` lets anyone on this machine do anything."""

    KEYS = "keys"
    OPEN = "open"


class LogLevel(StrEnum):
    """The least severe events that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def is_loopback(host: str) -> bool:
    """Tell whether a host, by name or address, can only be this machine."""
    if host.casefold() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _default_database_url(earlier: dict[str, Any]) -> str:
    return f"sqlite:///{(earlier['var_dir'] / 'triage.db').as_posix()}"


def _default_tracking_uri(earlier: dict[str, Any]) -> str:
    return f"sqlite:///{(earlier['var_dir'] / 'mlflow.db').as_posix()}"


def _default_auth(earlier: dict[str, Any]) -> AuthMode:
    return AuthMode.OPEN if is_loopback(earlier["host"]) else AuthMode.KEYS


def _expected(expectation: str) -> dict[str, Any]:
    """Keep, beside a field, the words that an error about it uses."""
    return {"expected": expectation}


class Settings(BaseSettings):
    """The settings of the service. Build it with `load_settings`, which says in words what is wrong."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX)

    var_dir: Path = Field(
        default=Path("var"),
        description="Folder of everything that is written at run time.",
        json_schema_extra=_expected("a folder"),
    )
    database_url: str = Field(
        default_factory=_default_database_url,
        pattern=r"^(sqlite|postgres(ql)?)(\+\w+)?://",
        repr=False,
        description="Database of keys and scored tickets: an SQLite file, or PostgreSQL for more than one machine.",
        json_schema_extra=_expected("sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
    )
    mlflow_tracking_uri: str = Field(
        default_factory=_default_tracking_uri,
        min_length=1,
        repr=False,
        description="MLflow's tracking store, where models are registered: a server, or an SQLite file.",
        json_schema_extra=_expected("an address that MLflow knows, such as http://HOST:5000"),
    )
    host: str = Field(
        default="127.0.0.1",
        pattern=r"^[\w.:%-]+$",
        description="Address to listen on; 0.0.0.0 for every network of the machine.",
        json_schema_extra=_expected("an IP address or a host name, without scheme and port"),
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="Port to listen on; 0 takes a free one.",
        json_schema_extra=_expected("a whole number from 0 to 65535"),
    )
    model: str = Field(
        default="ticket-triage",
        pattern=r"^[^/:]+$",
        description="Registered model that scores when a request names none.",
        json_schema_extra=_expected("the name of a registered model, without '/' and ':'"),
    )
    alias: str = Field(
        default="champion",
        pattern=r"^[\w-]+$",
        description="Alias whose version of the model is served.",
        json_schema_extra=_expected("an alias of letters, digits, '_' and '-'"),
    )
    glossary: Path | None = Field(
        default=None,
        description="TOML file of the site's own words, in place of the one that the model was trained with.",
        json_schema_extra=_expected("a TOML file with a table [terms]"),
    )
    alias_poll_seconds: float = Field(
        default=5,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds between two looks at where the alias points.",
        json_schema_extra=_expected("a number above 0, at most 3600"),
    )
    auth: AuthMode = Field(
        default_factory=_default_auth,
        description=(
            "Whether callers need a key (`keys`) or everyone on this machine may do everything (`open`). "
            "Unset, it is `open` on a loopback host and `keys` on any other, where `open` is refused."
        ),
        json_schema_extra=_expected("'keys' or 'open'"),
    )
    max_body_bytes: int = Field(
        default=1024**2,
        ge=1024,
        le=1024**3,
        description="Largest body of a request with one ticket, in bytes.",
        json_schema_extra=_expected("a whole number of bytes from 1024 to 1073741824"),
    )
    max_text_characters: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Longest subject and body of a ticket together, in characters.",
        json_schema_extra=_expected("a whole number of characters from 1 to 10000000"),
    )
    max_batch: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Most tickets in one batch request.",
        json_schema_extra=_expected("a whole number from 1 to 100000"),
    )
    max_batch_body_bytes: int = Field(
        default=32 * 1024**2,
        ge=1024,
        le=1024**3,
        description="Largest body of a batch request, in bytes.",
        json_schema_extra=_expected("a whole number of bytes from 1024 to 1073741824"),
    )
    idempotency_hours: int = Field(
        default=24,
        ge=1,
        le=24 * 365,
        description="Hours for which an answer is replayed under its Idempotency-Key.",
        json_schema_extra=_expected("a whole number of hours from 1 to 8760"),
    )
    connections: Path | None = Field(
        default=None,
        description="TOML file of the connections to helpdesks.",
        json_schema_extra=_expected("a TOML file with a table for each connection"),
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="Address of this service as people reach it, for the links in notes.",
        json_schema_extra=_expected("an address such as https://triage.example.com, or nothing"),
    )
    encryption_key: str = Field(
        default="",
        repr=False,
        description="Key that encrypts the text of tickets at rest; several, newest first, separated by commas.",
        json_schema_extra=_expected("keys of 32 bytes in URL-safe base64"),
    )
    keep_text_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="Days for which the text of tickets is kept.",
        json_schema_extra=_expected("a whole number of days from 0 to 3650"),
    )
    work_slots: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Deliveries that one worker works on at a time.",
        json_schema_extra=_expected("a whole number from 1 to 256"),
    )
    sweep_minutes: int = Field(
        default=10,
        ge=0,
        le=1440,
        description="Minutes between two looks for tickets that no delivery told of; 0 for none.",
        json_schema_extra=_expected("a whole number of minutes from 0 to 1440"),
    )
    session_idle_minutes: int = Field(
        default=60,
        ge=1,
        le=1440,
        description="Minutes without a click after which who reviews must sign in again.",
        json_schema_extra=_expected("a whole number of minutes from 1 to 1440"),
    )
    session_hours: int = Field(
        default=12,
        ge=1,
        le=168,
        description="Hours after which who reviews must sign in again in any case.",
        json_schema_extra=_expected("a whole number of hours from 1 to 168"),
    )
    oidc_issuer: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="Issuer of the identity provider at which people may sign in once they are added here.",
        json_schema_extra=_expected("an address such as https://login.example.com, or nothing"),
    )
    oidc_client_id: str = Field(
        default="",
        description="Name under which the identity provider knows this service.",
        json_schema_extra=_expected("the client id that the identity provider gave"),
    )
    oidc_client_secret: str = Field(
        default="",
        repr=False,
        description="Secret that the identity provider gave to this service.",
        json_schema_extra=_expected("the client secret that the identity provider gave"),
    )
    alert_webhook: str = Field(
        default="",
        pattern=r"^(https?://[^\s#]+)?$",
        repr=False,
        description="Incoming webhook of a Slack or Teams channel that is told of broken promises and of drift.",
        json_schema_extra=_expected("the address of an incoming webhook, or nothing"),
    )
    log_level: LogLevel = Field(
        default=LogLevel.INFO,
        description="Least severe events that are logged.",
        json_schema_extra=_expected("'debug', 'info', 'warning' or 'error'"),
    )

    @field_validator("auth", "log_level", mode="before")
    @classmethod
    def _without_case(cls, value: object) -> object:
        return value.strip().casefold() if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what `load_settings` was handed, and no environment, file or secret besides."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """A row of the table of settings."""

    variable: str
    default: str
    expected: str
    description: str


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings that environment variables state; an empty variable counts as unset.

    Raises SettingsError naming every variable that cannot be used, its value and what was expected.
    """
    _refuse_slips(environ)
    stated = {name: environ[variable(name)] for name in Settings.model_fields if environ.get(variable(name))}
    try:
        settings = Settings.model_validate(stated)
    except ValidationError as error:
        fields = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors() if problem["loc"][0] in stated)
        raise SettingsError("\n".join(_problem(field, stated[field]) for field in fields)) from None
    if settings.auth is AuthMode.OPEN and not is_loopback(settings.host):
        raise SettingsError(
            f"TRIAGE_AUTH is 'open' while TRIAGE_HOST is '{settings.host}': anyone on the network could do anything. "
            "Set TRIAGE_AUTH=keys and make a key with `triage keys create`, or TRIAGE_HOST=127.0.0.1."
        )
    return settings


def describe_settings() -> tuple[SettingDescription, ...]:
    """Return one row for each setting, in the order of the table in the documentation."""
    defaults = load_settings({})
    return tuple(
        SettingDescription(
            variable=variable(name),
            default=str(getattr(defaults, name)) or str(None),
            expected=_expectation(name),
            description=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    )


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return _FOREIGN_VARIABLES.get(name, PREFIX + name.upper())


def _expectation(name: str) -> str:
    extra = Settings.model_fields[name].json_schema_extra
    return str(extra["expected"]) if isinstance(extra, dict) else ""


def _problem(name: str, value: str) -> str:
    # What stands before an @ in an address is a user and a password.
    harmless = re.sub(r"//.*@", "//***@", value, flags=re.DOTALL)
    return f"{variable(name)} is '{harmless}': expected {_expectation(name)}."


def _refuse_slips(environ: Mapping[str, str]) -> None:
    """Raise SettingsError for a variable that is almost one of ours: TRIAGE_AUHT=keys would leave the door open."""
    known = [variable(name) for name in Settings.model_fields]
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            meant = get_close_matches(name, known, n=1, cutoff=_SLIP_SIMILARITY)
            if meant:
                raise SettingsError(f"There is no setting '{name}'. Did you mean {meant[0]}? Rename or remove it.")
