"""Whether two tickets are about the same problem: what speaks for it, and how likely it is.

Knows tickets by their fields and dates; how alike their texts are is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError
from features.lexical_index import Floats, Positions

PAIR_SIGNALS = (
    "likeness of words",
    "likeness of meaning",
    "likeness below the nearest ticket's",
    "the same product",
    "share of other fields that are the same",
    "logarithm of the days apart",
)
_PRODUCT = "product"
_UNKNOWN = -1
_SECONDS_A_DAY = 86_400.0
# What counts where one of two dates is missing.
_USUAL_DAYS_APART = 365.0


@dataclass(frozen=True)
class DuplicateModel:
    """The weights of the signals, (6,), and the intercept of the log-odds that two tickets are the same problem."""

    weights: Floats
    intercept: float

    def probabilities(self, signals: Floats) -> Floats:
        """Return the probability of each pair, of shape (pairs,), from (pairs, signals)."""
        log_odds = (signals * self.weights).sum(axis=1) + self.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -60.0, 60.0))), dtype=np.float64)

    def to_plain(self) -> dict[str, Any]:
        """Return the model as a JSON-able description."""
        return {"weights": self.weights.tolist(), "intercept": self.intercept}

    @classmethod
    def from_plain(cls, description: Mapping[str, Any]) -> DuplicateModel:
        """Rebuild from what `to_plain` gave; raise BundleError where it is of other signals."""
        weights = np.array(description["weights"], dtype=np.float64)
        if weights.shape != (len(PAIR_SIGNALS),):
            raise BundleError("The stored model of duplicates does not fit this release. Train the model again.")
        return cls(weights, float(description["intercept"]))


# Where no history tells: fitted on the duplicate links of a public bug tracker, by texts alone, and moved from its
# share of tickets with a duplicate to one ticket in five.
DEFAULT = DuplicateModel(np.array([2.91, 8.83, 8.67, 0.0, 0.0, 0.0]), -8.79)
DEFAULT_BY_WORDS = DuplicateModel(np.array([8.6, 0.0, 7.4, 0.0, 0.0, 0.0]), -7.36)


@dataclass(frozen=True)
class Circumstances:
    """What is known of past tickets beside their texts: fields as numbers of their values, and when they came.

    `codes` (tickets, names) holds the number of a field's value in `values`, or -1; `days` (tickets,) the days since
    1970, or NaN.
    """

    names: tuple[str, ...]
    values: tuple[Mapping[str, int], ...]
    codes: NDArray[np.int32]
    days: Floats

    @classmethod
    def of(cls, fields: Sequence[Mapping[str, str]], created_at: Sequence[datetime | None]) -> Circumstances:
        """Return the circumstances of tickets with these fields and dates."""
        names = tuple(sorted({name for of_ticket in fields for name in of_ticket}))
        values: tuple[dict[str, int], ...] = tuple({} for _ in names)
        codes = np.full((len(fields), len(names)), _UNKNOWN, dtype=np.int32)
        for row, of_ticket in enumerate(fields):
            for column, name in enumerate(names):
                if name in of_ticket:
                    codes[row, column] = values[column].setdefault(of_ticket[name], len(values[column]))
        return cls(names, values, codes, np.array([_days(at) for at in created_at], dtype=np.float64))

    def beside(self, tickets: Positions, *, fields: Mapping[str, str], created_at: datetime | None) -> Floats:
        """Return the last three signals of a ticket with these fields and past tickets, of shape (tickets, 3)."""
        signals = np.zeros((len(tickets), 3))
        own = [
            numbers.get(fields.get(name, ""), _UNKNOWN) for name, numbers in zip(self.names, self.values, strict=True)
        ]
        codes = self.codes[tickets]
        is_same = (codes == np.array(own, dtype=np.int32)) & (codes != _UNKNOWN)
        is_stated = (codes != _UNKNOWN) & np.array([name in fields for name in self.names], dtype=bool)
        is_product = np.array([name == _PRODUCT for name in self.names], dtype=bool)
        signals[:, 0] = is_same[:, is_product].any(axis=1)
        signals[:, 1] = is_same[:, ~is_product].sum(axis=1) / np.maximum(is_stated[:, ~is_product].sum(axis=1), 1)
        apart = np.abs(self.days[tickets] - _days(created_at))
        signals[:, 2] = np.log1p(np.where(np.isnan(apart), _USUAL_DAYS_APART, apart))
        return signals

    def to_plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON-able description and the arrays."""
        return {"fields": {name: list(numbers) for name, numbers in zip(self.names, self.values, strict=True)}}, {
            "field_codes": self.codes,
            "days": self.days,
        }

    @classmethod
    def from_plain(cls, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Circumstances:
        """Rebuild from what `to_plain` gave; raise BundleError where the parts do not fit together."""
        fields = description["fields"]
        values = tuple({value: number for number, value in enumerate(of_name)} for of_name in fields.values())
        found = cls(tuple(fields), values, arrays["field_codes"], arrays["days"])
        if found.codes.shape != (len(found.days), len(found.names)):
            raise BundleError("The stored fields of past tickets do not fit together. Train the model again.")
        return found


def _days(at: datetime | None) -> float:
    if at is None:
        return float("nan")
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() / _SECONDS_A_DAY
