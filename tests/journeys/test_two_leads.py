"""Two leads at one queue over a real connection: pages that are too old, forms sent twice, sessions that end.

Whatever meets, nothing is lost and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import httpx
import pytest

from serving.review.service import LOCK_SECONDS
from serving.storage.reviewing import ItemState, Review
from tests.review_desk import PASSWORD, Page, item_id, make_audit, make_item
from tests.review_server import Client, ReviewServer, review_server

MINJI, SORA = item_id(9000), item_id(9001)
Result = TypeVar("Result")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewServer]:
    """A server with users; each test puts tickets of its own into the queue."""
    with review_server(tmp_path_factory.mktemp("two-leads")) as running:
        yield running


@pytest.fixture
def minji(server: ReviewServer) -> Iterator[Client]:
    with server.client("minji") as client:
        yield client


@pytest.fixture
def sora(server: ReviewServer) -> Iterator[Client]:
    with server.client("sora") as client:
        yield client


def at_once(*actions: Callable[[], Result]) -> list[Result]:
    """Return what several callers get who all act at one moment."""
    barrier = Barrier(len(actions))

    def act(action: Callable[[], Result]) -> Result:
        barrier.wait(10)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def reviews(server: ReviewServer, number: int, *, with_undone: bool = False) -> Sequence[Review]:
    return server.storage.reviews.list(item_id=item_id(number), with_undone=with_undone)


def state(server: ReviewServer, number: int) -> ItemState:
    found = server.storage.queue.find(item_id(number))
    assert found is not None
    return found.state


def path(number: int, action: str = "") -> str:
    return f"/review/items/{item_id(number)}" + (f"/{action}" if action else "")


def opened_by_both(server: ReviewServer, *leads: Client, number: int) -> list[dict[str, str]]:
    """Return the form of an item as each lead has it on the screen, all of them so long that nobody holds it."""
    forms = []
    for lead in leads:
        forms.append(lead.fields(path(number), "ticket-form"))
        server.clock.move(seconds=LOCK_SECONDS + 1)
    return forms


@pytest.mark.parametrize("number", [1, 2, 3])
def test_of_two_leads_at_once_one_review_stands(server: ReviewServer, minji: Client, sora: Client, number: int) -> None:
    """One is told that it is done, the other who was first, with what she had chosen; one review is kept."""
    server.add(make_item(number))
    first, second = opened_by_both(server, minji, sora, number=number)
    answers = at_once(
        lambda: minji.send(path(number, "correct"), {**first, "answer-category": "hardware"}),
        lambda: sora.send(path(number, "correct"), {**second, "answer-category": "account"}),
    )
    (review,) = reviews(server, number)
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    loser, typed = (0, "hardware") if review.by == SORA else (1, "account")
    assert answers[loser].status_code == 409
    assert typed in Page(answers[loser].text).text, "what the second had chosen is told, not lost"
    assert review.answers["category"].given == ("account" if review.by == SORA else "hardware")
    assert state(server, number) is ItemState.DONE


def test_what_one_lead_has_open_another_does_not_answer(server: ReviewServer, minji: Client, sora: Client) -> None:
    """The second is told who has it open, tries again with what she chose once it is free, and is then first."""
    server.add(make_item(10))
    theirs = minji.fields(path(10), "ticket-form")
    server.clock.move(seconds=LOCK_SECONDS + 1)
    mine = sora.fields(path(10), "ticket-form")
    held = minji.send(path(10, "correct"), {**theirs, "answer-category": "hardware"})
    assert held.status_code == 409
    assert "Sora" in Page(held.text).text
    assert reviews(server, 10) == []
    assert sora.send(path(10, "release"), mine).status_code == 303
    again = Page(minji.send(path(10, "draft"), dict(Page(held.text).forms[path(10, "draft")])).text)
    assert minji.send(path(10, "correct"), dict(again.forms["ticket-form"])).status_code == 303
    (review,) = reviews(server, 10)
    assert (review.by, review.answers["category"].given) == (MINJI, "hardware")


def test_a_form_sent_five_times_at_once_is_one_review(server: ReviewServer, minji: Client) -> None:
    """Each of the five is told that it is done; so is a sixth, later."""
    server.add(make_item(11))
    fields = minji.fields(path(11), "ticket-form")
    answers = at_once(*[lambda: minji.send(path(11, "accept"), fields)] * 5)
    assert minji.send(path(11, "accept"), fields).status_code == 303
    (review,) = reviews(server, 11, with_undone=True)
    assert review.id == fields["review"]
    assert all(answer.status_code in (303, 409) for answer in answers)
    assert 303 in {answer.status_code for answer in answers}


def test_an_undo_sent_twice_at_once_undoes_once(server: ReviewServer, minji: Client) -> None:
    """The item is open again, and the second undo does not touch what was said of it since."""
    server.add(make_item(12))
    minji.send(path(12, "accept"), minji.fields(path(12), "ticket-form"))
    (review,) = reviews(server, 12)
    csrf = minji.page("/review").field("csrf")
    undo = {"csrf": csrf, "review": review.id}
    answers = at_once(*[lambda: minji.send("/review/undo", undo)] * 3)
    assert {answer.status_code for answer in answers} == {303}
    assert state(server, 12) is ItemState.OPEN
    minji.send(path(12, "accept"), minji.fields(path(12), "ticket-form"))
    minji.send("/review/undo", undo)
    assert state(server, 12) is ItemState.DONE
    assert len(reviews(server, 12)) == 1


def test_two_leads_at_once_on_a_burst_share_it_without_a_ticket_twice(
    server: ReviewServer, minji: Client, sora: Client
) -> None:
    """Each ticket of the burst has one review, and whoever came too late for all of it is told so."""
    numbers = range(20, 26)
    server.add(*(make_item(number, cluster="two-leads") for number in numbers))
    here = "/review/bursts/two-leads"
    ticked = [item_id(number) for number in numbers]
    sent = [
        {**lead.fields(here, "burst-form"), "item": ticked, "action": "accept", "answer-category": label}
        for lead, label in ((minji, "network"), (sora, "hardware"))
    ]
    answers = at_once(
        lambda: minji.http.post(here, data=sent[0]),
        lambda: minji.http.post(here, data=sent[0]),
        lambda: sora.http.post(here, data=sent[1]),
    )
    by_item = {number: reviews(server, number, with_undone=True) for number in numbers}
    assert {len(given) for given in by_item.values()} == {1}
    assert {answer.status_code for answer in answers} <= {303, 409}
    assert {state(server, number) for number in numbers} == {ItemState.DONE}


def test_two_leads_audit_one_ticket_at_once_and_both_count_once(
    server: ReviewServer, minji: Client, sora: Client
) -> None:
    """Where two answers are wanted both are kept, blind; a form sent again adds none."""
    server.add(make_audit(30, leads_wanted=2))
    first, second = opened_by_both(server, minji, sora, number=30)
    said = {"answer-category": "hardware", "answer-priority": "?"}
    at_once(
        lambda: minji.send(path(30, "audit"), {**first, **said}),
        lambda: minji.send(path(30, "audit"), {**first, **said}),
        lambda: sora.send(path(30, "audit"), {**second, **said}),
    )
    given = reviews(server, 30, with_undone=True)
    assert sorted(review.by for review in given) == [MINJI, SORA]
    assert not any(review.answers["category"].was_shown for review in given)
    assert state(server, 30) is ItemState.DONE


def test_a_page_that_is_too_old_saves_nothing_and_loses_nothing(server: ReviewServer, minji: Client) -> None:
    """A ticket that the helpdesk closed meanwhile: the answer is refused, and what was chosen is shown."""
    server.add(make_item(31))
    fields = minji.fields(path(31), "ticket-form")
    server.storage.queue.withdraw("helpdesk", ticket_id="HD-31", at=server.clock())
    answer = minji.send(path(31, "correct"), {**fields, "other-category": "cabling <3>"})
    assert answer.status_code == 409
    assert "cabling &lt;3&gt;" in answer.text
    assert reviews(server, 31) == []
    assert state(server, 31) is ItemState.WITHDRAWN


def test_what_was_typed_outlives_an_expired_session(server: ReviewServer, minji: Client) -> None:
    """A form sent after the session ended, twice at once, is saved once: when it is sent again after the sign-in."""
    server.add(make_item(32))
    fields = minji.fields(path(32), "ticket-form")
    typed = {**fields, "answer-category": "hardware", "other-group": "현장 지원 & <b>", "question": "언제부터\n인가요?"}
    server.clock.move(hours=2)
    both = at_once(*[lambda: minji.send(path(32, "correct"), typed)] * 2)
    assert [one.status_code for one in both] == [401, 401]
    assert reviews(server, 32) == []
    # A browser shows the answer that came last, whose cookie it then holds.
    expired = next(one for one in both if dict(one.cookies).items() <= dict(minji.http.cookies).items())
    shown = gone_on(minji, expired)
    form = dict(shown.forms["ticket-form"])
    assert (form["answer-category"], form["other-group"]) == ("hardware", "현장 지원 & <b>")
    assert "언제부터\n인가요?" in shown.html
    assert reviews(server, 32) == [], "nothing is saved by signing in"
    assert minji.send(path(32, "correct"), form).status_code == 303
    (review,) = reviews(server, 32)
    assert {name: answer.given for name, answer in review.answers.items()} == {
        "category": "hardware",
        "group": "현장 지원 & <b>",
        "priority": "high",
    }


def test_the_ticks_of_a_burst_outlive_an_expired_session(server: ReviewServer, minji: Client) -> None:
    """Those that were ticked are ticked again, the others are not."""
    numbers = (40, 41, 42)
    server.add(*(make_item(number, cluster="expired") for number in numbers))
    here = "/review/bursts/expired"
    fields = {**minji.fields(here, "burst-form"), "item": [item_id(40), item_id(42)], "action": "accept"}
    server.clock.move(hours=2)
    expired = minji.http.post(here, data=fields)
    assert expired.status_code == 401
    shown = gone_on(minji, expired)
    assert [value for name, value in shown.forms["burst-form"] if name == "item"] == [item_id(40), item_id(42)]
    assert {state(server, number) for number in numbers} == {ItemState.OPEN}


def gone_on(client: Client, expired: httpx.Response) -> Page:
    """Sign in on the page that an expired session led to and go on; return the page with what was typed."""
    sign_in = Page(expired.text).forms["sign-in-form"]
    signed_in = client.http.post(
        "/review/sign-in", data=_form([*sign_in, ("email", "minji@example.com"), ("password", PASSWORD)])
    )
    assert signed_in.status_code == 200
    kept = Page(signed_in.text)
    where = kept.ids["kept-form"]["action"]
    answer = client.http.post(where, data=_form(kept.forms["kept-form"]))
    assert answer.status_code == 200
    return Page(answer.text)


def _form(fields: Sequence[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Return the fields of a form as a client sends them, the last of those that a person fills in once."""
    given: dict[str, list[str]] = {}
    for name, value in fields:
        given.setdefault(name, []).append(value)
    return {name: values[-1] if name in ("email", "password") else values for name, values in given.items()}
