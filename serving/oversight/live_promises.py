"""What audits show of a promise: how many decisions were wrong, and how many urgent tickets were put lower. Pure.

A promise on urgent tickets is one of all that are urgent, unattended or not. Its audits are drawn from both alike; one
that was left to people was put lower by nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from features.live_error import LiveError
from features.promises import Promise
from serving.storage.reviewing import AuditAnswer


@dataclass(frozen=True, slots=True)
class Trial:
    """One audit that could tell, and whether it speaks against the promise."""

    at: datetime
    is_wrong: bool


@dataclass(frozen=True, slots=True)
class LiveTest:
    """The trials of one promised share in the order of time; `what` was tried, and `how` it speaks against it."""

    promised: float
    confidence: float
    trials: Sequence[Trial]
    what: str = "decisions"
    how: str = "wrong"

    @property
    def live(self) -> LiveError:
        """The sequential test after all trials."""
        wrong = sum(one.is_wrong for one in self.trials)
        return LiveError(self.promised, self.confidence).seen(wrong=wrong, right=len(self.trials) - wrong)

    def sentence(self, version: str) -> str:
        """Return in a sentence what was found of a model's version."""
        live = self.live
        return (
            f"Of {live.audits} audited {self.what} of version {version} {live.wrong} were {self.how}; "
            f"at most {self.promised:.1%} were promised."
        )


def error_trials(answers: Sequence[AuditAnswer]) -> Sequence[Trial]:
    """Return for each audit of what ran unattended whether the label was wrong; "cannot tell" does not count."""
    return [
        Trial(one.at, one.given != one.suggested) for one in answers if one.ran_unattended and one.given is not None
    ]


def error_test(promise: Promise, answers: Sequence[AuditAnswer]) -> LiveTest:
    """Return the test of the largest error rate."""
    return LiveTest(promise.largest_error, promise.confidence, error_trials(answers))


def understated_test(promise: Promise, answers: Sequence[AuditAnswer]) -> LiveTest | None:
    """Return the test of the largest share of urgent tickets put lower, None where none was promised."""
    if promise.largest_understated is None:
        return None
    urgent = set(promise.urgent_labels)
    trials = [
        Trial(one.at, one.ran_unattended and one.suggested not in urgent) for one in answers if one.given in urgent
    ]
    return LiveTest(
        promise.largest_understated, promise.confidence, trials, what="urgent tickets", how="put lower unattended"
    )
