"""What leads do: every action, audits answered blind, bursts, undo, and what happens when two meet."""

from __future__ import annotations

import pytest

from serving.storage.reviewing import ItemState, ReviewAction
from tests.review_desk import Desk, Page, item_id, make_audit, make_item, targets

ONE, TWO = item_id(1), item_id(2)


def where(path: str) -> str:
    """Return a path without its query."""
    return path.partition("?")[0]


@pytest.mark.parametrize(
    ("sent", "fields", "kept"),
    [
        ("accept", {}, ReviewAction.ACCEPT),
        ("correct", {"answer-category": "hardware"}, ReviewAction.CORRECT),
        ("accept", {"answer-category": "hardware"}, ReviewAction.CORRECT),
        ("correct", {"answer-category": "network", "other-category": ""}, ReviewAction.ACCEPT),
        ("correct", {"answer-category": "network", "other-category": "cabling"}, ReviewAction.CORRECT),
        ("reject", {}, ReviewAction.REJECT),
        ("two-problems", {}, ReviewAction.TWO_PROBLEMS),
        ("not-a-ticket", {}, ReviewAction.NOT_A_TICKET),
        ("wants-information", {"question": "Since when?"}, ReviewAction.WANTS_INFORMATION),
    ],
)
def test_each_action_is_recorded_with_who_and_what(
    desk: Desk, sent: str, fields: dict[str, str], kept: ReviewAction
) -> None:
    """What was chosen decides between accepting and correcting, whichever button was pressed."""
    desk.add(make_item(1))
    answer = desk.browser("minji").send(f"/review/items/{ONE}/{sent}", **fields)
    assert answer.status_code == 303
    (review,) = desk.storage.reviews.list()
    assert (review.action, review.by, review.item_id) == (kept, item_id(9000), ONE)
    found = desk.storage.queue.find(ONE)
    assert found is not None
    assert found.state is ItemState.DONE
    chosen = fields.get("other-category") or fields.get("answer-category", "network")
    if kept in (ReviewAction.ACCEPT, ReviewAction.CORRECT):
        assert review.answers["category"].given == chosen
        assert review.answers["priority"].given == "high"
        assert review.answers["category"].was_shown
    if kept is ReviewAction.WANTS_INFORMATION:
        assert review.question == "Since when?"


def test_the_next_ticket_comes_up_with_an_undo(desk: Desk) -> None:
    """After an answer the next item is shown; undo opens the last one again, once."""
    desk.add(make_item(1), make_item(2))
    browser = desk.browser("minji")
    answer = browser.send(f"/review/items/{ONE}/accept")
    assert where(answer.headers["location"]) == f"/review/items/{TWO}"
    page = browser.page(answer.headers["location"])
    assert "Ticket HD-1: accepted." in page.text
    did = dict(page.forms["/review/undo"])["review"]
    assert where(browser.send("/review/undo", review=did).headers["location"]) == f"/review/items/{ONE}"
    found = desk.storage.queue.find(ONE)
    assert found is not None
    assert found.state is ItemState.OPEN
    assert browser.send("/review/undo", review=did).status_code == 303
    (review,) = desk.storage.reviews.list(with_undone=True)
    assert review.undone_by == item_id(9000)


def test_a_lead_undoes_her_own_reviews_and_an_administrator_all(desk: Desk) -> None:
    """Another lead is told to ask; an administrator may."""
    desk.add(make_item(1))
    desk.browser("minji").send(f"/review/items/{ONE}/accept")
    (review,) = desk.storage.reviews.list()
    assert desk.browser("sora").send("/review/undo", review=review.id).status_code == 403
    assert desk.browser("adam").send("/review/undo", review=review.id).status_code == 303
    assert desk.storage.reviews.list() == []


def test_an_audit_is_answered_first_and_compared_afterwards(desk: Desk) -> None:
    """The answer counts as blind, "cannot tell" is one, and the suggestion stands beside it afterwards."""
    desk.add(make_audit(1))
    browser = desk.browser("minji")
    answer = browser.send(f"/review/items/{ONE}/audit", **{"answer-category": "hardware", "answer-priority": "?"})
    (review,) = desk.storage.reviews.list()
    assert review.is_audit
    category, priority = review.answers["category"], review.answers["priority"]
    assert (category.suggested, category.given, category.was_shown) == ("network", "hardware", False)
    assert (priority.given, priority.was_shown) == (None, False)
    page = browser.page(answer.headers["location"])
    assert "compare" in page.ids
    assert "different" in page.text


def test_an_audit_asks_for_every_target_and_keeps_what_was_chosen(desk: Desk) -> None:
    """A half-filled audit comes back with what it held, and nothing is recorded."""
    desk.add(make_audit(1))
    answer = desk.browser("minji").send(f"/review/items/{ONE}/audit", **{"answer-category": "hardware"})
    assert answer.status_code == 422
    assert ("answer-category", "hardware") in Page(answer.text).forms["ticket-form"]
    assert desk.storage.reviews.list() == []


def test_an_audit_cannot_be_accepted_nor_a_review_given_blind(desk: Desk) -> None:
    """Who sends the other kind of answer is refused: an audit that was accepted would be none."""
    desk.add(make_audit(1), make_item(2))
    browser = desk.browser("minji")
    assert browser.send(f"/review/items/{ONE}/accept").status_code == 404
    assert browser.send(f"/review/items/{TWO}/audit", **{"answer-category": "x"}).status_code == 404
    assert desk.storage.reviews.list() == []


def test_an_audit_answered_again_after_an_undo_was_shown(desk: Desk) -> None:
    """Who has seen the suggestion once is not blind any more."""
    desk.add(make_audit(1))
    browser, fields = desk.browser("minji"), {"answer-category": "network", "answer-priority": "high"}
    browser.send(f"/review/items/{ONE}/audit", **fields)
    browser.send("/review/undo", review=desk.storage.reviews.list()[0].id)
    browser.send(f"/review/items/{ONE}/audit", **fields)
    (review,) = desk.storage.reviews.list()
    assert all(answer.was_shown for answer in review.answers.values())


def test_two_leads_answer_an_audit_apart(desk: Desk) -> None:
    """Where two are wanted, the second sees neither the suggestion nor the first one's answer."""
    desk.add(make_audit(1, leads_wanted=2, targets=targets("printing")))
    first, second = desk.browser("minji"), desk.browser("sora")
    fields = {"answer-category": "hardware", "answer-priority": "low"}
    first.send(f"/review/items/{ONE}/audit", **fields)
    assert item_id(1) not in first.page("/review").html
    page = second.page(f"/review/items/{ONE}")
    assert "Minji" not in page.text
    assert "compare" not in page.ids
    second.send(f"/review/items/{ONE}/audit", **fields)
    assert len(desk.storage.reviews.list()) == 2


def test_a_form_sent_twice_is_one_review(desk: Desk) -> None:
    """The second sending is told the same as the first."""
    desk.add(make_item(1), make_item(2))
    browser = desk.browser("minji")
    fields = dict(browser.page(f"/review/items/{ONE}").forms["ticket-form"])
    first, second = (browser.post(f"/review/items/{ONE}/accept", fields) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert len(desk.storage.reviews.list()) == 1


def test_a_page_that_is_too_old_says_who_was_first_and_keeps_what_was_typed(desk: Desk) -> None:
    """The second lead is told what happened, sees what she had chosen, and can go on."""
    desk.add(make_item(1), make_item(2))
    late, first = desk.browser("sora"), desk.browser("minji")
    fields = dict(late.page(f"/review/items/{ONE}").forms["ticket-form"])
    desk.clock.move(minutes=10)
    first.send(f"/review/items/{ONE}/accept")
    answer = late.post(f"/review/items/{ONE}/correct", {**fields, "answer-category": "hardware"})
    page = Page(answer.text)
    assert answer.status_code == 409
    assert "Minji was first" in page.text
    assert "hardware" in page.text
    assert page.ids["next"]["href"] == f"/review/items/{TWO}"
    assert len(desk.storage.reviews.list()) == 1


def test_a_ticket_that_somebody_has_open_is_held(desk: Desk) -> None:
    """The other lead can read it but not answer; after a while, or once it is put back, she can."""
    desk.add(make_item(1))
    first, second = desk.browser("minji"), desk.browser("sora")
    first.page(f"/review/items/{ONE}")
    page = second.page(f"/review/items/{ONE}")
    assert "Minji has this ticket open" in page.text
    assert "action-accept" not in page.ids
    assert "Open at Minji" in second.page("/review").text
    refused = second.send(f"/review/items/{ONE}/accept", **{"answer-category": "hardware"})
    assert refused.status_code == 409
    assert ("answer-category", "hardware") in Page(refused.text).forms[f"/review/items/{ONE}/draft"]
    assert first.send(f"/review/items/{ONE}/release").status_code == 303
    assert second.send(f"/review/items/{ONE}/accept").status_code == 303


def test_a_burst_is_handled_in_one_action_and_undone_in_one(desk: Desk) -> None:
    """All that are ticked get the same; an audit, an odd one and one that is not ticked are left."""
    desk.add(
        *(make_item(number, cluster="b") for number in (1, 2, 3, 4)),
        make_item(5, cluster="b", targets=targets("printing")),
        make_audit(6, cluster="b"),
    )
    browser = desk.browser("minji")
    page = browser.page("/review/bursts/b")
    assert {f"HD-{number}" for number in (1, 2, 3, 4, 5)} <= set(page.text.split())
    assert "HD-6" not in page.text
    ticked = [item_id(number) for number in (1, 2, 3, 5, 6)]
    fields = {"item": ticked, "action": "correct", "answer-category": "hardware", "batch": page.field("batch")}
    answer = browser.send("/review/bursts/b", **fields)
    assert "3 tickets: corrected." in browser.page(answer.headers["location"]).text
    assert {review.item_id for review in desk.storage.reviews.list()} == {item_id(1), item_id(2), item_id(3)}
    assert browser.send("/review/bursts/b", **fields).status_code == 303, "sent twice, done once"
    assert len(desk.storage.reviews.list()) == 3
    browser.send("/review/undo", review=desk.storage.reviews.list()[0].id)
    assert desk.storage.reviews.list() == []
    assert len(desk.storage.queue.open_items()) == 6


@pytest.mark.parametrize("query", ["", "?ticket_language=en", "?minutes=60"])
def test_the_row_of_a_burst_says_how_many_are_handled_together(desk: Desk, query: str) -> None:
    """Neither the odd one out nor what is hidden counts; what a filter leaves out does, as it is handled all the same.

    The number is that of the burst's own page, and of the action.
    """
    desk.add(
        *(make_item(number, cluster="b", language="en" if number < 3 else "ko") for number in (1, 2, 3, 4)),
        make_item(5, cluster="b", targets=targets("printing")),
        make_item(6, cluster="b", group="people-ops"),
        make_audit(7, cluster="b"),
    )
    browser = desk.browser("minji")
    queue = browser.page(f"/review{query}")
    assert 'data-cluster="b" data-size="4"' in queue.html
    assert "4 alike" in queue.text
    page = browser.page("/review/bursts/b")
    assert "Burst of 4" in page.text
    ticked = [value for name, value in page.forms["burst-form"] if name == "item"]
    answer = browser.send("/review/bursts/b", item=ticked, action="accept")
    assert "4 tickets: accepted" in browser.page(answer.headers["location"]).text


def test_what_stands_out_alone_is_no_burst(desk: Desk) -> None:
    """Where no two were suggested the same, the row leads to the ticket itself."""
    desk.add(make_item(1, cluster="b"), make_item(2, cluster="b", targets=targets("printing")))
    assert f'href="/review/items/{item_id(1)}"' in desk.browser("minji").page("/review").html


def test_a_burst_leaves_what_somebody_else_has_open(desk: Desk) -> None:
    """Of three, the one that another lead looks at is left, and that is told."""
    desk.add(*(make_item(number, cluster="b") for number in (1, 2, 3)))
    other, browser = desk.browser("sora"), desk.browser("minji")
    other.page(f"/review/items/{TWO}")
    ticked = [item_id(number) for number in (1, 2, 3)]
    answer = browser.send("/review/bursts/b", item=ticked, action="accept")
    text = browser.page(answer.headers["location"]).text
    assert "2 tickets: accepted." in text
    assert "1 were left" in text


def test_what_comes_next_may_be_a_burst(desk: Desk) -> None:
    """A burst is met as a whole, and its own page leads on past it."""
    desk.add(make_item(1), make_item(2, cluster="b"), make_item(3, cluster="b"), make_item(4))
    browser = desk.browser("minji")
    answer = browser.send(f"/review/items/{ONE}/accept")
    assert where(answer.headers["location"]) == "/review/bursts/b"
    page = browser.page(answer.headers["location"])
    assert "Ticket HD-1: accepted." in page.text
    assert page.ids["next"]["href"] == f"/review/items/{item_id(4)}"
