"""Reads a column of dates; one order of day, month and year holds for the whole column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from training.date_formats import DateOrder, Reading, readings


@dataclass(frozen=True, slots=True)
class DateColumn:
    """The dates of a column in UTC, None where a cell is empty or unreadable.

    `unreadable` holds the places of the cells that are no date in `order`. `also_fits` names another
    order in which every date could be read, as another day.
    """

    values: tuple[datetime | None, ...]
    order: DateOrder
    unreadable: tuple[int, ...] = ()
    without_offset_count: int = 0
    also_fits: DateOrder | None = None


def parse_dates(cells: Sequence[str], *, now: datetime) -> DateColumn:
    """Return the dates of a column, read in the one order that fits most cells.

    Where several fit equally many, the order that puts the fewest dates after `now`, and then the one
    that puts the dates closest together. A time without an offset counts as UTC.
    """
    stripped = [cell.strip() for cell in cells]
    counts = Counter(cell for cell in stripped if cell)
    possible = {cell: readings(cell) for cell in counts}
    orders = _likely_orders(possible, counts, now=now)
    order = orders[0] if orders else DateOrder.YEAR_FIRST
    chosen = {cell: by_order[order] for cell, by_order in possible.items() if order in by_order}
    return DateColumn(
        values=tuple(chosen[cell].at if cell in chosen else None for cell in stripped),
        order=order,
        unreadable=tuple(place for place, cell in enumerate(stripped) if cell and cell not in chosen),
        without_offset_count=sum(counts[cell] for cell, reading in chosen.items() if reading.lacks_offset),
        also_fits=next((other for other in orders[1:] if _differs(possible, order, other)), None),
    )


def _likely_orders(
    possible: Mapping[str, Mapping[DateOrder, Reading]], counts: Counter[str], *, now: datetime
) -> list[DateOrder]:
    """Return the orders that fit the most cells, the most likely first."""
    fitting: Counter[DateOrder] = Counter()
    for cell, by_order in possible.items():
        fitting.update(dict.fromkeys(by_order, counts[cell]))
    most = max(fitting.values(), default=0)
    best = [order for order in DateOrder if order in fitting and fitting[order] == most]

    def unlikeliness(order: DateOrder) -> tuple[int, timedelta]:
        dates = [by_order[order].at for by_order in possible.values() if order in by_order]
        return sum(date > now for date in dates), max(dates) - min(dates)

    return sorted(best, key=unlikeliness)


def _differs(possible: Mapping[str, Mapping[DateOrder, Reading]], one: DateOrder, other: DateOrder) -> bool:
    return any(by[one].at != by[other].at for by in possible.values() if one in by and other in by)
