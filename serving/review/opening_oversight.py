"""Puts the pages of trust, policy and rules together. Knows no page and no query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from serving.connections import Connections
from serving.review.past_tickets import PastStorage, PastTickets
from serving.review.promise_views import PromiseViews
from serving.review.rule_views import RuleViews
from serving.review.trust import ModelsInUse, TrustStorage, TrustViews
from serving.review.trust_tickets import TicketPages, TrustTickets
from serving.storage.people import PeopleStorage
from serving.storage.policies import AlertStorage


class OversightStorage(TrustStorage, PastStorage, Protocol):
    """What the pages read and write."""

    @property
    def people(self) -> PeopleStorage:
        """The users and their sessions."""


@dataclass(frozen=True, slots=True)
class OversightPages:
    """What the routes call."""

    trust: TrustViews
    tickets: TrustTickets
    promises: PromiseViews
    rules: RuleViews
    alerts: AlertStorage
    clock: Callable[[], datetime]


def oversight_pages(
    *,
    storage: OversightStorage,
    tickets: TicketPages,
    connections: Connections,
    models: ModelsInUse,
    default_model: str,
    clock: Callable[[], datetime],
) -> OversightPages:
    """Return the pages on a storage."""
    past = PastTickets(storage, clock=clock)
    users = storage.people.users
    trust = TrustViews(storage, connections=connections, models=models, default_model=default_model, clock=clock)
    return OversightPages(
        trust=trust,
        tickets=TrustTickets(storage, trust=trust, tickets=tickets),
        promises=PromiseViews(
            storage,
            users=users,
            past=past,
            connections=connections,
            models=models,
            default_model=default_model,
            clock=clock,
        ),
        rules=RuleViews(storage.policies, users=users, past=past, connections=connections, clock=clock),
        alerts=storage.policies.alerts,
        clock=clock,
    )
