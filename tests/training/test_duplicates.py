"""Learning from linked duplicates: which tickets belong together, and what then counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from features.similar_tickets import SimilarTickets
from training.duplicates import problems_of, with_duplicates

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
THINGS = ["printer", "scanner", "badge", "camera", "headset", "projector", "router", "laptop", "monitor", "keyboard"]
PLACES = ["lobby", "canteen", "warehouse", "office", "gate", "cellar", "garage", "studio"]
# Each problem is one thing at one place, told by two people on one day; the same thing broke there the year before.
PROBLEMS = [(thing, place) for thing in THINGS for place in PLACES]


def history(*, days_apart: int = 1) -> tuple[list[str], list[str], list[datetime]]:
    texts, problems, dates = [], [], []
    for number, (thing, place) in enumerate(PROBLEMS):
        for year, day in ((0, 0), (0, days_apart), (1, 0)):
            texts.append(
                f"the {thing} in the {place} is broken {'again' if day else 'today'} since{number}x{year}{day}"
            )
            problems.append(f"{thing} {place} {year}")
            dates.append(MONDAY + timedelta(days=400 * year + day + number))
    return texts, problems, dates


def fit(texts: list[str], dates: list[datetime]) -> SimilarTickets:
    return SimilarTickets.fit(
        texts,
        ids=[f"T{number}" for number in range(len(texts))],
        labels=[{}] * len(texts),
        article_ids=[()] * len(texts),
        groups=[""] * len(texts),
        created_at=dates,
    )


def test_links_join_tickets_to_problems() -> None:
    """Chains and shared originals are one problem; an original that is not in the history joins its duplicates."""
    problems = problems_of(["a", "b", "c", "d", "e", "f"], [None, "a", "b", "gone", "gone", ""])
    assert problems[0] == problems[1] == problems[2]
    assert problems[3] == problems[4]
    assert len(set(problems)) == 3


def test_links_in_a_circle_are_one_problem() -> None:
    """Two tickets that name each other end no training."""
    assert len(set(problems_of(["a", "b"], ["b", "a"]))) == 1


def test_what_came_the_same_day_is_the_likelier_duplicate() -> None:
    """A history in which duplicates come together teaches that a year apart is another problem."""
    texts, problems, dates = history()
    fields = [{}] * len(texts)
    taught = with_duplicates(fit(texts, dates), texts, problems=problems, fields=fields, created_at=dates)
    assert taught.duplicates is not None
    first, *others = taught.nearest(texts[0], created_at=dates[0], excluding="T0", count=3)
    assert first.id == "T1"
    assert first.duplicate_probability is not None
    assert first.duplicate_probability > 0.5
    assert all((other.duplicate_probability or 0.0) < first.duplicate_probability for other in others)


def test_too_few_links_teach_nothing() -> None:
    """Below the least number of linked tickets the default stays."""
    texts, problems, dates = history()
    fields = [{}] * 90
    similar = fit(texts[:90], dates[:90])
    taught = with_duplicates(similar, texts[:90], problems=problems[:90], fields=fields, created_at=dates[:90])
    assert taught is similar
