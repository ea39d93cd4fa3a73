"""Who may do what: every route by every role and by nobody, forms without their token, sessions that end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.routing import APIRoute

from serving.review import routes, sign_in_routes
from serving.storage.people import Role
from tests.review_desk import PASSWORD, Desk, Page, item_id, make_item

ONE, TWO = item_id(1), item_id(2)
ITEM = f"/review/items/{ONE}"
PEOPLE = {"": None, "minji": Role.LEAD, "dana": Role.DATA_SCIENTIST, "adam": Role.ADMIN}
EVERYONE, REVIEWERS = set(Role), {Role.LEAD, Role.ADMIN}
# Each route as it is declared: an address of it, and the roles that it opens to.
ROUTES: dict[tuple[str, str], tuple[str, set[Role]]] = {
    ("GET", "/review"): ("/review", EVERYONE),
    ("GET", "/review/tickets/{connection}/{ticket_id:path}"): ("/review/tickets/helpdesk/HD-1", EVERYONE),
    ("GET", "/review/items/{item_id}"): (ITEM, EVERYONE),
    ("GET", "/review/items/{item_id}/{action}"): (f"{ITEM}/accept", EVERYONE),
    ("GET", "/review/bursts/{cluster:path}"): ("/review/bursts/b", EVERYONE),
    ("GET", "/review/undo"): ("/review/undo", EVERYONE),
    ("POST", "/review/items/{item_id}/text"): (f"{ITEM}/text", REVIEWERS),
    ("POST", "/review/items/{item_id}/draft"): (f"{ITEM}/draft", REVIEWERS),
    ("POST", "/review/items/{item_id}/release"): (f"{ITEM}/release", REVIEWERS),
    ("POST", "/review/items/{item_id}/{action}"): (f"{ITEM}/accept", REVIEWERS),
    ("POST", "/review/bursts/{cluster:path}"): ("/review/bursts/b", REVIEWERS),
    ("POST", "/review/undo"): ("/review/undo", REVIEWERS),
    ("POST", "/review/sign-out"): ("/review/sign-out", EVERYONE),
}
# These let people in and out, so they are nobody's in particular.
OPEN = {
    ("GET", "/review/sign-in"),
    ("POST", "/review/sign-in"),
    ("GET", "/review/sign-out"),
    ("POST", "/review/oidc/start"),
    ("GET", "/review/oidc/callback"),
}


def test_no_route_is_left_out_of_the_table() -> None:
    """Each route of these pages is tried below, or lets people in and out."""
    declared = {
        (method, route.path)
        for router in (routes.router, sign_in_routes.router)
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert declared == ROUTES.keys() | OPEN


@pytest.mark.parametrize("who", PEOPLE)
def test_every_route_by_every_role_and_by_nobody(desk: Desk, who: str) -> None:
    """A role gets what the table says and a page that refuses otherwise; nobody is sent to the sign-in."""
    desk.add(make_item(1, cluster="b"), make_item(2, cluster="b"))
    browser = desk.browser(who)
    for (method, _), (path, roles) in ROUTES.items():
        if method == "POST":
            csrf = browser.csrf() if who else "x"
            answer = browser.post(path, {"csrf": csrf, "item": TWO, "action": "accept", "review": "none"})
        else:
            answer = browser.get(path)
        if PEOPLE[who] is None:
            assert answer.status_code == (401 if method == "POST" else 303), (who, path)
            assert method == "POST" or answer.headers["location"].startswith("/review/sign-in")
        elif PEOPLE[who] in roles:
            assert answer.status_code in (200, 303, 404), (who, path, answer.status_code)
            assert answer.status_code != 404 or path == "/review/undo"
        else:
            assert answer.status_code == 403, (who, path)
    if PEOPLE[who] not in REVIEWERS:
        assert desk.storage.reviews.list() == []


@pytest.mark.parametrize("token", ["", "wrong", None])
@pytest.mark.parametrize(("method", "path"), [key for key in ROUTES if key[0] == "POST"])
def test_a_form_without_its_token_does_nothing(desk: Desk, method: str, path: str, token: str | None) -> None:
    """A form of a stranger's site is refused on every route that changes something, and what it held is kept."""
    desk.add(make_item(1, cluster="b"))
    browser = desk.browser("minji")
    fields = {
        "item": ONE,
        "action": "accept",
        "answer-category": "hardware",
        **({} if token is None else {"csrf": token}),
    }
    answer = browser.post(ROUTES[method, path][0], fields)
    assert answer.status_code == 403
    assert ("answer-category", "hardware") in Page(answer.text).forms["kept-form"]
    assert desk.storage.reviews.list() == []


def test_a_form_from_another_site_does_nothing_even_with_its_token(desk: Desk) -> None:
    """What the browser itself calls cross-site is refused."""
    desk.add(make_item(1))
    browser = desk.browser("minji")
    fields = {"csrf": browser.csrf()}
    assert browser.post(f"{ITEM}/accept", fields, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_what_was_typed_outlives_the_session(desk: Desk) -> None:
    """A form sent after the session ended comes back after the sign-in, and is not saved before it is sent again."""
    desk.add(make_item(1))
    browser = desk.browser("minji")
    fields = dict(browser.page(ITEM).forms["ticket-form"])
    desk.clock.move(hours=2)
    expired = browser.post(f"{ITEM}/correct", {**fields, "answer-category": "hardware", "question": "since\n<when>?"})
    assert expired.status_code == 401
    form = dict(Page(expired.text).forms["sign-in-form"])
    kept = Page(browser.post("/review/sign-in", {**form, "email": "minji@example.com", "password": PASSWORD}).text)
    again = browser.post(f"{ITEM}/draft", dict(kept.forms["kept-form"]))
    page = Page(again.text)
    assert again.status_code == 200
    assert ("answer-category", "hardware") in page.forms["ticket-form"]
    assert "since\n&lt;when&gt;?" in page.html
    assert desk.storage.reviews.list() == []
    assert browser.post(f"{ITEM}/correct", dict(page.forms["ticket-form"])).status_code == 303
    assert desk.storage.reviews.list()[0].answers["category"].given == "hardware"


def test_a_session_ends_when_idle_and_in_any_case_after_its_hours(open_desk: Callable[..., Desk]) -> None:
    """Use keeps a session alive, up to its longest time."""
    desk = open_desk(TRIAGE_SESSION_IDLE_MINUTES="30", TRIAGE_SESSION_HOURS="1")
    browser = desk.browser("minji")
    for _ in range(3):
        desk.clock.move(minutes=19)
        assert browser.get("/review").status_code == 200
    desk.clock.move(minutes=19)
    assert browser.get("/review").status_code == 303
    other = desk.browser("sora")
    desk.clock.move(minutes=31)
    assert other.get("/review").status_code == 303


def test_signing_out_ends_the_session_itself(desk: Desk) -> None:
    """The cookie that was let go of opens nothing any more."""
    browser = desk.browser("minji")
    cookie = dict(browser.client.cookies)
    assert browser.send("/review/sign-out").status_code == 303
    other = desk.browser()
    other.client.cookies.update(cookie)
    assert other.get("/review").status_code == 303


def test_a_disabled_user_is_out_at_once(desk: Desk) -> None:
    """Neither the open session nor the password lets them in."""
    browser = desk.browser("minji")
    desk.storage.people.users.disable(item_id(9000), at=desk.clock())
    assert browser.get("/review").status_code == 303
    assert browser.sign_in("minji@example.com").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_strangers(desk: Desk) -> None:
    """HttpOnly and Lax everywhere; away from this machine it travels encrypted, bound to its host."""
    near = desk.browser().sign_in("minji@example.com").headers["set-cookie"]
    assert "HttpOnly" in near
    assert "SameSite=lax" in near
    far = desk.browser()
    token = Page(far.get("https://triage.example.com/review/sign-in").text).field("token")
    fields = {"email": "minji@example.com", "password": PASSWORD, "token": token}
    answer = far.post("https://triage.example.com/review/sign-in", fields)
    assert "__Host-triage_session=" in answer.headers["set-cookie"]
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "next_path", ["//evil.example", "https://evil.example", "/review/../x\\y", "/docs", "/review//e"]
)
def test_the_sign_in_leads_nowhere_else(desk: Desk, next_path: str) -> None:
    """Whatever the address asks for, who signs in lands in these pages."""
    browser = desk.browser()
    token = Page(browser.get("/review/sign-in").text).field("token")
    fields = {"email": "minji@example.com", "password": PASSWORD, "token": token, "next": next_path}
    assert browser.post("/review/sign-in", fields).headers["location"] == "/review"


def test_a_password_is_not_tried_without_end(desk: Desk) -> None:
    """After five wrong ones even the right one waits a quarter of an hour."""
    browser = desk.browser()
    answers = [browser.sign_in("minji@example.com", "wrong").status_code for _ in range(5)]
    assert answers == [401] * 5
    assert browser.sign_in("minji@example.com").status_code == 429
    desk.clock.move(minutes=16)
    assert browser.sign_in("minji@example.com").status_code == 303


def test_a_program_gets_a_problem_and_a_browser_a_page(desk: Desk) -> None:
    """Who asks for JSON is answered with problem details, who asks for a page with one in their language."""
    browser = desk.browser("minji")
    machine = browser.get("/review/items/none", headers={"accept": "application/json"})
    assert machine.headers["content-type"] == "application/problem+json"
    page = browser.get("/review/items/none?language=ko")
    assert page.status_code == 404
    assert "그런 페이지가 없습니다" in page.text


@pytest.mark.parametrize("who", ["minji", ""])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/review/nothing-here", 404),
        ("GET", "/review/static/nothing.css", 404),
        ("POST", "/review/trust/tickets/too-far", 404),
        ("DELETE", "/review", 405),
    ],
)
def test_an_unknown_address_is_a_page_to_browsers_alone(
    desk: Desk, who: str, method: str, path: str, status: int
) -> None:
    """A browser gets the page in its language with the right status, a program the problem."""
    browser = desk.browser(who)
    for language, words in (("en", "There is no such page"), ("ko", "그런 페이지가 없습니다")):
        answer = desk.service.run(browser.client.request(method, path, params={"language": language}))
        assert answer.status_code == status
        assert words in answer.text
        assert f'lang="{language}"' in answer.text
    told = desk.service.run(browser.client.request(method, path, headers={"accept": "application/json"}))
    assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json")


def test_an_unknown_address_elsewhere_stays_a_problem(desk: Desk) -> None:
    """What is no page of the review is answered as the API answers, to browsers too."""
    for path in ("/v1/nothing-here", "/reviewer"):
        answer = desk.browser().get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
