"""The directions of the design, proved on every import of every module, those inside functions included."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("features", "training", "serving")
MOST_LINES = 400

# Who may know whom: `features` is the shared language, the others never meet but in the command.
KNOWN_TO = {"features": {"features"}, "training": {"training", "features"}, "serving": {"serving", "features"}}
WEB = {"fastapi", "starlette", "uvicorn", "pydantic", "flask", "django", "aiohttp", "httpx", "requests", "urllib3"}
SQL = {"sqlalchemy", "alembic", "psycopg", "sqlite3"}
# Each outside thing has one door.
DOORS: Mapping[str, tuple[str, ...]] = {
    "mlflow": ("training/registry*.py", "training/pyfunc_model.py", "serving/model_store.py"),
    **dict.fromkeys(SQL, ("serving/storage/*",)),
    "pandera": ("features/history_checks.py",),
    **dict.fromkeys(("torch", "transformers"), ("training/transformer.py",)),
    "huggingface_hub": ("training/encoders.py",),
    "optuna": ("training/search_draws.py",),
    "onnxruntime": ("features/onnx_encoder.py", "training/encoders.py"),
}
# MLflow lets the errors of its own database through; its door may name them, and nothing else of these libraries.
ERRORS_BEHIND_MLFLOW = {"sqlalchemy.exc", "alembic.util.exc"}
# What training brings along must not be needed to serve.
NOT_FOR_SERVING = {
    *("pandas", "pandera", "sklearn", "torch", "transformers", "matplotlib", "pyarrow", "tqdm", "openpyxl", "optuna"),
}


@dataclass(frozen=True, slots=True)
class Import:
    """A module that another one imports, by its full name, and the line that says so."""

    target: str
    line: int

    @property
    def library(self) -> str:
        """The package that the module belongs to."""
        return self.target.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the product: its dotted name, its path from the root, what it imports and its length."""

    name: str
    path: str
    imports: tuple[Import, ...]
    line_count: int

    @property
    def package(self) -> str:
        """The first part of its name."""
        return self.name.partition(".")[0]


Product: TypeAlias = Mapping[str, Module]
Rule: TypeAlias = Callable[[Product], Iterator[str]]


def read_product(root: Path) -> dict[str, Module]:
    """Parse every module of the packages and the command."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    paths += sorted(root.glob("triage.py"))
    modules = (_read_module(path, root=root) for path in paths)
    return {module.name: module for module in modules}


def _read_module(path: Path, *, root: Path) -> Module:
    relative = path.relative_to(root)
    parts = relative.with_suffix("").parts
    is_package = parts[-1] == "__init__"
    parts = parts[:-1] if is_package else parts
    text = path.read_text(encoding="utf-8")
    found = _imports(ast.parse(text), package=parts if is_package else parts[:-1])
    return Module(".".join(parts), relative.as_posix(), tuple(found), len(text.splitlines()))


def _imports(tree: ast.AST, *, package: tuple[str, ...]) -> Iterator[Import]:
    """Yield what is imported anywhere in a module: at its top, in functions, for type hints, and by a text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield Import(source, node.lineno)
            yield from (Import(f"{source}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and _is_import_function(node.func):
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(name.value, node.lineno)


def _is_import_function(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def _own_imports(module: Module, product: Product) -> Iterator[str]:
    """Yield the product's modules that a module imports."""
    for each in module.imports:
        if each.target in product and each.target != module.name:
            yield each.target


# --- the rules --------------------------------------------------------------------------------------------------------


def packages_keep_their_directions(product: Product) -> Iterator[str]:
    """features knows neither sibling, training and serving never meet, nobody knows the command."""
    own = {*PACKAGES, "triage"}
    for module in product.values():
        allowed = KNOWN_TO.get(module.package, own)
        for each in module.imports:
            if each.library in own - allowed:
                yield f"{module.path}:{each.line} imports {each.target}"


def features_know_no_edge(product: Product) -> Iterator[str]:
    """features imports no web framework, no SQL and no MLflow."""
    for module in product.values():
        for each in module.imports:
            if module.package == "features" and each.library in WEB | SQL | {"mlflow"}:
                yield f"{module.path}:{each.line} imports {each.target}"


def outside_things_have_one_door(product: Product) -> Iterator[str]:
    """MLflow, SQL, pandera, torch and onnxruntime are each imported behind their doors only."""
    for module in product.values():
        for each in module.imports:
            doors = DOORS.get(each.library)
            if doors is None or any(fnmatch(module.path, door) for door in doors):
                continue
            if _is_error_behind_mlflow(each) and any(fnmatch(module.path, door) for door in DOORS["mlflow"]):
                continue
            yield f"{module.path}:{each.line} imports {each.target}, whose door is {' or '.join(doors)}"


def _is_error_behind_mlflow(each: Import) -> bool:
    return any(each.target == name or each.target.startswith(f"{name}.") for name in ERRORS_BEHIND_MLFLOW)


def serving_needs_nothing_of_training(product: Product) -> Iterator[str]:
    """Nothing that serving imports, however far away, imports what only training installs."""
    for module in _reached([name for name in product if name.partition(".")[0] == "serving"], product):
        for each in module.imports:
            if each.library in NOT_FOR_SERVING:
                yield f"{module.path}:{each.line} imports {each.target}, and serving imports {module.name}"


def _reached(names: Iterable[str], product: Product) -> Iterator[Module]:
    waiting, seen = list(names), set(names)
    while waiting:
        module = product[waiting.pop()]
        yield module
        found = set(_own_imports(module, product)) - seen
        seen |= found
        waiting += sorted(found)


def modules_import_in_no_circle(product: Product) -> Iterator[str]:
    """No module imports itself by way of others."""
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> Iterator[str]:
        if name in way:
            yield " -> ".join([*way[way.index(name) :], name])
        elif name not in done:
            for target in sorted(set(_own_imports(product[name], product))):
                yield from walk(target, (*way, name))
            done.add(name)

    for name in sorted(product):
        yield from walk(name, ())


def modules_fit_on_a_few_screens(product: Product) -> Iterator[str]:
    """No module is longer than 400 lines."""
    for module in product.values():
        if module.line_count > MOST_LINES:
            yield f"{module.path} has {module.line_count} lines"


RULES: tuple[Rule, ...] = (
    packages_keep_their_directions,
    features_know_no_edge,
    outside_things_have_one_door,
    serving_needs_nothing_of_training,
    modules_import_in_no_circle,
    modules_fit_on_a_few_screens,
)


# --- the product keeps them -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def product() -> dict[str, Module]:
    """Every module of the product."""
    return read_product(ROOT)


def test_every_module_is_read(product: dict[str, Module]) -> None:
    """The rules look at the whole product: the three packages, their folders and the command."""
    assert {"triage", "features.bundle", "training.fit", "serving.app", "serving.storage.sql"} <= set(product)
    assert len(product) == sum(1 for name in PACKAGES for _ in (ROOT / name).rglob("*.py")) + 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_a_rule(rule: Rule, product: dict[str, Module]) -> None:
    """No module breaks the rule."""
    assert list(rule(product)) == [], rule.__doc__


# --- each rule can be broken ------------------------------------------------------------------------------------------

_BROKEN: list[tuple[Rule, dict[str, str], str]] = [
    (packages_keep_their_directions, {"features/a.py": "import training.fit"}, "features/a.py:1 imports training.fit"),
    (packages_keep_their_directions, {"features/a.py": "from serving import app"}, "imports serving.app"),
    (packages_keep_their_directions, {"training/a.py": "def f():\n    import serving.app"}, "training/a.py:2 imports"),
    (packages_keep_their_directions, {"serving/a/b.py": "from training.fit import fit_bundle"}, "serving/a/b.py:1"),
    (packages_keep_their_directions, {"serving/a.py": "import importlib as i\ni.import_module('training')"}, ":2"),
    (packages_keep_their_directions, {"training/a.py": "import triage"}, "training/a.py:1 imports triage"),
    (features_know_no_edge, {"features/a.py": "import fastapi"}, "features/a.py:1 imports fastapi"),
    (features_know_no_edge, {"features/a.py": "if True:\n    import sqlalchemy.orm"}, ":2 imports sqlalchemy.orm"),
    (features_know_no_edge, {"features/a.py": "def f():\n    from mlflow import log_metric"}, ":2 imports mlflow"),
    (outside_things_have_one_door, {"training/fit.py": "import mlflow"}, "whose door is training/registry"),
    (outside_things_have_one_door, {"serving/api.py": "class A:\n    import sqlite3"}, "serving/api.py:2"),
    (outside_things_have_one_door, {"training/registry.py": "from sqlalchemy import text"}, "imports sqlalchemy"),
    (outside_things_have_one_door, {"training/fit.py": "from sqlalchemy.exc import SQLAlchemyError"}, "sqlalchemy.exc"),
    (outside_things_have_one_door, {"training/tables.py": "import pandera.pandas as pandera"}, "history_checks"),
    (outside_things_have_one_door, {"training/fit.py": "import torch"}, "whose door is training/transformer.py"),
    (outside_things_have_one_door, {"training/search.py": "import optuna"}, "whose door is training/search_draws.py"),
    (serving_needs_nothing_of_training, {"serving/a.py": "import pandas as pd"}, "serving/a.py:1 imports pandas"),
    (
        serving_needs_nothing_of_training,
        {
            "serving/a.py": "from features import b",
            "features/b.py": "def f():\n    from features.c import c",
            "features/c.py": "import os\nfrom sklearn.svm import LinearSVC as c",
        },
        "features/c.py:2 imports sklearn.svm, and serving imports features.c",
    ),
    (
        modules_import_in_no_circle,
        {
            "training/a.py": "from training import b",
            "training/b.py": "def f():\n    import training.c",
            "training/c.py": "from .a import f",
        },
        "training.a -> training.b -> training.c -> training.a",
    ),
    (modules_fit_on_a_few_screens, {"features/a.py": "x = 1\n" * 401}, "features/a.py has 401 lines"),
]

_KEPT: dict[str, str] = {
    "triage.py": "import training.cli\nimport serving.cli",
    "features/history_checks.py": "import pandera.pandas\nimport pandas",
    "features/b.py": "from features import c\nfrom .c import f",
    "features/c.py": "x = 1\n" * 400,
    "training/registry_run.py": "import mlflow\nfrom sqlalchemy.exc import SQLAlchemyError",
    "training/a.py": "import features.history_checks\nimport sklearn",
    "serving/model_store.py": "def f():\n    import mlflow",
    "serving/storage/sql.py": "import sqlalchemy\nfrom serving.storage import interface",
    "serving/storage/interface.py": "import features.b",
}


def _tree(root: Path, files: Mapping[str, str]) -> dict[str, Module]:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return read_product(root)


@pytest.mark.parametrize(
    ("rule", "files", "said"), _BROKEN, ids=[f"{rule.__name__}-{said}" for rule, _, said in _BROKEN]
)
def test_a_broken_rule_is_found(tmp_path: Path, rule: Rule, files: dict[str, str], said: str) -> None:
    """A module that breaks a rule, at its top or deep inside, is named with the line and what it imports."""
    violations = list(rule(_tree(tmp_path, files)))
    assert any(said in violation for violation in violations), violations


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_tree_that_keeps_the_rules_passes(tmp_path: Path, rule: Rule) -> None:
    """What the design allows is not complained of."""
    assert list(rule(_tree(tmp_path, _KEPT))) == []


# --- importing does nothing -------------------------------------------------------------------------------------------

_IMPORT_ALL = """
import importlib, json, os, sys, threading, warnings

barred = set(json.loads(sys.argv[1]))


class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in barred:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


sys.meta_path.insert(0, Barred())
before = dict(os.environ), os.getcwd()
warnings.simplefilter("error")
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
assert (dict(os.environ), os.getcwd()) == before, "the environment was changed"
assert os.listdir() == [], f"files were written: {os.listdir()}"
assert threading.enumerate() == [threading.main_thread()], "a thread was started"
if len(sys.argv) > 3:
    from pathlib import Path
    from features.bundle import ModelBundle
    from features.tickets import Ticket

    scored = ModelBundle.load(Path(sys.argv[3])).score([Ticket(id="1", subject="VPN이 끊겨요")])[0]
    print(json.dumps({name: one.label for name, one in scored.predictions.items()}))
assert not barred & {name.partition(".")[0] for name, module in sys.modules.items() if module}, "imported after all"
"""


def _import_all(
    names: Iterable[str], folder: Path, *, barred: Iterable[str] = (), arguments: tuple[str, ...] = ()
) -> str:
    """Import modules in a new process in an empty folder where some libraries are not to be had; return its output."""
    folder.mkdir()
    command = [sys.executable, "-c", _IMPORT_ALL, json.dumps(sorted(barred)), json.dumps(sorted(names)), *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder.parent),
        "MPLCONFIGDIR": str(folder.parent),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_serving_runs_without_what_training_installs(
    product: dict[str, Module], tmp_path: Path, sample_bundle: Path
) -> None:
    """Every module of serving is imported and a bundle scores where neither MLflow nor training's libraries are.

    Importing them changes no environment, writes no file and starts no thread.
    """
    own = [name for name in product if name.startswith(("serving", "features")) and ".migrations" not in name]
    own.remove("features.history_checks")
    said = _import_all(own, tmp_path / "empty", barred={*NOT_FOR_SERVING, "mlflow"}, arguments=(str(sample_bundle),))
    assert "category" in json.loads(said)


def test_importing_training_does_nothing(product: dict[str, Module], tmp_path: Path) -> None:
    """Every module of training is imported without MLflow, torch and what encoders need, and without a trace.

    But for the module logged with a model, and the door to torch.
    """
    own = [name for name in product if name.startswith("training")]
    own = [name for name in own if name not in ("training.pyfunc_model", "training.transformer")]
    barred = {"mlflow", "fastapi", "pydantic_settings", "torch", "transformers", "tokenizers", "onnxruntime", "onnx"}
    barred.add("optuna")
    _import_all(own, tmp_path / "empty", barred=barred)
