"""The command `triage`: verbs of both sides, errors in one sentence, and a demonstration that trains once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from training import registry
from training.fit import Trained

ROOT = Path(__file__).parents[1]
VERBS = (
    *("demo", "train", "compare", "promote", "rollback", "serve", "score", "keys"),
    *("work", "connections", "deliveries", "backfill", "export", "revert", "forget"),
)
# A program in which the command has one more verb, which fails as the test wants it.
FAILING = """
import sys
import triage
from features.errors import HistoryError

@triage.app.command()
def fails() -> None:
    raise {error}

sys.argv = ["triage", "fails"]
triage.main()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a new process: a folder of its own, and no registry named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRIAGE_", "MLFLOW_"))}
    return {**kept, "TRIAGE_VAR_DIR": str(tmp_path / "var"), "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def _run(*command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def _triage(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return _run(str(Path(sys.executable).with_name("triage")), *arguments, environment=environment)


def _failing(error: str, *, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return _run(sys.executable, "-c", FAILING.format(error=error), environment=environment)


# --- what there is ----------------------------------------------------------------------------------------------------


def test_the_command_names_its_verbs(environment: dict[str, str]) -> None:
    """Asked for help the command lists the verbs of training and of serving; asked for nothing it does the same."""
    helped, bare = _triage("--help", environment=environment), _triage(environment=environment)
    assert helped.returncode == 0
    for verb in VERBS:
        assert re.search(rf"\b{verb} .*\w", helped.stdout), verb
        assert re.search(rf"\b{verb} .*\w", bare.stdout + bare.stderr), verb


def test_help_comes_at_once(environment: dict[str, str]) -> None:
    """Nothing that is slow to import is loaded before a verb needs it."""
    program = "import sys, triage; print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    loaded = set(_run(sys.executable, "-c", program, environment=environment).stdout.split())
    assert "typer" in loaded
    assert not loaded & {"pandas", "sklearn", "lightgbm", "mlflow", "matplotlib", "fastapi", "sqlalchemy", "scipy"}


@pytest.mark.parametrize("arguments", [("trian",), ("train", "--histroy", "a.csv"), ("score",), ("keys", "create")])
def test_a_slip_of_the_keyboard_is_a_usage_error(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    """An unknown verb or option, and a missing argument, end with status 2 and a hint at the help."""
    done = _triage(*arguments, environment=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_of_ours_is_its_sentence(environment: dict[str, str]) -> None:
    """What a user can act on is shown as one line after the command's name, with status 2."""
    done = _failing("HistoryError('The file is empty. Export it again.')", environment=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "triage: The file is empty. Export it again.\n"


def test_a_fault_is_named_without_its_words(environment: dict[str, str]) -> None:
    """A fault of the program shows its kind and how to see more, with status 1; its words may quote a ticket."""
    done = _failing("KeyError('비밀번호는 4821')", environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("triage: an unexpected KeyError; this is a fault of the program.")
    assert done.stderr.count("\n") == 1
    assert "4821" not in done.stderr


def test_a_fault_is_shown_in_full_when_asked_for(environment: dict[str, str]) -> None:
    """With TRIAGE_DEBUG the trace of a fault is printed."""
    done = _failing("KeyError('here')", environment={**environment, "TRIAGE_DEBUG": "1"})
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'here'" in done.stderr


def test_an_interrupt_is_no_fault(environment: dict[str, str]) -> None:
    """Whoever interrupts a verb sees no trace, and a script the status that shells give to an interrupt."""
    done = _failing("KeyboardInterrupt", environment=environment)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "fault" not in done.stderr


# --- the demonstration ------------------------------------------------------------------------------------------------


def test_a_second_demo_trains_nothing(
    environment: dict[str, str], tmp_path: Path, sample_trained: Trained, empty_mlflow_database: bytes
) -> None:
    """With a champion in the registry the demo scores a Korean and an English ticket at once and ends."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "mlflow.db").write_bytes(empty_mlflow_database)
    quick = replace(sample_trained, test_evidence={})  # figures take longest to log
    registry.log_and_register(quick, tracking_uri=registry.default_tracking_uri(environment))
    done = _triage("demo", "--once", environment=environment)
    assert done.returncode == 0, done.stderr
    assert "Training" not in done.stderr
    _, *shown = re.split(r"^triage score data/demo_ticket_\w\w\.json$", done.stdout, flags=re.MULTILINE)
    answers = [json.loads(answer) for answer in shown]
    assert [answer["language"] for answer in answers] == ["ko", "en"]
    for answer in answers:
        assert answer["model"] == {"name": "ticket-triage", "version": "1", "alias": "champion"}
        assert set(answer["targets"]) == {"category", "kind", "group", "priority", "tier"}
        assert answer["articles"]
    assert len(registry.list_versions(tracking_uri=registry.default_tracking_uri(environment))) == 1
