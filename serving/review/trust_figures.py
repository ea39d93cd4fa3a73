"""The figures of the page of trust, and how they are counted. Pure: records come in, figures go out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean

from features.decisions import PolicyState
from features.live_error import LiveError
from features.promises import exact_interval
from serving.oversight.live_promises import Trial
from serving.review.misroute_costs import MisrouteCosts
from serving.storage.outcomes import UnattendedDay
from serving.storage.policies import PromiseRecord, StateRecord
from serving.storage.reviewing import Disagreement

MOST_POINTS = 60
CONFIDENCE = 0.95
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ErrorPoint:
    """What audits had shown by a moment: the interval holds at all moments together."""

    at: datetime
    audits: int
    wrong: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WeekShare:
    """Of the tickets of one week, how many had the target decided unattended."""

    begins: date
    tickets: int
    unattended: int

    @property
    def share(self) -> float | None:
        """The share, None in a week without tickets."""
        return min(self.unattended / self.tickets, 1.0) if self.tickets else None


@dataclass(frozen=True, slots=True)
class Part:
    """Answers about one language or one suggested label: of so many, so many gave another label."""

    name: str
    answers: int
    different: int

    @property
    def share(self) -> float:
        """The share that differed."""
        return self.different / self.answers

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of that share."""
        return exact_interval(self.different, self.answers)


@dataclass(frozen=True, slots=True)
class Parted:
    """Disagreement by language and by suggested label, apart for audits and for what leads chose to review."""

    languages: Sequence[Part] = ()
    labels: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class TargetTrust:
    """All that is known of one target; `agreed` of `pairs` are two leads' answers to the same ticket."""

    target: str
    promise: PromiseRecord | None
    state: StateRecord | None
    points: Sequence[ErrorPoint]
    urgent_points: Sequence[ErrorPoint]
    untold: int
    weeks: Sequence[WeekShare]
    agreed: int
    pairs: int
    audited: Parted
    reviewed: Parted

    @property
    def state_name(self) -> str:
        """The state in a word; none is running."""
        return (self.state.state if self.state else PolicyState.RUNNING).value

    def is_broken(self, point: ErrorPoint, promised: float) -> bool:
        """Tell whether what audits had found by a moment contradicts a promised share."""
        live = LiveError(promised, self.promise.confidence if self.promise else CONFIDENCE)
        return live.seen(wrong=point.wrong, right=point.audits - point.wrong).is_breached

    @property
    def agreement_interval(self) -> tuple[float, float]:
        """The 95 % interval of the leads' agreement."""
        return exact_interval(self.agreed, self.pairs)


@dataclass(frozen=True, slots=True)
class MisroutePair:
    """Tickets that went from one group unattended and belonged to another, by audits and by how they were closed.

    `minutes` is what they cost together, as `misroute_costs` counts it.
    `example_item` or else `example_ticket` names one that may be shown; both are "" where none may.
    """

    source: str
    destination: str
    audited: int
    closed: int
    minutes: float
    example_item: str = ""
    example_ticket: str = ""

    @property
    def times(self) -> int:
        """How often it is known to have happened."""
        return self.audited + self.closed


@dataclass(frozen=True, slots=True)
class Way:
    """How tickets came to their group in one period, as far as helpdesks told."""

    tickets: int = 0
    reassignments: float | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """Tickets' ways before the first one was routed unattended and since; of those closed, how many were moved on."""

    begins: datetime | None
    before: Way
    since: Way
    routed: int
    moved: int


@dataclass(frozen=True, slots=True)
class UnknownLabel:
    """A label that people use and the model does not know."""

    target: str
    label: str
    tickets: int


@dataclass(frozen=True, slots=True)
class TrustPage:
    """The page of one connection."""

    connection: str
    connections: Sequence[str]
    model: str
    has_model: bool
    targets: Sequence[TargetTrust]
    misroutes: Sequence[MisroutePair]
    costs: MisrouteCosts
    routing: Routing
    unknown: Sequence[UnknownLabel]
    since: datetime
    now: datetime


def error_points(trials: Sequence[Trial], *, confidence: float = CONFIDENCE) -> Sequence[ErrorPoint]:
    """Return what had been shown after each audit that could tell, thinned out to MOST_POINTS; the last stays."""
    step = max(-(-len(trials) // MOST_POINTS), 1)
    # The interval does not hang on what was promised.
    live = LiveError(0.5, confidence)
    points: list[ErrorPoint] = []
    for number, one in enumerate(trials, start=1):
        live = live.seen(wrong=int(one.is_wrong), right=int(not one.is_wrong))
        if number % step == 0 or number == len(trials):
            low, high = live.interval
            points.append(ErrorPoint(one.at, live.audits, live.wrong, live.wrong / live.audits, low, high))
    return points


def parted(told: Sequence[Disagreement]) -> Parted:
    """Return disagreement by language and by suggested label."""
    return Parted(_parts((one.language, one) for one in told), _parts((one.suggested, one) for one in told))


def _parts(named: Iterable[tuple[str, Disagreement]]) -> Sequence[Part]:
    answers, different = Counter[str](), Counter[str]()
    for name, one in named:
        answers[name] += one.answers
        different[name] += one.different
    parts = [Part(name, answers[name], different[name]) for name in answers]
    return sorted(parts, key=lambda part: (-part.share, -part.answers, part.name))


def way_of(told: Sequence[Mapping[str, object]]) -> Way:
    """Return how tickets came to their group, from what was told of each."""
    moves, minutes = _figures(told, "reassignments"), _figures(told, "minutes_to_right_group")
    return Way(max(len(moves), len(minutes)), fmean(moves) if moves else None, fmean(minutes) if minutes else None)


def _figures(told: Sequence[Mapping[str, object]], name: str) -> Sequence[float]:
    return [float(value) for one in told if isinstance(value := one.get(name), int | float)]


def monday(day: date) -> date:
    """Return the first day of a day's week."""
    return day - timedelta(days=day.weekday())


def week_shares(
    scored: Mapping[date, int], ran: Sequence[UnattendedDay], *, since: date, until: date
) -> Sequence[WeekShare]:
    """Return each week's tickets, and how many of them had a target decided unattended."""
    tickets, unattended = Counter[date](), Counter[date]()
    for day, count in scored.items():
        tickets[monday(day)] += count
    for told in ran:
        unattended[monday(told.day)] += told.unattended
    first, last = monday(since), monday(until)
    weeks = [first + number * _WEEK for number in range((last - first).days // 7 + 1)]
    return [WeekShare(week, tickets[week], unattended[week]) for week in weeks]
