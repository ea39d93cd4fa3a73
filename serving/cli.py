"""The verbs that serve: `serve`, `score` and `keys`. Each reads its options, calls one function and prints.

Those of helpdesks stand in `helpdesk_cli`. Whatever is slow to import is imported by the verb that needs it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import RecipeError, TicketError, TriageError
from serving.command_line import AsJson, one_sentence, print_json, settings_of_environment
from serving.helpdesk_cli import add_commands as add_helpdesk_commands
from serving.users_cli import add_commands as add_user_commands

if TYPE_CHECKING:
    from serving.storage.interface import Storage, StoredKey


def add_commands(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command()(serve)
    app.command()(score)
    keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")
    keys.command("create")(create_key)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke_key)
    app.add_typer(keys, name="keys")
    add_helpdesk_commands(app)
    add_user_commands(app)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on, in place of TRIAGE_HOST.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on, in place of TRIAGE_PORT; 0 takes a free one.")] = -1,
    model_version: Annotated[str, typer.Option(help="Serve this version in place of the alias's.")] = "",
    as_json: AsJson = False,
) -> None:
    """Serve the API until interrupted."""
    with one_sentence():
        from serving.server import bind, run
        from serving.storage.sql import open_storage

        settings = settings_of_environment(TRIAGE_HOST=host, TRIAGE_PORT="" if port < 0 else str(port))
        open_storage(settings.database_url).close()
        listening = bind(settings)
        _print_addresses(listening.describe(settings), as_json=as_json)
        if not run(settings, listening=listening, model_version=model_version):
            raise TriageError("The service could not start. The log above says why.")


def score(
    file: Annotated[str, typer.Argument(help="A JSON file with a ticket or a list of them; '-' is standard input.")],
    model: Annotated[str, typer.Option(help="Registered model, in place of TRIAGE_MODEL.")] = "",
    version: Annotated[str, typer.Option(help="Version of it, in place of the alias's.")] = "",
    is_recorded: Annotated[bool, typer.Option("--record/--no-record", help="Record what is answered.")] = False,
    as_json: AsJson = False,
) -> None:
    """Triage tickets of a file: the same JSON as POST /v1/score, a list for a list."""
    with one_sentence():
        from serving.offline import score_sent

        answers = score_sent(
            _content(file),
            settings=settings_of_environment(TRIAGE_MODEL=model),
            model_version=version,
            is_recorded=is_recorded,
        )
        if answers.failure:
            typer.echo(answers.failure, err=True)
        typer.echo(json.dumps(answers.content, ensure_ascii=False, indent=None if as_json else 2))


def create_key(
    name: Annotated[str, typer.Argument(help="Whose key it is, as in 'helpdesk webhook'.")],
    scope: Annotated[list[str], typer.Option(help="score, feedback, review or admin; may be repeated.")],
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it, this once."""
    with one_sentence():
        from serving import auth

        with _storage() as storage:
            created = auth.create_key(storage, name=name, scopes=[_scope(one) for one in scope])
        if as_json:
            print_json({"key": created.plaintext, **_described(created.stored)})
            return
        typer.echo(created.plaintext)
        typer.echo("Keep it: it is not stored and cannot be shown again.", err=True)


def list_keys(as_json: AsJson = False) -> None:
    """List the API keys, without their secrets."""
    with one_sentence():
        from serving import auth

        with _storage() as storage:
            keys = [_described(key) for key in auth.list_keys(storage)]
        if as_json:
            print_json({"keys": keys})
            return
        for key in keys:
            state = (
                f"revoked {key['revoked_at']}" if key["revoked_at"] else f"last used {key['last_used_at'] or 'never'}"
            )
            typer.echo(f"{key['id']}  {','.join(key['scopes']):<24}  {state:<40}  {key['name']}")
        if not keys:
            typer.echo("There is no key yet. Make one with: triage keys create NAME --scope score")


def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The key's id, or the whole key.")], as_json: AsJson = False
) -> None:
    """Revoke an API key: within seconds it opens nothing."""
    with one_sentence():
        from serving import auth

        with _storage() as storage:
            is_known = auth.revoke_key(storage, key_id)
        if not is_known:
            raise RecipeError(f"There is no key '{key_id[:20]}'. See the ids with: triage keys list")
        if as_json:
            print_json({"revoked": True})
            return
        typer.echo("The key is revoked.")


@contextmanager
def _storage() -> Iterator[Storage]:
    from serving.storage.sql import open_storage

    storage = open_storage(settings_of_environment().database_url)
    try:
        yield storage
    finally:
        storage.close()


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise TicketError(f"The file '{file}' cannot be read ({error.strerror}). Name a JSON file, or '-'.") from None


def _scope(name: str) -> Any:
    from serving.auth import Scope

    try:
        return Scope(name.strip().casefold())
    except ValueError:
        raise RecipeError(f"There is no scope '{name}'. The scopes are: {', '.join(Scope)}.") from None


def _described(key: StoredKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(scope.value for scope in key.scopes),
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
    }


def _print_addresses(service: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(service)
    else:
        typer.echo(f"Tickets:  POST {service['url']}/v1/score")
        typer.echo(f"Docs:     {service['url']}/docs")
        typer.echo(service["reach"])
    sys.stdout.flush()
