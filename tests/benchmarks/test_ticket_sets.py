"""The sets of tickets are whole, and folded as the figures that others published were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from head_to_head.ticket_sets import (
    TICKET_SETS,
    Fold,
    TicketSet,
    read_aivle_inquiry,
    read_endava,
    read_it_service,
    read_nasa,
)
from sklearn.model_selection import StratifiedKFold


def _sizes(tickets: TicketSet) -> list[tuple[int, int]]:
    return [(len(fold.train), len(fold.test)) for fold in tickets.folds]


def test_given_splits_are_taken_as_they_are(shared_datasets: Path) -> None:
    """The marked test of one set and the publishers' two files of another."""
    marked, endava = read_it_service(shared_datasets), read_endava(shared_datasets)
    assert (_sizes(marked), len(marked.labels)) == ([(38_269, 9_568)], 8)
    assert (_sizes(endava), len(endava.labels)) == ([(14_052, 3_513)], 13)
    assert marked.shows_near_duplicates
    ids = [row.id for row in endava.history.rows]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("read", "count", "label_count"), [(read_aivle_inquiry, 2_954, 6), (read_nasa, 4_024, 4)])
def test_other_sets_have_five_stratified_folds_of_seed_zero(
    shared_datasets: Path, read: type, count: int, label_count: int
) -> None:
    """Every ticket is tested once, in the fold in which scikit-learn puts its label's name."""
    tickets = read(shared_datasets)
    names = np.array(tickets.labels)[tickets.actual]
    expected = StratifiedKFold(5, shuffle=True, random_state=0).split(np.zeros(count), names)
    for fold, (train, test) in zip(tickets.folds, expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)
    assert len(tickets.labels) == label_count


def test_severities_are_a_scale_and_their_project_is_read_by_all(shared_datasets: Path) -> None:
    """Severity 1 is left out; ours knows the project as a field, rivals read it in the text."""
    tickets = read_nasa(shared_datasets)
    assert tickets.is_ordinal
    assert tickets.labels == ("2", "3", "4", "5")
    row, text = tickets.history.rows[0], tickets.texts[0]
    assert text.startswith(f"product_{row.product}\n{row.subject}")


@pytest.mark.parametrize("name", ["endava_business_service", "aivle_inquiry_ko"])
def test_a_trial_run_is_a_part_with_other_data(shared_datasets: Path, name: str) -> None:
    """A limit leaves so many tickets, on both sides of every fold, and its cells are never taken for whole ones."""
    part, smaller = (TICKET_SETS[name](shared_datasets, limit=limit) for limit in (400, 300))
    assert len(part.history.rows) == len(part.actual) == 400
    assert all(train and test for train, test in _sizes(part))
    assert part.data != smaller.data
    assert part.data == TICKET_SETS[name](shared_datasets, limit=400).data


def test_a_longer_history_holds_the_shorter_one() -> None:
    """Of a learning curve's steps each is part of the next, and all are tested on the same tickets."""
    fold = Fold("given split", np.arange(100, 400), np.arange(100))
    small, large = fold.first(20, seed=3), fold.first(200, seed=3)
    assert set(small.train) < set(large.train) < set(fold.train)
    assert len(small.train) == 20
    np.testing.assert_array_equal(small.test, fold.test)
    assert set(fold.first(20, seed=4).train) != set(small.train)
    assert small.name != large.name
