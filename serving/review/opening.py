"""Puts the review pages together: what its routes call, left in `app.state`. Knows no page and no query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from serving.connections import Connections
from serving.oversight.watch import Watch
from serving.review import policy_routes, routes, rule_routes, sign_in_routes, trust_routes
from serving.review.failures import answer_unknown_address
from serving.review.oidc import OidcProvider
from serving.review.opening_oversight import oversight_pages
from serving.review.past_tickets import PastStorage
from serving.review.rendering import STATIC
from serving.review.service import ReviewService
from serving.review.sessions import Sessions
from serving.review.sign_in import SignIn
from serving.review.views import Records, ReviewViews
from serving.settings import Settings
from serving.storage.intake import IntakeStorage
from serving.storage.outcomes import OutcomeStorage
from serving.storage.people import PeopleStorage
from serving.storage.policies import PolicyStorage
from serving.storage.reviewing import ReviewingStorage


class ReviewStorages(ReviewingStorage, IntakeStorage, Records, PastStorage, Protocol):
    """What the pages read and write."""

    @property
    def people(self) -> PeopleStorage:
        """The users and their sessions."""

    @property
    def policies(self) -> PolicyStorage:
        """The policies."""

    @property
    def outcomes(self) -> OutcomeStorage:
        """What became of tickets."""


def add_review_pages(app: FastAPI) -> None:
    """Add the routes and files of the pages to an application."""
    app.include_router(sign_in_routes.router)
    app.include_router(trust_routes.router)
    app.include_router(policy_routes.router)
    app.include_router(rule_routes.router)
    app.include_router(routes.router)
    app.mount("/review/static", StaticFiles(directory=STATIC), name="review-static")
    for status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        app.add_exception_handler(status, answer_unknown_address)


def open_review(
    app: FastAPI,
    *,
    storage: ReviewStorages,
    settings: Settings,
    connections: Connections,
    clock: Callable[[], datetime],
) -> None:
    """Leave in `app.state` what the routes call."""
    service = ReviewService(
        queue=storage.queue,
        reviews=storage.reviews,
        users=storage.people.users,
        connections=connections,
        clock=clock,
        watch=Watch(storage, clock=clock),
    )
    app.state.review = service
    app.state.review_views = ReviewViews(
        service,
        queue=storage.queue,
        reviews=storage.reviews,
        records=storage,
        originals=storage.originals,
        effects=storage.effects,
        connections=connections,
        clock=clock,
    )
    app.state.oversight_pages = oversight_pages(
        storage=storage,
        tickets=app.state.review_views,
        connections=connections,
        models=app.state.services.models,
        default_model=settings.model,
        clock=clock,
    )
    app.state.sessions = Sessions(
        storage.people.sessions,
        users=storage.people.users,
        idle=timedelta(minutes=settings.session_idle_minutes),
        longest=timedelta(hours=settings.session_hours),
        clock=clock,
    )
    app.state.sign_in = SignIn(storage.people.users, clock=clock)
    app.state.public_url = settings.public_url
    app.state.oidc = _provider(settings, clock=clock)


def _provider(settings: Settings, *, clock: Callable[[], datetime]) -> OidcProvider | None:
    if not settings.oidc_issuer:
        return None
    return OidcProvider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        clock=clock,
    )
