"""The verbs of who may sign in, as a person calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from serving.review.sign_in import is_password
from serving.storage.sql import open_storage
from serving.users_cli import DEMO_EMAIL, add_commands, add_demo_user

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb on a database of the test's own."""
    monkeypatch.setenv("TRIAGE_VAR_DIR", str(tmp_path))
    app = typer.Typer()
    add_commands(app)
    app.command("demo-user")(add_demo_user)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_a_user_is_added_listed_and_disabled(run: Run, tmp_path: Path) -> None:
    """The password is printed once and kept as a hash; who is disabled is listed as such."""
    added = run("users", "add", "Minji", "--email", "minji@example.com", "--groups", "hr, it")
    assert added.exit_code == 0, added.output
    storage = open_storage(f"sqlite:///{(tmp_path / 'triage.db').as_posix()}")
    user = storage.people.users.find_by_email("MINJI@example.com")
    storage.close()
    assert user is not None
    assert user.groups == ("hr", "it")
    password = added.stdout.strip()
    assert is_password(password, user.password_hash)
    assert not is_password(password + "x", user.password_hash)
    assert password not in user.password_hash
    assert run("users", "disable", "minji@example.com").exit_code == 0
    (listed,) = json.loads(run("users", "list", "--json").stdout)["users"]
    assert listed["disabled_at"]
    assert "password" not in listed


def test_a_new_password_takes_the_place_of_the_old_one(run: Run, tmp_path: Path) -> None:
    """The old one opens nothing any more."""
    old = run("users", "add", "Minji", "--email", "m@example.com").stdout.strip()
    new = run("users", "password", "m@example.com").stdout.strip()
    storage = open_storage(f"sqlite:///{(tmp_path / 'triage.db').as_posix()}")
    user = storage.people.users.find_by_email("m@example.com")
    storage.close()
    assert user is not None
    assert is_password(new, user.password_hash)
    assert not is_password(old, user.password_hash)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "Minji", "--email", "minji"), "no e-mail address"),
        (("add", "Minji", "--email", "m@example.com", "--role", "boss"), "lead, data_scientist, admin"),
        (("add", "Minji", "--email", "m@example.com", "--language", "fr"), "ko, en"),
        (("disable", "nobody@example.com"), "triage users list"),
    ],
)
def test_what_cannot_be_is_one_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    """Each refusal names what to do."""
    result = run("users", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_the_demonstration_has_a_user_whose_password_is_shown_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once only, and never where callers need a key."""
    monkeypatch.setenv("TRIAGE_AUTH", "keys")
    assert run("demo-user").stdout == ""
    monkeypatch.setenv("TRIAGE_AUTH", "open")
    assert DEMO_EMAIL in run("demo-user").stdout
    assert run("demo-user").stdout == ""
