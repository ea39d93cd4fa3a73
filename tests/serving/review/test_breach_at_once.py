"""A promise that an answered audit breaks falls back with that very answer, and every page tells so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.decisions import PolicyState
from features.errors import StorageError
from serving.oversight.watch import Watch
from serving.storage.policies import StateRecord
from tests.oversight_desk import audit, promise, ran
from tests.review_desk import MODEL, Desk, item_id, make_audit, make_item

KEY = {"model": MODEL.name, "connection": "helpdesk", "target": "category"}


@pytest.fixture
def brink(desk: Desk) -> Desk:
    """A desk whose promise one more wrong answer breaks, and a waiting audit."""
    desk.storage.policies.promises.set(promise("category"))
    for number in range(1, 3):
        audit(desk.storage, number, given="printing", target="category", suggested="network")
    assert not Watch(desk.storage, clock=desk.clock).look_at(MODEL.name, connection="helpdesk", target="category")
    waiting = make_audit(9)
    desk.add(waiting)
    desk.storage.outcomes.unattended.record_all([ran(waiting, target="category", label="network")])
    return desk


def state(desk: Desk) -> StateRecord | None:
    """Return the state of the promise."""
    return desk.storage.policies.states.current(**KEY)


def answer(desk: Desk, label: str) -> Callable[[], int]:
    """Return what sends an answer to the audit that waits, the same form each time, and returns the status."""
    browser = desk.browser("minji")
    review = browser.page(f"/review/items/{item_id(9)}").field("review")
    fields = {"review": review, "answer-category": label, "answer-priority": "high"}
    return lambda: browser.send(f"/review/items/{item_id(9)}/audit", **fields).status_code


def test_a_wrong_answer_that_breaks_it_ends_it_at_once(brink: Desk) -> None:
    """Nobody waits for the worker to look: the target has fallen back, and the leads are told, once."""
    send = answer(brink, "printing")
    assert send() == 303
    fallen = state(brink)
    assert fallen is not None
    assert (fallen.state, fallen.by, fallen.version) == (PolicyState.FALLEN_BACK, "", 1)
    assert "Audits found the promise broken" in brink.browser("sora").page("/review").text
    assert send() == 303, "sent twice"
    Watch(brink.storage, clock=brink.clock).look()
    assert state(brink) == fallen
    assert len(brink.storage.policies.alerts.list()) == 1


def test_a_right_answer_ends_nothing(brink: Desk) -> None:
    """The promise goes on."""
    assert answer(brink, "network")() == 303
    assert state(brink) is None


def test_a_correction_looks_too(brink: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lead corrects is looked at for each of its targets; what she accepts is not."""
    looked: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(Watch, "look_at", lambda _, model, **asked: looked.append((model, asked)))
    browser = brink.browser("minji")
    for number, changed in ((20, {}), (21, {"answer-category": "hardware"})):
        brink.add(make_item(number))
        browser.page(f"/review/items/{item_id(number)}")
        assert browser.send(f"/review/items/{item_id(number)}/correct", **changed).status_code == 303
    targets = ("category", "group", "priority")
    assert looked == [(MODEL.name, {"connection": "helpdesk", "target": target}) for target in targets]


def test_an_answer_stands_where_the_look_fails(brink: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is kept all the same, and the worker's next look finds the breach."""

    def fail(*_: object, **__: object) -> bool:
        raise StorageError("The database does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(Watch, "look_at", fail)
        assert answer(brink, "printing")() == 303
    assert state(brink) is None
    assert brink.storage.reviews.list(item_id=item_id(9))
    Watch(brink.storage, clock=brink.clock).look()
    fallen = state(brink)
    assert fallen is not None
    assert fallen.state is PolicyState.FALLEN_BACK
