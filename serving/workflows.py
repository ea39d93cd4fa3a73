"""The durable engine under the worker: an attempt at a delivery goes on after its process was killed.

The only module that knows DBOS. A workflow's input is a delivery's id and the number of the attempt, never text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from serving.storage.workflow_engine import open_workflow_engine

_NAME = "ticket-triage"
# All versions of the service can go on with each other's attempts: their only state is in the storage.
_APPLICATION_VERSION = "1"


class DurableAttempts:
    """Runs attempts as workflows; one object a process, made after any fork.

    `slot` names this worker among those that share a database. A worker that is started again in the same slot goes
    on with what was killed there.
    """

    def __init__(self, database_url: str, *, slot: str, attempt: Callable[[str, int], None]) -> None:
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

        @DBOS.step(name="attempt")
        def step(delivery_id: str, number: int) -> None:
            attempt(delivery_id, number)

        @DBOS.workflow(name="triage", max_recovery_attempts=1_000)
        def triage(delivery_id: str, number: int) -> None:
            step(delivery_id, number)

        self._workflow = triage

    def launch(self) -> None:
        """Begin, going on first with what an earlier process in this slot left unfinished."""
        self._dbos.launch()

    def start(self, delivery_id: str, number: int) -> Callable[[], object]:
        """Start an attempt, once however often it is asked for; return what waits for its end."""
        from dbos import SetWorkflowID

        with SetWorkflowID(f"{delivery_id}:{number}"):
            handle = self._dbos.start_workflow(self._workflow, delivery_id, number)
        wait: Callable[[], object] = handle.get_result
        return wait

    def close(self) -> None:
        """End; what is being worked on is finished first."""
        self._dbos.destroy(destroy_registry=True, workflow_completion_timeout_sec=30)
        self._engine.dispose()
