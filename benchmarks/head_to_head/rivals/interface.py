"""What every rival looks like: a name, what it can be asked for, and the module that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from head_to_head.fingerprints import code_fingerprint
from head_to_head.tasks import LabelAnswer, LabelTask, SearchAnswer, SearchTask


@dataclass(frozen=True, slots=True)
class Bench:
    """Where rivals may keep what is slow to make, and the text encoder of those that use one."""

    folder: Path
    encoder: str


@dataclass(frozen=True, slots=True)
class Rival:
    """A rival; either function is None where it has no answer. Both raise UnavailableError where it cannot run."""

    name: str
    label: Callable[[LabelTask, Bench], LabelAnswer] | None = None
    search: Callable[[SearchTask, Bench], SearchAnswer] | None = None
    uses_encoder: bool = False

    @property
    def code(self) -> str:
        """What changes when the rival computes otherwise."""
        functions = (each for each in (self.label, self.search) if each is not None)
        return "-".join(code_fingerprint(function.__module__) for function in functions)
