"""How a simulated helpdesk misbehaves, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock


class Fault(StrEnum):
    """What goes wrong with a call."""

    NONE = "none"
    FAILS = "fails before the work"
    FAILS_AFTER = "fails after the work"
    CUT = "cuts the connection after half the answer"


@dataclass(slots=True)
class Faults:
    """The faults of a helpdesk: all off at first.

    `failing_share` of calls fail, `after_share` of those having done the work (half of these by cutting the
    connection). `calls_per_minute` above which 429 is answered, 0 for no limit. `is_down` answers 503 to all.
    """

    failing_share: float = 0.0
    after_share: float = 1 / 3
    slow_seconds: float = 0.0
    calls_per_minute: int = 0
    retry_after_seconds: int = 1
    is_down: bool = False
    seed: int = 0
    _random: random.Random = field(init=False)
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def draw(self) -> Fault:
        """Return what goes wrong with the next call."""
        with self._lock:
            if self._random.random() >= self.failing_share:
                return Fault.NONE
            if self._random.random() >= self.after_share:
                return Fault.FAILS
            return self._random.choice((Fault.FAILS_AFTER, Fault.CUT))
