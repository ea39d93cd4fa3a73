"""The verbs of helpdesks: connections, deliveries, and what is read from and taken back in tickets.

Each reads its options, calls one function and prints; whatever is slow to import is imported by the verb.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import RecipeError
from serving.command_line import EXIT_STATUS, AsJson, one_sentence, print_json, settings_of_environment

if TYPE_CHECKING:
    from datetime import datetime

    from serving.auth import Clock
    from serving.connections import Connection, Connections
    from serving.helpdesks.interface import Helpdesk
    from serving.settings import Settings
    from serving.storage.intake import DeliveryState, StoredDelivery
    from serving.storage.sql import SqlStorage

_MOST_REPLAYED = 100_000

ConnectionName = Annotated[str, typer.Option("--connection", help="Name of the connection.")]
Since = Annotated[str, typer.Option(help="How long ago (24h, 365d), the time of day (10:00) or a date.")]


def add_commands(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command()(work)
    connections = typer.Typer(no_args_is_help=True, help="List and check the connections to helpdesks.")
    connections.command("list")(list_connections)
    connections.command("check")(check_connection)
    app.add_typer(connections, name="connections")
    deliveries = typer.Typer(no_args_is_help=True, help="List, show and replay what helpdesks delivered.")
    deliveries.command("list")(list_deliveries)
    deliveries.command("show")(show_delivery)
    deliveries.command("replay")(replay_deliveries)
    app.add_typer(deliveries, name="deliveries")
    app.command()(backfill)
    app.command()(export)
    app.command()(revert)
    app.command()(forget)


def work(
    slot: Annotated[
        str, typer.Option(help="Name of this worker, its own among all that share the database; it keeps it.")
    ] = "work-1",
    as_json: AsJson = False,
) -> None:
    """Work on deliveries until interrupted. For PostgreSQL: on SQLite `triage serve` does it."""
    with one_sentence():
        from serving.work_process import connections_to_work_on
        from serving.work_process import work as work_until_stopped

        settings = settings_of_environment()
        connections = connections_to_work_on(settings)
        if as_json:
            print_json({"slot": slot, "connections": list(connections.by_name)})
        else:
            typer.echo(f"Slot {slot} works for: {', '.join(connections.by_name)}")
        work_until_stopped(settings, connections=connections, slot=slot)


# --- connections ------------------------------------------------------------------------------------------------------


def list_connections(as_json: AsJson = False) -> None:
    """List the connections, without their secrets."""
    with one_sentence():
        connections = _connections(settings_of_environment()).by_name.values()
        if as_json:
            print_json({"connections": [_described(one) for one in connections]})
            return
        for one in connections:
            modes = ", ".join(f"{target} {mode}" for target, mode in one.modes.items()) or "records only"
            typer.echo(f"{one.name:<20}  {one.vendor:<10}  {one.base_url:<40}  {modes}")
        if not connections:
            typer.echo("There is no connection yet. Write one into the file that TRIAGE_CONNECTIONS names.")


def check_connection(
    name: Annotated[str, typer.Argument(help="Name of the connection.")], as_json: AsJson = False
) -> None:
    """Ask a helpdesk who we are and what we may do; the exit status is 2 where something is missing."""
    with one_sentence():
        from serving.auth import utc_now
        from serving.helpdesks.vendors import open_helpdesk

        connection = _connections(settings_of_environment()).get(name)
        with closing(open_helpdesk(connection, clock=utc_now)) as helpdesk:
            found = helpdesk.check()
    rights = {"read": found.may_read, "write": found.may_write, "read articles": found.may_read_articles}
    is_complete = found.may_read and found.may_write and not found.problems
    if as_json:
        told = {name.replace(" ", "_"): is_allowed for name, is_allowed in rights.items()}
        print_json({"user": found.user, "user_id": found.user_id, **told, "problems": list(found.problems)})
    else:
        typer.echo(f"We are {found.user or 'nobody that the helpdesk knows'}.")
        for right, is_allowed in rights.items():
            typer.echo(f"  {'ok' if is_allowed else 'NO'}  {right}")
        for problem in found.problems:
            typer.echo(problem)
    if not is_complete:
        raise typer.Exit(EXIT_STATUS)


# --- deliveries -------------------------------------------------------------------------------------------------------


def list_deliveries(
    state: Annotated[str, typer.Option(help="accepted, done, dead or unreadable.")] = "",
    connection: Annotated[str, typer.Option(help="Those of one connection.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most deliveries to list, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries and how many there are in each state; what tickets say is not shown."""
    with one_sentence():
        wanted = _state(state) if state else None
        with _opened() as opened:
            deliveries = opened.storage.deliveries
            found = deliveries.list(state=wanted, connection=connection or None, limit=limit)
            counts = {one.value: count for one, count in deliveries.counts().items()}
        if as_json:
            print_json({"counts": counts, "deliveries": [_told(one) for one in found]})
            return
        typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
        for one in found:
            said = one.outcome or one.last_error or "waits"
            typer.echo(f"{one.id}  {one.state:<10}  {one.connection:<16}  {one.ticket_id:<12}  {one.kind:<18}  {said}")


def show_delivery(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="The delivery's id.")], as_json: AsJson = False
) -> None:
    """Show how far a delivery has come."""
    with one_sentence():
        with _opened() as opened:
            found = opened.storage.deliveries.find(delivery_id)
        if found is None:
            raise RecipeError(f"There is no delivery '{delivery_id[:60]}'. See the ids with: triage deliveries list")
        told = _told(found)
        if as_json:
            print_json(told)
            return
        for name, value in told.items():
            typer.echo(f"{name:<16}  {'' if value is None else value}")


def replay_deliveries(
    delivery_ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of deliveries.")] = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Every delivery that was given up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Begin deliveries anew; what they wrote before is not written twice."""
    with one_sentence():
        if bool(delivery_ids) is all_dead:
            raise RecipeError("Name the deliveries to replay, or give --all-dead.")
        from serving.storage.intake import DeliveryState

        with _opened() as opened:
            deliveries = opened.storage.deliveries
            dead = deliveries.list(state=DeliveryState.DEAD, limit=_MOST_REPLAYED) if all_dead else ()
            ids = delivery_ids or [one.id for one in dead]
            replayed = [one for one in ids if deliveries.replay(one, at=opened.clock())]
        left = [one for one in ids if one not in {*replayed}]
        if as_json:
            print_json({"replayed": replayed, "not_replayed": left})
        else:
            typer.echo(f"{len(replayed)} begun anew.")
            for one in left:
                typer.echo(f"{one} is not known, still waits for work, or has been emptied since.", err=True)
    if left:
        raise typer.Exit(EXIT_STATUS)


# --- tickets ----------------------------------------------------------------------------------------------------------


def backfill(connection: ConnectionName, since: Since = "24h", as_json: AsJson = False) -> None:
    """Take in the tickets that no delivery told of; the worker triages them."""
    with one_sentence():
        from serving.patience import patiently
        from serving.sweep import sweep

        with _opened(connection) as opened:
            began_at, chosen = opened.moment(since), opened.connection
            swept = patiently(
                lambda: sweep(
                    chosen,
                    helpdesk=opened.helpdesk,
                    deliveries=opened.storage.deliveries,
                    since=began_at,
                    clock=opened.clock,
                )
            )
        if as_json:
            print_json({"seen": swept.seen, "taken_in": swept.taken_in, "closed": swept.closed})
            return
        typer.echo(f"{swept.seen} seen, {swept.taken_in} taken in, {swept.closed} closed ones with their final values.")


def export(
    connection: ConnectionName,
    since: Since = "365d",
    tickets: Annotated[Path | None, typer.Option(help="JSON lines of the closed tickets.")] = None,
    articles: Annotated[Path | None, typer.Option(help="JSON lines of the articles.")] = None,
    reviews: Annotated[Path | None, typer.Option(help="JSON lines of what people put right.")] = None,
    as_json: AsJson = False,
) -> None:
    """Export closed tickets with their final values, articles and reviews, as `triage train` reads them."""
    with one_sentence():
        if tickets is None and articles is None and reviews is None:
            raise RecipeError(
                "There is nothing to export: give --tickets FILE.jsonl, or --articles or --reviews likewise."
            )
        from serving.exports import export_articles, export_tickets
        from serving.patience import patiently
        from serving.review_export import export_reviews

        told: dict[str, int] = {}
        with _opened(connection) as opened:
            began_at, chosen, helpdesk = opened.moment(since), opened.connection, opened.helpdesk
            if tickets is not None:
                file = tickets
                done = patiently(
                    lambda: export_tickets(chosen, helpdesk=helpdesk, storage=opened.storage, since=began_at, file=file)
                )
                told |= {"tickets": done.tickets, "forgotten": done.forgotten, "unconfirmed": done.unconfirmed}
            if articles is not None:
                article_file = articles
                told["articles"] = patiently(lambda: export_articles(helpdesk=helpdesk, file=article_file))
            if reviews is not None:
                said = export_reviews(
                    chosen.name, storage=opened.storage, since=began_at, file=reviews, clock=opened.clock
                )
                told["reviews"] = said.labels
        if as_json:
            print_json(told)
            return
        if tickets is not None:
            typer.echo(
                f"{told['tickets']:,} tickets; {told['unconfirmed']:,} values left empty that we wrote and nobody "
                f"touched; {told['forgotten']:,} forgotten tickets left out."
            )
        if articles is not None:
            typer.echo(f"{told['articles']:,} articles.")
        if reviews is not None:
            typer.echo(f"{told['reviews']:,} labels of reviews.")


def revert(
    connection: ConnectionName,
    model_version: Annotated[str, typer.Option(help="The version whose values are taken back.")],
    since: Since,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take back what a model version wrote, sparing what people have touched; it may be begun again."""
    with one_sentence():
        from dataclasses import asdict

        from serving.revert import Revert

        with _opened(connection) as opened:
            reverting = Revert(
                opened.connection.name, helpdesk=opened.helpdesk, effects=opened.storage.effects, clock=opened.clock
            )
            way = reverting.rehearse if dry_run else reverting.run
            done = list(way(model_version=model_version, since=opened.moment(since)))
        problems = [one for one in done if one.problem]
        if as_json:
            print_json({"dry_run": dry_run, "effects": [asdict(one) for one in done], "problems": len(problems)})
        else:
            for one in done:
                spared = f"; touched by people and left: {', '.join(one.touched)}" if one.touched else ""
                given_back = ", ".join((*one.restored, *one.tags)) or "nothing"
                typer.echo(f"{one.ticket_id}: {one.problem or one.note or f'taken back: {given_back}{spared}'}")
            verb = "would be taken back" if dry_run else "taken back"
            typer.echo(f"{len(done) - len(problems)} {verb}, {len(problems)} failed; run it again for those.")
    if problems:
        raise typer.Exit(EXIT_STATUS)


def forget(
    requester: Annotated[str, typer.Option(help="The requester's e-mail address.")], as_json: AsJson = False
) -> None:
    """Erase what the tickets of a requester said; what remains of each is that it was forgotten."""
    with one_sentence():
        from serving.storage.intake import requester_sha256

        if "@" not in requester:
            raise RecipeError("--requester names no e-mail address. Give the address under which tickets were filed.")
        with _opened() as opened:
            forgotten = opened.storage.originals.forget(requester_sha256(requester), at=opened.clock())
        if as_json:
            print_json({"tickets": len(forgotten)})
            return
        typer.echo(f"{len(forgotten)} tickets are forgotten.")


# --- what the verbs share ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Opened:
    """The storage, and the helpdesk of the connection that a verb names."""

    storage: SqlStorage
    clock: Clock
    named: tuple[Connection, Helpdesk] | None

    @property
    def connection(self) -> Connection:
        assert self.named is not None
        return self.named[0]

    @property
    def helpdesk(self) -> Helpdesk:
        assert self.named is not None
        return self.named[1]

    def moment(self, since: str) -> datetime:
        """Return the moment that an option means, times of day in this machine's time zone."""
        from serving.moments import moment_of

        return moment_of(since, now=self.clock().astimezone())


@contextmanager
def _opened(connection: str = "") -> Iterator[_Opened]:
    from serving.app import open_service_storage
    from serving.auth import utc_now
    from serving.patience import open_patient_helpdesk

    settings = settings_of_environment()
    chosen = _connections(settings).get(connection) if connection else None
    with closing(open_service_storage(settings)) as storage:
        if chosen is None:
            yield _Opened(storage, utc_now, None)
            return
        with closing(open_patient_helpdesk(chosen, pacing=storage.pacing, clock=utc_now)) as helpdesk:
            yield _Opened(storage, utc_now, (chosen, helpdesk))


def _connections(settings: Settings) -> Connections:
    from serving.connections import read_connections

    return read_connections(settings.connections, environ=os.environ)


def _described(connection: Connection) -> dict[str, Any]:
    return {
        "name": connection.name,
        "vendor": connection.vendor.value,
        "base_url": connection.base_url,
        "model": connection.model,
        "modes": {target: mode.value for target, mode in connection.modes.items()},
    }


def _state(name: str) -> DeliveryState:
    from serving.storage.intake import DeliveryState

    try:
        return DeliveryState(name.strip().casefold())
    except ValueError:
        raise RecipeError(f"There is no state '{name[:40]}'. The states are: {', '.join(DeliveryState)}.") from None


def _told(delivery: StoredDelivery) -> dict[str, Any]:
    """Return a delivery without what the ticket says."""

    def moment(at: datetime | None) -> str | None:
        return at.isoformat() if at else None

    return {
        "id": delivery.id,
        "connection": delivery.connection,
        "ticket_id": delivery.ticket_id,
        "kind": delivery.kind,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "received_at": moment(delivery.received_at),
        "next_attempt_at": moment(delivery.next_attempt_at),
        "finished_at": moment(delivery.finished_at),
        "outcome": delivery.outcome,
        "last_error": delivery.last_error,
    }
