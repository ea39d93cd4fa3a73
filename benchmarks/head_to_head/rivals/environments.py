"""Rivals whose libraries do not go with the product's get an environment of their own, made when first needed.

Such a rival's module is run there with the path of its task and of its answer, so it imports nothing of ours but
what numpy alone can read.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from head_to_head.fingerprints import BENCHMARKS, fingerprint_of
from head_to_head.tasks import Costs, LabelAnswer, LabelTask, UnavailableError

_LAST_LINES = 3


def answer_apart(
    task: LabelTask, module: str, *, requirements: Sequence[str], settings: Mapping[str, Any], folder: Path
) -> LabelAnswer:
    """Return the answer of a rival's module in its own environment, which is kept under `folder`."""
    python = _environment(folder, requirements)
    with tempfile.TemporaryDirectory() as name:
        asked, answered = Path(name) / "task.json", Path(name) / "answer.npz"
        content = {
            "train_texts": list(task.train_texts),
            "train_actual": task.train_actual.tolist(),
            "test_texts": list(task.test_texts),
            "label_count": task.label_count,
            "seed": task.seed,
            **settings,
        }
        asked.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        _run([str(python), "-m", module, str(asked), str(answered)], doing=f"run {module}")
        with np.load(answered) as stored:
            seconds, milliseconds, size = stored["costs"].tolist()
            costs = Costs(seconds, milliseconds, int(size), len(task.train_texts), str(stored["note"]))
            return LabelAnswer(stored["probabilities"], costs)


def serve_apart(answer: Callable[[Mapping[str, Any]], tuple[Any, Sequence[float], str]]) -> None:
    """Read the task, write the answer: what a rival's module does when it is run in its environment.

    `answer` returns probabilities, then seconds, milliseconds and bytes, then a note.
    """
    asked, answered = map(Path, sys.argv[1:3])
    probabilities, costs, note = answer(json.loads(asked.read_text(encoding="utf-8")))
    np.savez_compressed(answered, probabilities=probabilities, costs=np.array(costs, np.float64), note=note)


def _environment(folder: Path, requirements: Sequence[str]) -> Path:
    """Return the interpreter of an environment with these packages."""
    home = folder / fingerprint_of(sys.version, *requirements)
    python, done = home / "bin" / "python", home / ".installed"
    if not done.is_file():
        print(f"Setting up an environment with {', '.join(requirements)} (once) ...", file=sys.stderr, flush=True)
        venv.create(home, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        _run([*pip, *requirements], doing=f"install {', '.join(requirements)}")
        done.touch()
    return python


def _run(command: Sequence[str], *, doing: str) -> None:
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=False)
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        raise UnavailableError(f"Could not {doing}: {last}")
