"""How often what runs unattended is wrong, from audits alone, and whether that breaks the promise, whenever one looks.

Owns the sequential test, its running interval and how many audits it takes. Must not know who audits, when, or where
the counts are kept. An audit counts where a lead gave her own answer before she saw the label: `seen` is told whether
that label was wrong. "Cannot tell" is no answer and is not counted, nor is a ticket that nobody touched.

The test bets against the promise: its capital is the likelihood of the answers under a spread of broken promises over
that under the promise itself. As long as the promise is kept, the capital reaches 1 / doubt at any time at all with a
probability of at most the doubt (Ville), however often one looks. Only two counts are needed, so they are the state.
Audits must be drawn without regard to what they would show; within one policy all are drawn with the same probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, betaln, xlog1py, xlogy

from features.vectorizer import FloatArray

# The bets are spread as if one had seen so many audits of a target that is wrong this many times too often. Of eight
# spreads tried it finds breaches of twice to four times the promise with the fewest audits; all were within a tenth.
_TIMES_TOO_OFTEN = 2.5
_STRENGTH = 20.0
# No plan looks further: a breach that takes more audits than this is not found by auditing.
MOST_AUDITS = 4000


@dataclass(frozen=True, slots=True)
class LiveError:
    """The audits of one target under one policy: how many decisions were found `wrong` and `right`.

    `promised` is the largest error rate that was promised, `confidence` that of the interval and of the alarm.
    """

    promised: float
    confidence: float = 0.95
    wrong: int = 0
    right: int = 0

    @property
    def audits(self) -> int:
        """How many audits gave an answer."""
        return self.wrong + self.right

    @property
    def rate(self) -> float | None:
        """The share of the audited decisions that was wrong."""
        return self.wrong / self.audits if self.audits else None

    def seen(self, *, wrong: int = 0, right: int = 0) -> LiveError:
        """Return the state after more audits with an answer."""
        return replace(self, wrong=self.wrong + wrong, right=self.right + right)

    @property
    def capital(self) -> float:
        """What betting one unit against the promise has come to; at most 1 is expected while the promise is kept."""
        return float(np.exp(min(_log_capital(self.promised, self.wrong, self.right), 700.0)))

    @property
    def is_breached(self) -> bool:
        """Whether the audits show that the promise is broken."""
        return bool(_log_capital(self.promised, self.wrong, self.right) >= -np.log(1 - self.confidence))

    @property
    def at_least(self) -> float:
        """The error rate that is exceeded with the confidence, at any time of looking; breached is what it exceeds."""
        if not self.wrong:
            return 0.0
        bar = -np.log(1 - self.confidence)
        highest = self.wrong / self.audits

        def beyond(rate: float) -> float:
            return float(_log_capital(rate, self.wrong, self.right) - bar)

        lowest, high = 1e-9, highest * (1 - 1e-9)
        if beyond(lowest) <= 0:
            return 0.0
        return high if beyond(high) >= 0 else float(brentq(beyond, lowest, high))

    @property
    def interval(self) -> tuple[float, float]:
        """Return the lowest and the highest error rate that the audits allow; it holds at all times together."""
        bar = -np.log(1 - self.confidence)
        middle = (self.wrong + 0.5) / (self.audits + 1)

        def beyond(rate: float) -> float:
            return float(_log_mixture(self.wrong, self.right) - _log_likelihood(rate, self.wrong, self.right) - bar)

        low, high = 1e-9, 1 - 1e-9
        return (
            float(brentq(beyond, low, middle)) if beyond(low) > 0 else 0.0,
            float(brentq(beyond, middle, high)) if beyond(high) > 0 else 1.0,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the state as plain numbers."""
        return {
            "promised": self.promised,
            "confidence": self.confidence,
            "wrong": self.wrong,
            "right": self.right,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> LiveError:
        """Rebuild from what `to_plain` gave."""
        return cls(float(plain["promised"]), float(plain["confidence"]), int(plain["wrong"]), int(plain["right"]))


def _log_likelihood(rate: float | FloatArray, wrong: int | FloatArray, right: int | FloatArray) -> Any:
    return xlogy(wrong, rate) + xlog1py(right, -np.asarray(rate))


def _log_mixture(wrong: int, right: int) -> float:
    """Return the log-likelihood averaged over all rates, by Jeffreys' spread."""
    return float(betaln(wrong + 0.5, right + 0.5) - betaln(0.5, 0.5))


def _log_capital(promised: float, wrong: Any, right: Any) -> Any:
    """Return the logarithm of the capital: the likelihood averaged over rates above the promise, over that at it."""
    centre = min(_TIMES_TOO_OFTEN * promised, (1 + promised) / 2)
    first, second = _STRENGTH * centre, _STRENGTH * (1 - centre)
    above_before = 1 - betainc(first, second, promised)
    above_after = np.maximum(1 - betainc(first + wrong, second + right, promised), 1e-300)
    averaged = betaln(first + wrong, second + right) - betaln(first, second)
    return averaged + np.log(above_after) - np.log(above_before) - _log_likelihood(promised, wrong, right)


# --- how many audits it takes -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """How large a share of the unattended decisions to audit so that a breach is found in time.

    `audits_needed` find a breach of the size `breach` with the probability `power`; `audits_expected` are the mean.
    `rate` 1 with `is_reachable` false says that not even auditing everything finds it within so many tickets.
    """

    rate: float
    breach: float
    within_tickets: int
    power: float
    audits_needed: int
    audits_expected: float
    audits_a_week: float
    weeks_until_found: float
    is_reachable: bool


def audit_rate(
    weekly_unattended: float,
    breach: float,
    within_tickets: int,
    *,
    promised: float,
    confidence: float = 0.95,
    power: float = 0.9,
) -> AuditPlan:
    """Return the rate at which a true error rate `breach` is found within so many unattended tickets.

    The number of audits among these tickets is chance itself; the rate leaves room for it.
    """
    needed = audits_until_found(promised, breach=breach, confidence=confidence, power=power)
    # Chance draws fewer than expected: with these in expectation, at least those needed come 19 times in 20.
    drawn = needed + 1.65 * np.sqrt(needed) if needed < within_tickets else float(needed)
    rate = float(min(drawn / max(within_tickets, 1), 1.0))
    return AuditPlan(
        rate=rate,
        breach=breach,
        within_tickets=within_tickets,
        power=power,
        audits_needed=needed,
        audits_expected=expected_audits(promised, breach=breach, confidence=confidence),
        audits_a_week=rate * weekly_unattended,
        weeks_until_found=within_tickets / weekly_unattended if weekly_unattended else float("inf"),
        is_reachable=needed <= within_tickets and needed < MOST_AUDITS,
    )


def audits_until_found(promised: float, *, breach: float, confidence: float = 0.95, power: float = 0.9) -> int:
    """Return the number of audits by which a true error rate `breach` is found with the probability `power`.

    MOST_AUDITS stands for that many or more.
    """
    unfound = _unfound(promised, breach, confidence)
    return int(np.argmax(unfound <= 1 - power)) if unfound[-1] <= 1 - power else MOST_AUDITS


def expected_audits(promised: float, *, breach: float, confidence: float = 0.95) -> float:
    """Return how many audits are expected until a true error rate `breach` is found; MOST_AUDITS are the most."""
    return float(_unfound(promised, breach, confidence)[:-1].sum())


def _least_wrong(promised: float, confidence: float) -> Any:
    """Return, for each number of audits, how many of them wrong show a breach: shape (MOST_AUDITS + 1,)."""
    audits = np.arange(MOST_AUDITS + 1)
    low, high = np.zeros_like(audits), audits + 1
    bar = -np.log(1 - confidence)
    while (low < high).any():
        middle = (low + high) // 2
        inside = np.minimum(middle, audits)
        found = (_log_capital(promised, inside, audits - inside) >= bar) | (middle > audits)
        low, high = np.where(found | (low >= high), low, middle + 1), np.where(found, middle, high)
    return low


@cache
def _unfound(promised: float, breach: float, confidence: float) -> FloatArray:
    """Return the probability that a breach is not found after each number of audits, 0 to MOST_AUDITS.

    Exact: the chances of each number of wrong audits without an alarm so far are carried from audit to audit.
    """
    least = _least_wrong(promised, confidence)
    chances = np.zeros(int(least.max()) + 2)
    chances[0] = 1.0
    unfound = np.ones(MOST_AUDITS + 1)
    for audits in range(1, MOST_AUDITS + 1):
        chances[1:] = chances[1:] * (1 - breach) + chances[:-1] * breach
        chances[0] *= 1 - breach
        chances[least[audits] :] = 0.0
        unfound[audits] = chances.sum()
        if unfound[audits] < 1e-9:
            unfound[audits:] = 0.0
            break
    return unfound
