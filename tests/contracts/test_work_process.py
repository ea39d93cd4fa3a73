"""`triage work` as a process of its own on PostgreSQL: it starts, works and ends in order when told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import serving
from tests.connected_helpdesk import write_connections
from tests.simulated_helpdesks.zendesk import SimulatedZendesk

ROOT = Path(serving.__file__).parents[1]
PROGRAM = "import typer; from serving.cli import add_commands; app = typer.Typer(); add_commands(app); app()"
TIMEOUT_SECONDS = 120


def test_work_ends_in_order_when_told_to(postgres_url: str, tmp_path: Path) -> None:
    """After SIGTERM the worker finishes and the process ends with status 0; it says first what it works for."""
    with SimulatedZendesk().running() as helpdesk:
        environment = {
            **os.environ,
            "TRIAGE_VAR_DIR": str(tmp_path),
            "TRIAGE_DATABASE_URL": postgres_url,
            "TRIAGE_CONNECTIONS": str(write_connections(tmp_path / "connections.toml", helpdesk)),
        }
        command = [sys.executable, "-c", PROGRAM, "work", "--slot", "work-7", "--json"]
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert json.loads(process.stdout.readline()) == {"slot": "work-7", "connections": ["zendesk-main"]}
            seen: list[str] = []
            while "worker_started" not in seen:
                line = process.stderr.readline()
                assert line, seen
                seen.append(json.loads(line)["event"])
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0, log
    assert "worker_stopped" in log
    assert "Traceback" not in log
