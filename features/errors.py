"""Every error that this product raises on purpose.

    TriageError
    ├── HistoryError            a history or article file that cannot be used
    │   └── InvalidRowsError    rows that break the checks; carries the report
    ├── RecipeError             a recipe or command-line value that cannot be used
    ├── TicketError             a ticket that cannot be scored as sent
    ├── BundleError             a model folder that is refused: tampered, truncated, of another version
    ├── EncoderError            a text encoder that cannot be reached, read or run
    ├── ModelUnavailableError   no model is loaded, or none under that name
    ├── RegistryError           the model registry does not answer, or lacks what was asked for
    ├── SettingsError           a setting that cannot be used
    ├── StorageError            the database does not answer or refuses
    ├── AuthenticationError     no valid key
    ├── PermissionDeniedError   a valid key without the scope
    ├── ConnectionsError        a configured connection to a helpdesk that cannot be used
    ├── DeliveryError           a webhook's body that cannot be read
    ├── HelpdeskError           a helpdesk that does not do what it was asked
    │   ├── HelpdeskBusyError     it asks to be left alone for a while
    │   ├── HelpdeskDownError     it gave no answer, or failed: what was asked may have been done
    │   ├── HelpdeskRefusedError  it refuses, and would again
    │   ├── TicketGoneError       it has no such ticket
    │   └── TicketChangedError    the ticket was changed between reading and writing
    └── IdempotencyError        an Idempotency-Key used twice for different requests

A message names what failed, the value, what was expected and what to do. Messages are shown to
callers: they never hold ticket text, secrets or paths of the server.
"""

from __future__ import annotations

from dataclasses import dataclass


class TriageError(Exception):
    """Base of every error with a message that a user can act on."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One value of a table that breaks a check: where it stands, what it is and why it fails."""

    line: int
    column: str
    value: str
    reason: str


class HistoryError(TriageError):
    """A history or article file cannot be used."""


class InvalidRowsError(HistoryError):
    """Rows break the checks of their schema; `report` holds one `RowProblem` a failing value."""

    def __init__(self, message: str, *, report: tuple[RowProblem, ...]) -> None:
        super().__init__(message)
        self.report = report


class RecipeError(TriageError):
    """A recipe or an option of training cannot be used."""


class TicketError(TriageError):
    """A ticket cannot be scored as it was sent."""


class BundleError(TriageError):
    """A model folder is refused."""


class EncoderError(TriageError):
    """A text encoder cannot be reached, read or run."""


class ModelUnavailableError(TriageError):
    """There is no model to score with."""


class RegistryError(TriageError):
    """The model registry cannot be reached or lacks what was asked for."""


class SettingsError(TriageError):
    """A setting of the service cannot be used."""


class StorageError(TriageError):
    """The database cannot be reached or refuses a change."""


class AuthenticationError(TriageError):
    """A request carries no valid key."""


class PermissionDeniedError(TriageError):
    """A request's key lacks the scope that the route asks for."""


class IdempotencyError(TriageError):
    """An idempotency key came again with another request, or while the first is in flight."""

    def __init__(self, message: str, *, in_flight: bool) -> None:
        super().__init__(message)
        self.in_flight = in_flight


class ConnectionsError(TriageError):
    """A connection to a helpdesk is configured wrongly, or there is none of that name."""


class DeliveryError(TriageError):
    """The body of a webhook cannot be read."""


class HelpdeskError(TriageError):
    """A helpdesk did not do what it was asked."""


class HelpdeskBusyError(HelpdeskError):
    """A helpdesk asks to be left alone for `retry_after_seconds`."""

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class HelpdeskDownError(HelpdeskError):
    """A helpdesk gave no answer or failed; whether it did what it was asked is not known."""


class HelpdeskRefusedError(HelpdeskError):
    """A helpdesk refuses what it was asked, and would refuse it again."""


class TicketGoneError(HelpdeskError):
    """A helpdesk has no such ticket any more, or none that we may see."""


class TicketChangedError(HelpdeskError):
    """A ticket was changed between reading and writing it."""
