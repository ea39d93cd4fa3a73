"""What a cell depends on, as short texts that change when it does: code, data, folders."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1]
ROOT = BENCHMARKS.parent
# Where the modules of each of our packages lie.
HOMES = (("features", ROOT), ("training", ROOT), ("head_to_head", BENCHMARKS))
_LENGTH = 16
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def fingerprint_of(*parts: str) -> str:
    """Return a short text that tells these parts from all others."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:_LENGTH]


@cache
def code_fingerprint(module: str, *, homes: tuple[tuple[str, Path], ...] = HOMES) -> str:
    """Return what changes when a module, or one of ours that it imports at any remove, computes otherwise.

    Comments, docstrings and layout do not count: to mend them costs nobody a run.
    """
    reached = _reached(module, dict(homes))
    return fingerprint_of(*(f"{name}\n{_meaning(reached[name])}" for name in sorted(reached)))


@cache
def folder_fingerprint(folder: Path) -> str:
    """Return what changes when a file of a folder does."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:_LENGTH]


def encoder_fingerprint(name_or_folder: str) -> str:
    """Return the content's fingerprint for a folder, the name itself for a name of the hub, nothing for nothing."""
    folder = Path(name_or_folder)
    return folder_fingerprint(folder.resolve()) if name_or_folder and folder.is_dir() else name_or_folder


def _reached(module: str, homes: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files of a module and of all modules of ours that it needs, by name."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file_of(name, homes)
        if path is not None and name not in found:
            found[name] = path
            waiting += _imports(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _file_of(name: str, homes: Mapping[str, Path]) -> Path | None:
    home = homes.get(name.partition(".")[0])
    if home is None:
        return None
    place = home.joinpath(*name.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _imports(tree: ast.AST) -> Iterator[str]:
    """Yield every name that may be an imported module, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _meaning(path: Path) -> str:
    """Return a module's syntax without docstrings and places."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
