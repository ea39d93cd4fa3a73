"""A log of several rows a ticket becomes tickets: the first event is the ticket, the later ones are labels."""

from __future__ import annotations

import random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import HistoryError, RecipeError
from features.history import ColumnMapping
from training.event_log import EventLog, LoggedTickets, tickets_of_events
from training.tiers import Trail

MAPPING = ColumnMapping({"id": "no", "group": "team", "attributes.place": "place", "priority": "urgency"})
LOG = EventLog("step", (("state", "Resolved"),))
COLUMNS = ("no", "step", "state", "team", "place", "urgency")
EVENTS = [
    ("A", "0", "New", "Desk", "Seoul", "3"),
    ("A", "1", "Active", "Network", "Busan", "2"),
    ("B", "0", "New", "?", "", "3"),
    ("A", "2", "Resolved", "Network", "Busan", "2"),
    ("B", "1", "resolved", "Desk", "Seoul", "3"),
    ("A", "3", "Closed", "Quality", "Busan", "1"),
]


def _read(events: list[tuple[str, ...]], *, mapping: ColumnMapping = MAPPING, log: EventLog = LOG) -> LoggedTickets:
    frame = pd.DataFrame(events, columns=COLUMNS, index=pd.RangeIndex(2, len(events) + 2, name="line"), dtype="str")
    frame.attrs["warnings"] = ("said while reading",)
    return tickets_of_events(frame, mapping=mapping, log=log)


def test_the_first_event_is_the_ticket() -> None:
    """Fields of intake hold what the first event said, under its line; what reading had to say is kept."""
    tickets = _read(EVENTS)
    assert tickets.cells["no"].tolist() == ["A", "B"]
    assert tickets.cells["place"].tolist() == ["Seoul", ""]
    assert tickets.cells.index.tolist() == [2, 4]
    assert tickets.cells.attrs["warnings"] == ("said while reading",)
    assert tickets.mapping.columns["attributes.place"] == "place"


def test_later_events_make_the_labels() -> None:
    """A priority is what the last event says; the group is who solved the ticket, not who closed it."""
    tickets = _read(EVENTS)
    assert tickets.cells[tickets.mapping.columns["priority"]].tolist() == ["1", "3"]
    assert tickets.cells[tickets.mapping.columns["group"]].tolist() == ["Network", "Desk"]
    assert tickets.mapping.columns["group"] == "team (solving event)"
    assert tickets.trails == {2: Trail(("Desk", "Network"), "Network"), 4: Trail(("Desk",), "Desk")}


def test_without_a_solved_state_the_last_event_counts() -> None:
    """Where no event is said to solve a ticket, its last holder is taken."""
    tickets = _read(EVENTS, log=EventLog("step"))
    assert tickets.trails is not None
    assert tickets.trails[2] == Trail(("Desk", "Network", "Quality"), "Quality")


def test_a_ticket_that_was_opened_again_is_solved_by_the_last_to_do_so() -> None:
    """A solution that did not hold is none: the group has handed the ticket on."""
    events = [*EVENTS, ("A", "4", "Active", "Vendor", "", "1"), ("A", "5", "Resolved", "Vendor", "", "1")]
    tickets = _read(events)
    assert tickets.trails is not None
    assert tickets.trails[2] == Trail(("Desk", "Network", "Quality", "Vendor"), "Vendor")


def test_a_group_that_was_cleared_is_the_one_before() -> None:
    """A ticket solved with the group cleared was solved by whoever had it last; one without any group by nobody."""
    tickets = _read([*EVENTS[:1], ("A", "9", "Resolved", "?", "", "3"), ("C", "0", "Resolved", "", "", "3")])
    assert tickets.trails == {2: Trail(("Desk",), "Desk"), 4: Trail((), None)}
    assert tickets.cells[tickets.mapping.columns["group"]].tolist() == ["Desk", ""]


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter(shuffler: random.Random) -> None:
    """Events are put in order by their column, whatever the order of their rows."""
    shuffled = [*EVENTS]
    shuffler.shuffle(shuffled)
    in_order, mixed = (_read(events).cells.set_index("no").sort_index() for events in (EVENTS, shuffled))
    assert in_order.drop(columns=["step"]).equals(mixed.drop(columns=["step"]))


def test_dates_order_events_too() -> None:
    """A column of dates, day first, is read in the order of time and not of its letters."""
    steps = [
        "29/2/2016 01:16",
        "1/3/2016 08:00",
        "29/2/2016 02:00",
        "2/3/2016 08:00",
        "1/3/2016 09:00",
        "11/3/2016 10:00",
    ]
    tickets = _read([(event[0], step, *event[2:]) for event, step in zip(EVENTS, steps, strict=True)])
    assert tickets.cells["place"].tolist() == ["Seoul", ""]
    assert tickets.cells[tickets.mapping.columns["priority"]].tolist() == ["1", "3"]


def test_events_without_an_id_stay_apart() -> None:
    """A row that names no ticket is a ticket of its own."""
    assert len(_read([("", "0", "Resolved", "Desk", "x", "1")] * 2).cells) == 2


def test_a_log_without_groups_has_no_trails() -> None:
    """Without a column of groups nobody knows who held a ticket."""
    tickets = _read(EVENTS, mapping=ColumnMapping({"id": "no", "reassignments": "step"}))
    assert tickets.trails is None
    assert tickets.cells[tickets.mapping.columns["reassignments"]].tolist() == ["3", "1"]


@pytest.mark.parametrize(
    ("mapping", "log", "message"),
    [
        (ColumnMapping({"group": "team"}), LOG, "--map id=COLUMN"),
        (MAPPING, EventLog("stpe"), "no column 'stpe'. Did you mean 'step'"),
        (MAPPING, EventLog("state"), "'New' in column 'state' of line 2 is neither a number nor a date"),
        (MAPPING, EventLog("step", (("state", "Done"),)), "No event has 'Done' in column 'state'. The column holds:"),
        (MAPPING, EventLog("step", (("stat", "Done"),)), "no column 'stat'. Did you mean 'state'"),
    ],
    ids=["no id", "no order", "an order that is none", "no such state", "no state column"],
)
def test_a_log_that_cannot_be_read_is_refused(mapping: ColumnMapping, log: EventLog, message: str) -> None:
    """Tickets without ids, events without an order and a state that never occurs are named with what is there."""
    with pytest.raises(HistoryError) as failure:
        _read(EVENTS, mapping=mapping, log=log)
    assert message in str(failure.value)


def test_a_log_is_stated_by_options() -> None:
    """COLUMN=VALUE is taken apart at its last equal sign; without an order there is no log."""
    assert EventLog.from_options("step", ["a=b=Done"]) == EventLog("step", (("a=b", "Done"),))
    assert EventLog.from_options(None, []) is None
    with pytest.raises(RecipeError, match="--events"):
        EventLog.from_options(None, ["state=Resolved"])
    with pytest.raises(RecipeError, match="'Resolved' names no event"):
        EventLog.from_options("step", ["Resolved"])
