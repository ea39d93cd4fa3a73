"""Which class speaks to which vendor. A vendor's module is imported when a connection asks for it, not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeAlias

from serving.connections import Connection, Vendor
from serving.helpdesks.calls import Throttle
from serving.helpdesks.interface import Helpdesk

Clock: TypeAlias = Callable[[], datetime]


class _Opens(Protocol):
    """A vendor's class, as far as it is called here."""

    def __call__(self, connection: Connection, *, clock: Clock, throttle: Throttle | None = None) -> Helpdesk:
        """Return the helpdesk of a connection."""


def open_helpdesk(connection: Connection, *, clock: Clock, throttle: Throttle | None = None) -> Helpdesk:
    """Return the helpdesk that a connection names; nothing is called yet."""
    return _CLASSES[connection.vendor]()(connection, clock=clock, throttle=throttle)


def _zendesk() -> _Opens:
    from serving.helpdesks.zendesk import Zendesk

    return Zendesk


def _freshdesk() -> _Opens:
    from serving.helpdesks.freshdesk import Freshdesk

    return Freshdesk


def _jira() -> _Opens:
    from serving.helpdesks.jira import Jira

    return Jira


def _servicenow() -> _Opens:
    from serving.helpdesks.servicenow import ServiceNow

    return ServiceNow


def _zammad() -> _Opens:
    from serving.helpdesks.zammad import Zammad

    return Zammad


def _generic() -> _Opens:
    from serving.helpdesks.generic import Generic

    return Generic


_CLASSES: Mapping[Vendor, Callable[[], _Opens]] = {
    Vendor.ZENDESK: _zendesk,
    Vendor.FRESHDESK: _freshdesk,
    Vendor.JIRA: _jira,
    Vendor.SERVICENOW: _servicenow,
    Vendor.ZAMMAD: _zammad,
    Vendor.GENERIC: _generic,
}
