"""The durable engine under the worker: an attempt at a delivery goes on after its process was killed.

The only module that knows DBOS. A workflow's input is a delivery's id and the number of the attempt, never text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from serving.storage.intake import StoredDelivery
from serving.storage.workflow_engine import open_workflow_engine

_NAME = "ticket-triage"
# All versions of the service can go on with each other's attempts: their only state is in the storage.
_APPLICATION_VERSION = "1"


class DurableAttempts:
    """Runs attempts as workflows; one object a process, made after any fork.

    `slot` names this worker among those that share a database. A worker that is started again in the same slot goes
    on with what was killed there.
    """

    def __init__(
        self, database_url: str, *, slot: str, attempt: Callable[[str, int, StoredDelivery | None], None]
    ) -> None:
        from dbos import DBOS

        logging.getLogger("dbos").setLevel(logging.WARNING)
        self._engine = open_workflow_engine(database_url)
        self._dbos: Any = DBOS
        DBOS(
            config={
                "name": _NAME,
                "system_database_url": self._engine.url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "executor_id": slot,
                "application_version": _APPLICATION_VERSION,
                "log_level": "WARNING",
                "enable_otlp": False,
            }
        )

        # Without steps of its own: an attempt may be repeated as a whole, and each step would be two more commits.
        @DBOS.workflow(name="triage", max_recovery_attempts=1_000)
        def triage(delivery_id: str, number: int) -> None:
            attempt(delivery_id, number, self._in_hand.get((delivery_id, number)))

        self._workflow = triage
        # What a workflow that begins here need not look up; one that is gone on with has only its input.
        self._in_hand: dict[tuple[str, int], StoredDelivery] = {}

    def launch(self) -> None:
        """Begin, going on first with what an earlier process in this slot left unfinished."""
        self._dbos.launch()

    def make(self, delivery: StoredDelivery) -> None:
        """Make the attempt that was begun at a delivery, and return when it is over."""
        from dbos import SetWorkflowID

        attempt = delivery.id, delivery.attempts
        # The end of the lease tells the attempts of a delivery that was replayed from those before.
        lease = f"{delivery.next_attempt_at:%Y%m%dT%H%M%S%f}" if delivery.next_attempt_at else ""
        self._in_hand[attempt] = delivery
        try:
            with SetWorkflowID(f"{delivery.id}:{delivery.attempts}:{lease}"):
                self._workflow(*attempt)
        finally:
            self._in_hand.pop(attempt, None)

    def close(self) -> None:
        """End; what is being worked on is finished first."""
        self._dbos.destroy(destroy_registry=True, workflow_completion_timeout_sec=30)
        self._engine.dispose()
