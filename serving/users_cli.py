"""The verbs of who may sign in to the review pages: add, list, disable, give a new password.

Each reads its options, calls one function and prints; whatever is slow to import is imported by the verb.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import RecipeError
from serving.command_line import AsJson, one_sentence, print_json, settings_of_environment

if TYPE_CHECKING:
    from serving.storage.people import Role, User, UserStorage

DEMO_EMAIL = "demo@example.com"


def add_commands(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    users = typer.Typer(no_args_is_help=True, help="Say who may sign in to the review pages.")
    users.command("add")(add)
    users.command("list")(list_users)
    users.command("password")(new_password)
    users.command("disable")(disable)
    app.add_typer(users, name="users")


def add(
    name: Annotated[str, typer.Argument(help="What the person is called, as in 'Minji Kim'.")],
    email: Annotated[str, typer.Option(help="The address to sign in with; also how an identity provider knows them.")],
    role: Annotated[str, typer.Option(help="lead, data_scientist or admin.")] = "lead",
    groups: Annotated[
        str, typer.Option(help="Groups whose tickets they see, separated by commas; none for all but restricted ones.")
    ] = "",
    language: Annotated[str, typer.Option(help="Language of the pages: ko or en.")] = "en",
    oidc: Annotated[
        bool, typer.Option("--oidc", help="Give no password: they sign in at the identity provider.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a person and print their password, this once."""
    with one_sentence():
        from serving.auth import utc_now
        from serving.review.sign_in import add_user

        if language not in ("ko", "en"):
            raise RecipeError(f"There is no language '{language[:20]}'. The languages are: ko, en.")
        with _users() as users:
            added = add_user(
                users,
                name=name,
                email=email,
                role=_role(role),
                groups=groups.split(","),
                language=language,
                has_password=not oidc,
                now=utc_now(),
            )
        if as_json:
            print_json({"password": added.password, **_described(added.user)})
            return
        _print_password(added.password)


def list_users(as_json: AsJson = False) -> None:
    """List who may sign in."""
    with one_sentence():
        with _users() as users:
            described = [_described(user) for user in users.list()]
        if as_json:
            print_json({"users": described})
            return
        for user in described:
            state = f"disabled {user['disabled_at']}" if user["disabled_at"] else user["signs_in"]
            groups = ",".join(user["groups"]) or "all but restricted groups"
            typer.echo(f"{user['email']:<32}  {user['role']:<14}  {state:<18}  {groups:<26}  {user['name']}")
        if not described:
            typer.echo("There is no user yet. Add one with: triage users add NAME --email ADDRESS")


def new_password(email: Annotated[str, typer.Argument(help="Their address.")], as_json: AsJson = False) -> None:
    """Give a person a new password, print it this once, and end their sessions."""
    with one_sentence():
        from serving.review import sign_in

        password = sign_in.new_password()
        with _people() as people:
            user = _known(people.users, email)
            people.users.save(replace(user, password_hash=sign_in.hash_password(password)))
            people.sessions.end_all(user.id)
        if as_json:
            print_json({"password": password})
            return
        _print_password(password)


def disable(email: Annotated[str, typer.Argument(help="Their address.")], as_json: AsJson = False) -> None:
    """Let a person sign in no more; their sessions end at once."""
    with one_sentence():
        from serving.auth import utc_now

        with _users() as users:
            users.disable(_known(users, email).id, at=utc_now())
        if as_json:
            print_json({"disabled": True})
            return
        typer.echo("They can sign in no more.")


def add_demo_user() -> None:
    """Add a lead for the demonstration and print the password this once; only on a machine that is open to itself."""
    with one_sentence():
        from serving.auth import utc_now
        from serving.review.sign_in import add_user
        from serving.settings import AuthMode
        from serving.storage.people import Role

        if settings_of_environment().auth is not AuthMode.OPEN:
            return
        with _users() as users:
            if users.list():
                return
            added = add_user(
                users,
                name="Demo",
                email=DEMO_EMAIL,
                role=Role.LEAD,
                groups=(),
                language="en",
                has_password=True,
                now=utc_now(),
            )
        typer.echo(f"Review:   sign in at /review as {DEMO_EMAIL} with {added.password} (shown this once)")


@contextmanager
def _people() -> Iterator[Any]:
    from serving.storage.sql import open_storage

    storage = open_storage(settings_of_environment().database_url)
    try:
        yield storage.people
    finally:
        storage.close()


@contextmanager
def _users() -> Iterator[UserStorage]:
    with _people() as people:
        yield people.users


def _known(users: UserStorage, email: str) -> User:
    user = users.find_by_email(email.strip())
    if user is None:
        raise RecipeError(f"There is no user '{email[:60]}'. See them with: triage users list")
    return user


def _role(name: str) -> Role:
    from serving.storage.people import Role

    try:
        return Role(name.strip().casefold().replace("-", "_"))
    except ValueError:
        raise RecipeError(f"There is no role '{name[:40]}'. The roles are: {', '.join(Role)}.") from None


def _print_password(password: str) -> None:
    if not password:
        typer.echo("They sign in at the identity provider.")
        return
    typer.echo(password)
    typer.echo("Keep it: it is not stored and cannot be shown again.", err=True)


def _described(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "role": user.role.value,
        "groups": list(user.groups),
        "language": user.language,
        "signs_in": "with a password" if user.password_hash else "elsewhere",
        "created_at": user.created_at.isoformat(),
        "disabled_at": user.disabled_at.isoformat() if user.disabled_at else None,
    }
