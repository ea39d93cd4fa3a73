"""The settings of the service, from environment variables to one frozen object."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import serving
from features.errors import SettingsError
from serving.settings import (
    AuthMode,
    LogLevel,
    Settings,
    describe_settings,
    is_loopback,
    load_settings,
    variable,
)


def refusal(environ: dict[str, str]) -> str:
    """Return the words in which an environment is refused."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return str(caught.value)


def test_defaults_run_on_this_machine_alone() -> None:
    """With nothing stated the service listens on loopback, without keys, and writes under ./var."""
    settings = load_settings({})
    assert (settings.host, settings.port, settings.auth) == ("127.0.0.1", 8000, AuthMode.OPEN)
    assert settings.var_dir == Path("var")
    assert settings.database_url == "sqlite:///var/triage.db"
    assert settings.mlflow_tracking_uri == "sqlite:///var/mlflow.db"
    assert (settings.model, settings.alias, settings.alias_poll_seconds) == ("ticket-triage", "champion", 5)
    assert (settings.max_body_bytes, settings.max_text_characters) == (1_048_576, 100_000)
    assert (settings.max_batch, settings.max_batch_body_bytes) == (1000, 33_554_432)
    assert (settings.idempotency_hours, settings.log_level) == (24, LogLevel.INFO)


def test_databases_follow_the_folder() -> None:
    """Both databases lie in the stated folder, unless stated themselves."""
    settings = load_settings({"TRIAGE_VAR_DIR": "/srv/triage", "MLFLOW_TRACKING_URI": "http://mlflow:5000"})
    assert settings.database_url == "sqlite:////srv/triage/triage.db"
    assert settings.mlflow_tracking_uri == "http://mlflow:5000"


def test_variables_are_read() -> None:
    """Every kind of value is read from its variable, words in any case."""
    environ = {
        "TRIAGE_PORT": "0",
        "TRIAGE_ALIAS_POLL_SECONDS": "0.5",
        "TRIAGE_LOG_LEVEL": "WARNING",
        "TRIAGE_AUTH": " Keys ",
        "TRIAGE_DATABASE_URL": "postgresql+psycopg://triage:secret@db/triage",
    }
    settings = load_settings(environ)
    assert (settings.port, settings.alias_poll_seconds) == (0, 0.5)
    assert (settings.log_level, settings.auth) == (LogLevel.WARNING, AuthMode.KEYS)
    assert settings.database_url == environ["TRIAGE_DATABASE_URL"]


def test_empty_variable_counts_as_unset() -> None:
    """A variable that a compose file passes on empty leaves the default."""
    assert load_settings({"TRIAGE_PORT": "", "TRIAGE_DATABASE_URL": ""}) == load_settings({})


def test_only_what_is_handed_over_is_read() -> None:
    """The environment of the process itself plays no part."""
    program = "from serving.settings import load_settings; print(load_settings({}).port)"
    environment = {**os.environ, "TRIAGE_PORT": "9999", "PYTHONPATH": str(Path(serving.__file__).parents[1])}
    printed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert printed.stdout.strip() == b"8000"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "triage.example.com", ""])
def test_other_hosts_need_keys(host: str) -> None:
    """On any host but loopback keys are needed when nothing else is said."""
    stated = {"TRIAGE_HOST": host} if host else {"TRIAGE_AUTH": "keys"}
    assert load_settings(stated).auth is AuthMode.KEYS


def test_open_door_on_a_network_is_refused() -> None:
    """Doing without keys on a host that others reach is refused, with the two ways out."""
    message = refusal({"TRIAGE_HOST": "0.0.0.0", "TRIAGE_AUTH": "open"})
    assert "TRIAGE_HOST is '0.0.0.0'" in message
    assert "TRIAGE_AUTH=keys" in message


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TRIAGE_PORT", "abc", "a whole number from 0 to 65535"),
        ("TRIAGE_PORT", "tcp://10.0.0.1:8000", "a whole number from 0 to 65535"),
        ("TRIAGE_PORT", "65536", "a whole number from 0 to 65535"),
        ("TRIAGE_HOST", "http://localhost", "without scheme and port"),
        ("TRIAGE_MODEL", "models:/ticket-triage/1", "without '/' and ':'"),
        ("TRIAGE_ALIAS", "the best", "letters, digits"),
        ("TRIAGE_ALIAS_POLL_SECONDS", "nan", "a number above 0"),
        ("TRIAGE_ALIAS_POLL_SECONDS", "0", "a number above 0"),
        ("TRIAGE_AUTH", "none", "'keys' or 'open'"),
        ("TRIAGE_MAX_BATCH", "0", "a whole number from 1"),
        ("TRIAGE_MAX_BODY_BYTES", "1MB", "a whole number of bytes"),
        ("TRIAGE_IDEMPOTENCY_HOURS", "-1", "a whole number of hours"),
        ("TRIAGE_LOG_LEVEL", "loud", "'debug', 'info'"),
        ("TRIAGE_DATABASE_URL", "mysql://db/triage", "postgresql://USER:PASSWORD@HOST"),
    ],
)
def test_bad_value_is_named(name: str, value: str, expected: str) -> None:
    """A value that cannot be used is named with its variable and with what was expected, on one line."""
    message = refusal({name: value})
    assert message.startswith(f"{name} is '{value}': expected ")
    assert expected in message
    assert "\n" not in message


def test_all_bad_values_are_named_at_once() -> None:
    """Each value that cannot be used has its line, and those that follow from it have none."""
    message = refusal({"TRIAGE_PORT": "x", "TRIAGE_HOST": "a b", "TRIAGE_MAX_BATCH": "many"})
    assert [line.split()[0] for line in message.splitlines()] == ["TRIAGE_HOST", "TRIAGE_PORT", "TRIAGE_MAX_BATCH"]


@pytest.mark.parametrize("url", ["mysql://root:hunter2@db/triage", "oracle://root:hunt@hunter2/x@db/triage"])
def test_password_is_not_shown(url: str) -> None:
    """The password of an address that cannot be used does not appear in the refusal."""
    message = refusal({"TRIAGE_DATABASE_URL": url})
    assert "hunter2" not in message
    assert "db/triage" in message


def test_settings_do_not_print_passwords() -> None:
    """An object that ends up in a log shows neither address."""
    settings = load_settings(
        {"TRIAGE_DATABASE_URL": "postgresql://u:hunter2@db/t", "MLFLOW_TRACKING_URI": "http://u:hunter2@mlflow"}
    )
    assert "hunter2" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("slip", "meant"), [("TRIAGE_AUHT", "TRIAGE_AUTH"), ("TRIAGE_DATABSE_URL", "TRIAGE_DATABASE_URL")]
)
def test_slip_of_the_keyboard_is_refused(slip: str, meant: str) -> None:
    """A variable that is almost one of ours would be left unread, so it is refused with the right name."""
    assert f"Did you mean {meant}?" in refusal({slip: "keys"})


@pytest.mark.parametrize("name", ["TRIAGE_TEST_POSTGRES", "TRIAGE_SERVICE_HOST", "TRIAGE_PORT_8000_TCP", "PORT"])
def test_variables_of_others_are_left_alone(name: str) -> None:
    """Variables that resemble none of ours are no error, such as those a cluster sets for a service."""
    assert load_settings({name: "x"}) == load_settings({})


def test_settings_cannot_be_changed() -> None:
    """A setting that is assigned to refuses."""
    settings = load_settings({})
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_every_setting_is_described() -> None:
    """The table has a row for each setting, with the variable, the default and a sentence."""
    rows = describe_settings()
    assert [row.variable for row in rows] == [variable(name) for name in Settings.model_fields]
    assert len({row.variable for row in rows}) == 28
    assert all(row.description.endswith(".") and row.expected and row.default for row in rows)
    assert ("TRIAGE_AUTH", "open") in {(row.variable, row.default) for row in rows}


@given(st.sampled_from(sorted(Settings.model_fields)), st.text(min_size=1, max_size=40))
def test_any_value_is_read_or_refused_in_words(name: str, value: str) -> None:
    """Whatever a variable holds, the service has settings or a sentence that names the variable."""
    refused = ""
    try:
        load_settings({variable(name): value})
    except SettingsError as error:
        refused = str(error)
    assert not refused or (variable(name) in refused and "pydantic" not in refused)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_hosts(host: str) -> None:
    """These names and addresses can only be this machine."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "::ffff:10.0.0.1", "127.1"])
def test_other_hosts(host: str) -> None:
    """Any other host may be somebody else's machine."""
    assert not is_loopback(host)
