"""The page of trust as rows of a CSV file. Knows no web; a spreadsheet must not take a label for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from serving.review.trust_figures import Part, TargetTrust, TrustPage

COLUMNS = ("section", "connection", "target", "name", "other", "figure", "value")
_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")
_Row = tuple[object, ...]


def trust_csv(page: TrustPage) -> str:
    """Return the figures of a page, one a line."""
    written = StringIO()
    table = csv.writer(written)
    table.writerow(COLUMNS)
    for section, target, name, other, figure, value in _rows(page):
        table.writerow([_plain(cell) for cell in (section, page.connection, target, name, other, figure, value)])
    return written.getvalue()


def _rows(page: TrustPage) -> Iterator[_Row]:
    for target in page.targets:
        yield from _of_target(target)
    for pair in page.misroutes:
        yield "misroute", "group", pair.source, pair.destination, "audits", pair.audited
        yield "misroute", "group", pair.source, pair.destination, "closings", pair.closed
        yield "misroute", "group", pair.source, pair.destination, "minutes", pair.minutes
    yield "misroute", "group", "usual", "", "minutes", page.costs.usual_minutes
    for name, way in (("before", page.routing.before), ("since", page.routing.since)):
        yield "routing", "group", name, "", "tickets", way.tickets
        yield "routing", "group", name, "", "reassignments", way.reassignments
        yield "routing", "group", name, "", "minutes_to_right_group", way.minutes
    yield "routing", "group", "closed", "", "routed", page.routing.routed
    yield "routing", "group", "closed", "", "moved", page.routing.moved
    for label in page.unknown:
        yield "unknown_label", label.target, label.label, "", "tickets", label.tickets


def _of_target(told: TargetTrust) -> Iterator[_Row]:
    promised = told.promise.largest_error if told.promise else None
    yield "promise", told.target, "", "", "largest_error", promised
    yield "promise", told.target, told.state_name, "", "state", 1
    if told.promise and told.promise.largest_understated is not None:
        yield "promise", told.target, "", "", "largest_understated", told.promise.largest_understated
    for section, points in (("audited_error", told.points), ("audited_urgent", told.urgent_points)):
        for point in points:
            at = point.at.isoformat(timespec="seconds")
            for figure in ("audits", "wrong", "rate", "low", "high"):
                yield section, told.target, at, "", figure, getattr(point, figure)
    for week in told.weeks:
        yield "week", told.target, week.begins.isoformat(), "", "tickets", week.tickets
        yield "week", told.target, week.begins.isoformat(), "", "unattended", week.unattended
    yield "agreement", told.target, "", "", "pairs", told.pairs
    yield "agreement", told.target, "", "", "agreed", told.agreed
    for kind, parted in (("audited", told.audited), ("reviewed", told.reviewed)):
        yield from _of_parts(f"{kind}_by_language", told.target, parted.languages)
        yield from _of_parts(f"{kind}_by_label", told.target, parted.labels)


def _of_parts(section: str, target: str, parts: Sequence[Part]) -> Iterator[_Row]:
    for part in parts:
        yield section, target, part.name, "", "answers", part.answers
        yield section, target, part.name, "", "different", part.different


def _plain(value: object) -> object:
    if value is None:
        return ""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_BEGINS)
    return f"'{value}" if is_formula else value
