"""The pages as a browser gets them: queue, ticket, burst, and what must not be on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.review_desk import Desk, Page, item_id, make_audit, make_item, scored, targets

NUMBER_ONE = f"/review/items/{item_id(1)}"


def test_the_queue_shows_what_is_due_first_and_how_long_it_takes(desk: Desk) -> None:
    """Rows stand in the order of their deadlines, a burst is one row, and the time is told."""
    desk.add(make_item(2), make_item(1), make_audit(3), *(make_item(n, cluster="burst/1") for n in (4, 5, 6)))
    page = desk.browser("minji").page("/review")
    places = [page.html.index(f"HD-{number}<") for number in (1, 2, 3, 4)]
    assert places == sorted(places)
    assert "HD-5<" not in page.html
    assert 'data-cluster="burst/1" data-size="3"' in page.html
    assert "6 tickets now" in page.text


def test_an_audit_tells_nothing_before_it_is_answered(desk: Desk) -> None:
    """Neither the queue nor the ticket page holds the label, the reasons, the articles or the past tickets."""
    desk.add(make_audit(1, targets=targets("printing", 0.97, group="workplace", priority="low")))
    browser = desk.browser("minji")
    for path in ("/review", NUMBER_ONE):
        page = browser.page(path)
        assert "HD-1" in page.text
        assert "workplace" not in page.html
        assert "97 %" not in page.text
        assert "KB-1" not in page.html
        assert "OLD-1" not in page.html
        assert "<mark" not in page.html
    fields = dict(browser.page(NUMBER_ONE).forms["ticket-form"])
    assert not [name for name in fields if name.startswith("answer-")], "no label is chosen beforehand"
    ticket = browser.page(NUMBER_ONE).html
    labels = [ticket.index(f'value="{label}"') for label in ("hardware", "network", "printing")]
    assert labels == sorted(labels), "the order of the labels says nothing"


@pytest.mark.parametrize("asked", ["label=printing", "target=category&label=printing", "group=network-ops"])
def test_an_audit_is_not_found_by_its_label(desk: Desk, asked: str) -> None:
    """To be found by what was suggested would tell what was suggested."""
    desk.add(make_audit(1, targets=targets("printing")), make_item(2, targets=targets("printing")))
    page = desk.browser("minji").page(f"/review?{asked}")
    assert item_id(2) in page.html
    assert item_id(1) not in page.html


def test_another_score_of_an_audited_ticket_is_hidden_too(desk: Desk) -> None:
    """Who has yet to answer the audit of a ticket does not see what was suggested for it another time."""
    desk.add(make_audit(1, ticket_id="HD-7"), make_item(2, ticket_id="HD-7", targets=targets("printing")))
    page = desk.browser("minji").page(f"/review/items/{item_id(2)}")
    assert "audit-first" in page.ids
    assert "printing" not in page.html


def test_what_people_write_is_never_markup(desk: Desk) -> None:
    """A preview, a label, an id and a reason with markup in them are shown as they are."""
    evil = "<script>alert(1)</script>"
    bad: dict[str, Any] = {
        "category": {**targets()["category"], "label": evil, "reasons": [{"text": evil, "weight": 1}]}
    }
    desk.add(make_item(1, preview=evil, ticket_id=evil, targets=bad, cluster=evil), make_item(2, cluster=evil))
    original = {"subject": evil, "body": f'"{evil}', "url": "javascript:alert(1)"}
    desk.storage.originals.keep("helpdesk", ticket_id=evil, content=original, at=desk.clock())
    browser = desk.browser("minji")
    shown = [
        browser.page("/review"),
        browser.page(NUMBER_ONE),
        browser.page("/review/bursts/%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
    ]
    shown.append(Page(browser.send(f"{NUMBER_ONE}/text").text))
    for page in shown:
        assert "alert(1)" in page.html
        assert "<script>alert" not in page.html
        assert "javascript:alert" not in page.html


def test_a_page_brings_nothing_inline_and_nothing_from_elsewhere(desk: Desk) -> None:
    """The policy of the page allows its own files alone, and the page keeps to it."""
    desk.add(make_item(1))
    answer = desk.browser("minji").get(NUMBER_ONE)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "style=" not in answer.text
    assert "onclick" not in answer.text
    assert "<script>" not in answer.text


def test_the_text_is_shown_when_asked_and_that_is_noted(desk: Desk) -> None:
    """The page holds a masked preview; asking shows all, notes who saw it, and keeps what was chosen."""
    desk.add(make_item(1))
    content = {"subject": "VPN", "body": "my vpn drops", "url": "https://helpdesk.example/t/1"}
    desk.storage.originals.keep("helpdesk", ticket_id="HD-1", content=content, at=desk.clock())
    browser = desk.browser("minji")
    assert "my vpn drops" not in browser.page(NUMBER_ONE).text
    assert desk.storage.originals.views("helpdesk", ticket_id="HD-1") == []
    shown = Page(browser.send(f"{NUMBER_ONE}/text", **{"answer-category": "hardware"}).text)
    assert "<mark" in shown.html
    assert shown.ids["open-helpdesk"]["href"] == "https://helpdesk.example/t/1"
    assert ("answer-category", "hardware") in shown.forms["ticket-form"]
    (view,) = desk.storage.originals.views("helpdesk", ticket_id="HD-1")
    assert view.viewed_by == item_id(9000)


def test_a_restricted_groups_ticket_is_not_there_for_others(desk: Desk) -> None:
    """By queue, by item, by ticket and by burst: a lead of another group finds nothing, one of the group everything."""
    desk.add(
        make_item(1, group="people-ops", targets=targets(group="people-ops"), cluster="b"),
        make_item(2, group="people-ops", targets=targets(group="people-ops"), cluster="b"),
        make_item(3),
    )
    stranger, own = desk.browser("minji"), desk.browser("hana")
    for path in (NUMBER_ONE, "/review/tickets/helpdesk/HD-1", "/review/bursts/b"):
        assert stranger.get(path, follow_redirects=True).status_code == 404, path
        assert own.get(path, follow_redirects=True).status_code == 200, path
    assert stranger.send(f"{NUMBER_ONE}/accept").status_code == 404
    assert stranger.send(f"{NUMBER_ONE}/text").status_code == 404
    assert "HD-1<" not in stranger.page("/review").html
    assert "HD-3<" not in own.page("/review").html, "who has groups sees theirs alone"


def test_restricted_articles_and_past_tickets_are_left_out(desk: Desk) -> None:
    """What belongs to a restricted group is not on the page of another's ticket."""
    desk.add(make_item(1))
    page = desk.browser("minji").page(NUMBER_ONE)
    assert {"KB-1", "OLD-1"} <= set(page.text.split())
    assert "KB-9" not in page.text
    assert "OLD-9" not in page.text


def test_a_ticket_that_never_was_in_the_queue_has_a_page(desk: Desk) -> None:
    """The link of a note leads to what was said of the ticket, unless it may be a restricted group's."""
    mine, theirs = make_item(1), make_item(2, targets=targets(group="people-ops"))
    desk.storage.record([scored(mine), replace(scored(theirs), ticket_id="HD-2")])
    browser = desk.browser("minji")
    assert "network" in browser.page("/review/tickets/helpdesk/HD-1").text
    assert browser.get("/review/tickets/helpdesk/HD-2").status_code == 404
    assert browser.get("/review/tickets/helpdesk/HD-3").status_code == 404


@pytest.mark.parametrize(("asked", "language"), [("ko", "ko"), ("en", "en"), ("xx", "en")])
def test_every_page_speaks_both_languages(desk: Desk, asked: str, language: str) -> None:
    """The language asked for is kept; one that is not known changes nothing."""
    desk.add(make_item(1))
    browser = desk.browser("minji")
    assert f'<html lang="{language}"' in browser.page(f"/review?language={asked}").html
    assert f'<html lang="{language}"' in browser.page(NUMBER_ONE).html


def test_the_theme_is_kept(desk: Desk) -> None:
    """Dark stays dark until it is changed."""
    browser = desk.browser("minji")
    assert 'data-theme="auto"' in browser.page("/review").html
    assert 'data-theme="dark"' in browser.page("/review?theme=dark").html
    assert 'data-theme="dark"' in browser.page("/review").html


def test_the_queue_is_searched_and_cut_to_the_time_there_is(desk: Desk) -> None:
    """A word of the preview finds, minutes cut, and the next rows are one link away."""
    desk.add(*(make_item(number) for number in range(1, 41)), make_item(50, preview="the projector hums"))
    browser = desk.browser("minji")
    found = browser.page("/review?q=PROJECTOR")
    assert found.html.count('class="row') - found.html.count('class="row-') == 1
    assert "25 tickets now" in browser.page("/review").text
    assert "15 tickets now, about 10 min" in browser.page("/review?minutes=10").text
    more = browser.page("/review").ids["more"]["href"]
    assert "HD-26<" in browser.page(more).html
