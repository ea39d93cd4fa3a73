"""What a service has seen in some weeks of running unattended, put straight into its storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from features.decisions import PolicyState
from features.tickets import Requester, Ticket
from serving.app import create_app
from serving.event_records import to_record
from serving.helpdesks.interface import Event, EventKind
from serving.settings import load_settings
from serving.storage.identifiers import time_ordered_id
from serving.storage.intake import Closing, FinalValue, SetBy, StoredDelivery
from serving.storage.outcomes import Feedback, FeedbackKind, UnattendedRecord
from serving.storage.policies import Alert, PromiseRecord, StateRecord
from serving.storage.reviewing import Answer, Review, ReviewAction, ReviewItem
from serving.storage.sql import SqlStorage, open_storage
from tests.review_desk import CONNECTIONS, MODEL, START, Clock, Desk, add_users, item_id, make_item, scored, targets
from tests.running_service import FolderRegistry, Service

LEADS = (item_id(9000), item_id(9001))


@contextmanager
def trained_desk(bundle: Path, folder: Path, *, password_hash: str) -> Iterator[Desk]:
    """Open a service that has a model and a connection, with users of every role."""
    registry = FolderRegistry(folder / "registry")
    registry.register(bundle)
    (folder / "connections.toml").write_text(CONNECTIONS, encoding="utf-8")
    settings = load_settings(
        {
            "TRIAGE_VAR_DIR": str(folder / "var"),
            "TRIAGE_CONNECTIONS": str(folder / "connections.toml"),
            "TRIAGE_SWEEP_MINUTES": "0",
        }
    )
    clock = Clock()
    service = Service(create_app(settings, model_source=registry, clock=clock))
    service.start()
    storage = open_storage(settings.database_url)
    desk = Desk(service, storage, clock)
    add_users(storage, password_hash)
    service.wait_until_ready()
    try:
        yield desk
    finally:
        for browser in desk.browsers:
            browser.close()
        service.stop()
        storage.close()


def promise(target: str, largest_error: float | None = 0.05, *, at: datetime = START) -> PromiseRecord:
    """Return a promise on the connection of the desk."""
    return PromiseRecord(MODEL.name, "helpdesk", target, largest_error, by=LEADS[0], at=at)


def state(target: str, what: PolicyState, *, at: datetime = START) -> StateRecord:
    """Return a state that the service set."""
    return StateRecord(
        MODEL.name, "helpdesk", target, what, because="Of 80 audits 9 were wrong; 5 % were promised.", by="", at=at
    )


def ran(item: ReviewItem, *, target: str = "group", label: str = "network-ops") -> UnattendedRecord:
    """Return the record of one decision that ran unattended."""
    return UnattendedRecord(
        entry_id=item.id,
        connection=item.connection,
        ticket_id=item.ticket_id,
        model=item.model,
        target=target,
        label=label,
        probability=0.97,
        group=item.group,
        language=item.language,
        category="network",
        at=item.created_at,
        was_drawn=item.is_audit,
    )


def audit(
    storage: SqlStorage,
    number: int,
    *,
    given: str | None,
    at: datetime = START,
    target: str = "group",
    suggested: str = "network-ops",
    leads: int = 1,
    wanted: int = 1,
    **changes: Any,
) -> ReviewItem:
    """Let a ticket run unattended and leads answer its audit."""
    item = make_item(
        number,
        is_audit=True,
        audit_targets=(target,),
        leads_wanted=wanted,
        created_at=at,
        inclusion_probability=0.2,
        **changes,
    )
    storage.record([scored(item)])
    storage.outcomes.unattended.record_all([ran(item, target=target, label=suggested)])
    storage.queue.add([item])
    for place in range(leads):
        review = Review(
            id=time_ordered_id(at + timedelta(minutes=1 + place)),
            item_id=item.id,
            connection=item.connection,
            ticket_id=item.ticket_id,
            by=LEADS[place],
            at=at + timedelta(minutes=1 + place),
            action=ReviewAction.AUDIT,
            answers={target: Answer(suggested, given, was_shown=False)},
            model=item.model,
        )
        assert storage.reviews.record(review)
    return item


def closed(
    storage: SqlStorage, ticket_id: str, *, at: datetime = START, by: SetBy = SetBy.PERSON, **values: str
) -> None:
    """Close a ticket with the values that it has in the end."""
    final = {target: FinalValue(value, by, by is SetBy.PERSON) for target, value in values.items()}
    storage.closings.record(Closing("helpdesk", ticket_id, at, final, MODEL.version))


def told(storage: SqlStorage, key: str, *, at: datetime, ticket_id: str = "", **values: Any) -> None:
    """Keep feedback on how a ticket ended."""
    storage.outcomes.feedback.record(
        Feedback(key, "caller", "helpdesk", ticket_id or f"T-{key}", FeedbackKind.FINAL_VALUES, values, "agent-17", at)
    )


def arrived(
    storage: SqlStorage,
    number: int,
    *,
    at: datetime,
    body: str,
    said: dict[str, Any] | None = None,
    key: str = "",
    **ticket: Any,
) -> None:
    """Let a ticket arrive by a delivery and be answered."""
    arriving = Ticket(
        id=f"D-{number}", subject=f"Ticket {number}", body=body, requester=Requester(id=f"user-{number}"), **ticket
    )
    event = Event(EventKind.CREATED, arriving, occurred_at=at)
    delivery = StoredDelivery(
        id=f"{time_ordered_id(at)}",
        connection="helpdesk",
        key=key or f"key-{number}",
        ticket_id=arriving.id,
        kind=event.kind.value,
        event=to_record(event),
        received_at=at,
        next_attempt_at=at,
    )
    assert storage.deliveries.accept(delivery)
    storage.deliveries.finish(delivery.id, at=at, outcome="recorded")
    answered = make_item(number, ticket_id=arriving.id, created_at=at, targets=said or targets())
    storage.record([replace(scored(answered), id=delivery.id, delivery_id=delivery.id)])


def alert(number: int = 1) -> Alert:
    """Return an alert that nobody has seen."""
    text = "[helpdesk / group] 감사에서 약속이 깨졌습니다.\n[helpdesk / group] Audits found the promise broken."
    return Alert(f"breach:{number}", "helpdesk", MODEL.name, "group", kind="breach", text=text, at=START)
