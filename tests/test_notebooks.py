"""The notebooks run from top to bottom, define nothing and are stored without their outputs."""

from __future__ import annotations

import ast
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

_FOLDER = Path(__file__).parents[1] / "notebooks"
_PATHS = sorted(_FOLDER.glob("*.ipynb"))
_SECONDS_PER_CELL = 120
_EVERY_NOTEBOOK = pytest.mark.parametrize("path", _PATHS, ids=lambda path: path.stem)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def _code(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def kernel_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for what a kernel writes; its path is short, since the kernel's sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="kernel") as name:
        for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
            monkeypatch.setenv(variable, name)
        yield Path(name)


def test_there_are_two_notebooks() -> None:
    """One looks at a history, the other retrains and compares."""
    assert [path.stem for path in _PATHS] == ["01_look_at_a_history", "02_retrain_and_compare"]


@_EVERY_NOTEBOOK
def test_stored_without_outputs(path: Path) -> None:
    """What a notebook printed on somebody's machine is not kept."""
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs"), cell.source
        assert cell.get("execution_count") is None, cell.source


@_EVERY_NOTEBOOK
def test_defines_nothing(path: Path) -> None:
    """A notebook calls the packages: a function or a class in it would be code that no test knows."""
    for source in _code(nbformat.read(path, as_version=4)):
        assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, _DEFINITIONS)], source


@_EVERY_NOTEBOOK
def test_runs_without_errors_or_warnings(path: Path, kernel_folder: Path) -> None:
    """Every cell runs, and none writes to standard error, where warnings go."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's own use of event loops and sockets is not ours to mend
        from nbclient import NotebookClient
        from traitlets.config import Config

        sockets = Config({"KernelManager": {"transport": "ipc", "connection_file": str(kernel_folder / "kernel.json")}})
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=_SECONDS_PER_CELL,
            resources={"metadata": {"path": str(_FOLDER)}},
            config=sockets,
        )
        client.execute()
    written = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert written
    assert not [output.text for output in written if output.get("name") == "stderr"]
