"""The trials of a search: what was tried and what came of it, and the file that keeps them for the next time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from features.errors import RecipeError
from training.recipe import Recipe

# Less is chance on a few thousand tickets: the numbers stay as they are, and a person has less to wonder about.
LEAST_GAIN = 0.0005


class TrialState(StrEnum):
    """How a trial ended: after all folds, or earlier because others were better by then."""

    COMPLETE = "complete"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe that was tried: its numbers by their paths, and the log loss after each fold.

    `redrawn` is the family whose numbers differ from those of the best trial before; empty for the recipe as given.
    """

    number: int
    redrawn: str
    values: Mapping[str, float]
    fold_losses: tuple[float, ...]
    state: TrialState
    started_at: datetime
    seconds: float

    @property
    def loss(self) -> float:
        """The log loss out of fold, for a pruned trial on the tickets that it came to."""
        return self.fold_losses[-1]

    def as_json(self) -> dict[str, Any]:
        """Return the trial as plain values."""
        return {
            "number": self.number,
            "redrawn": self.redrawn,
            "values": dict(self.values),
            "fold_losses": list(self.fold_losses),
            "state": self.state.value,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Trial:
        """Rebuild a trial from what `as_json` gave."""
        return cls(
            number=int(stored["number"]),
            redrawn=str(stored["redrawn"]),
            values=dict(stored["values"]),
            fold_losses=tuple(stored["fold_losses"]),
            state=TrialState(stored["state"]),
            started_at=datetime.fromisoformat(stored["started_at"]),
            seconds=float(stored["seconds"]),
        )


def best_of(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the smallest loss, where each has to beat the best before it by the least gain."""
    best = trials[0]
    for each in trials[1:]:
        if each.state is TrialState.COMPLETE and each.loss < best.loss - LEAST_GAIN:
            best = each
    return best


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search came to: the best recipe, and all trials that it was chosen from, the recipe as given first."""

    recipe: Recipe
    trials: tuple[Trial, ...]
    earlier_count: int
    seconds: float

    @property
    def first(self) -> Trial:
        """The recipe as given."""
        return self.trials[0]

    @property
    def best(self) -> Trial:
        """The trial that was chosen."""
        return best_of(self.trials)

    @property
    def changes(self) -> dict[str, tuple[float, float]]:
        """Each number that was changed, by its path: as given, and as chosen."""
        given, chosen = self.first.values, self.best.values
        return {path: (given[path], chosen[path]) for path in given if given[path] != chosen[path]}

    def changes_in_words(self) -> str:
        """Return the changes as a person reads them, empty where there are none."""
        return ", ".join(f"{path} {given:g} → {chosen:g}" for path, (given, chosen) in self.changes.items())

    def sentence(self) -> str:
        """Return what was gained, in one line."""
        pruned = sum(each.state is TrialState.PRUNED for each in self.trials)
        earlier = f", {self.earlier_count} of them from before" if self.earlier_count else ""
        trials = "1 trial" if len(self.trials) == 1 else f"{len(self.trials)} trials"
        tried = f"Search: {trials} ({pruned} pruned{earlier}), {self.seconds:.0f} s."
        if not self.changes:
            return f"{tried} None beats the recipe as given, whose log loss out of fold is {self.first.loss:.4f}."
        return (
            f"{tried} Log loss out of fold {self.best.loss:.4f}, as given {self.first.loss:.4f}: "
            f"{self.changes_in_words()}."
        )

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        return {
            "trials": len(self.trials),
            "pruned": sum(each.state is TrialState.PRUNED for each in self.trials),
            "earlier": self.earlier_count,
            "seconds": round(self.seconds, 2),
            "best_trial": self.best.number,
            "out_of_fold_log_loss": self.best.loss,
            "out_of_fold_log_loss_as_given": self.first.loss,
            "changes": {path: {"given": given, "chosen": chosen} for path, (given, chosen) in self.changes.items()},
        }


@dataclass(frozen=True, slots=True)
class TrialFile:
    """The finished trials of one search, a line of JSON each."""

    path: Path

    def read(self) -> list[Trial]:
        """Return the trials; a line that a crash cut short is passed over."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._error(error) from None
        trials = []
        for line in lines:
            try:
                trials.append(Trial.from_json(json.loads(line)))
            except (ValueError, TypeError, KeyError):
                continue
        # Without the recipe as given there is nothing to compare with: the search begins anew.
        return trials if trials and trials[0].number == 0 else []

    def append(self, trial: Trial) -> None:
        """Add a trial."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                # The line break comes first, so that a line cut short spoils no other.
                file.write("\n" + json.dumps(trial.as_json()))
        except OSError as error:
            raise self._error(error) from None

    def _error(self, error: OSError) -> RecipeError:
        return RecipeError(
            f"The trials of the search cannot be kept in '{self.path}': {error.strerror}. "
            "Name a folder that may be written to with TRIAGE_VAR_DIR."
        )
