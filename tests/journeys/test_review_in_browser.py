"""A lead's morning in a real browser, by keyboard alone, and every page as a screen reader's rules see it.

Where TRIAGE_SCREENSHOTS names a folder, each page is drawn into it, in both languages and both themes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from serving.storage.identifiers import time_ordered_id
from serving.storage.reviewing import Answer, ItemState, Review, ReviewAction, ReviewItem
from tests.review_desk import MODEL, PASSWORD, item_id, make_audit, make_item, targets
from tests.review_server import ReviewServer, review_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MINJI, SORA = item_id(9000), item_id(9001)
BURST, TICKETS, AUDIT, ODD = range(1, 7), range(10, 30), 30, 31
CORRECTED = (12, 17, 24)
SENTENCES = (
    ("en", "The VPN drops every few minutes since this morning, also over the phone's hotspot."),
    ("ko", "재택 근무 중인데 VPN이 5분마다 끊깁니다. 휴대폰 핫스팟으로 해도 똑같아요."),
    ("en", "My new laptop does not see the wireless network in the second building."),
    ("ko", "회의실 무선랜에 연결하면 인증서 오류가 나옵니다."),
)
THEMES = ("light", "dark")
# What each page is called in a screenshot's name, and its address.
PAGES = {
    "queue": "/review",
    "filters": "/review?minutes=40&kind=others",
    "nothing": "/review?q=projector",
    "burst": "/review/bursts/vpn",
    "ticket": f"/review/items/{item_id(10)}",
    "audit": f"/review/items/{item_id(AUDIT)}",
    "done": f"/review/items/{item_id(900)}",
    "trust": "/review/trust",
    "trust-tickets": "/review/trust/tickets?kind=audits&connection=helpdesk&target=category",
    "policy": "/review/policy",
    "policy-target": "/review/policy/helpdesk/category",
    "glossary": "/review/policy/helpdesk/glossary",
    "rules": "/review/rules?connection=helpdesk&rule=",
    "missing": "/review/nothing-here",
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium: the system's own, or else the one that Playwright brings."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: it is in the extra dev"
    )
    with playwright.sync_playwright() as started:
        path = shutil.which("chromium") or started.chromium.executable_path
        if not Path(path).exists():
            pytest.skip(
                "no Chromium is here: install the system package chromium, or run `playwright install chromium`"
            )
        # Without its sandbox, which a container's root user does not have; the pages are our own.
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def server(tmp_path: Path, sample_bundle: Path) -> Iterator[ReviewServer]:
    """A server with a model, a burst, twenty tickets and an audit, and a promise that has been audited once."""
    with review_server(tmp_path, bundle=sample_bundle) as running:
        answered = make_audit(900, targets=targets("printing", 0.97, group="print-ops"))
        audit = make_audit(AUDIT, targets=targets("network", 0.97), preview=SENTENCES[0][1])
        running.add(*morning(), audit, answered)
        running.promise(audit, answered)
        given = {"category": Answer("printing", "printing", was_shown=False)}
        assert running.storage.reviews.record(audit_answer(answered, given, running))
        yield running


def morning() -> list[ReviewItem]:
    """Return the tickets that wait: the burst is due first, then one after the other."""
    alike = [make_item(number, cluster="vpn", preview=f"VPN gateway times out, room {number}") for number in BURST]
    odd = make_item(ODD, cluster="vpn", preview="VPN and printer", targets=targets("printing", group="print-ops"))
    singles = []
    for number in TICKETS:
        language, preview = SENTENCES[number % len(SENTENCES)]
        singles.append(make_item(number, language=language, preview=preview))
    return [*alike, odd, *singles]


def audit_answer(item: ReviewItem, answers: dict[str, Answer], server: ReviewServer) -> Review:
    at = server.clock()
    return Review(
        id=time_ordered_id(at),
        item_id=item.id,
        connection=item.connection,
        ticket_id=item.ticket_id,
        by=SORA,
        at=at,
        action=ReviewAction.AUDIT,
        answers=answers,
        model=MODEL,
        is_audit=True,
    )


def opened(browser: Browser, server: ReviewServer, **options: Any) -> Page:
    """Open a window of which every failure in the page's own script is an error of the test."""
    page = browser.new_context(base_url=server.url, locale="en-GB", **options).new_page()
    page.set_default_timeout(60_000)
    return page


def sign_in(page: Page, who: str = "minji") -> None:
    """Sign in by keyboard: the address has the focus, Tab leads to the password, Enter sends."""
    page.goto("/review")
    # A browser gives the focus after it has loaded the page: what is typed before would be lost.
    page.wait_for_function("document.activeElement.id === 'email'")
    page.keyboard.type(f"{who}@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    page.wait_for_url("**/review")


def press(page: Page, key: str) -> None:
    """Press a key that leads to another page, and wait for it."""
    with page.expect_navigation():
        page.keyboard.press(key)


def given_by_minji(server: ReviewServer, *, with_undone: bool = False) -> list[Review]:
    return [one for one in server.storage.reviews.list(with_undone=with_undone) if one.by == MINJI]


def item_shown(page: Page) -> str:
    return page.url.partition("?")[0].rpartition("/")[2]


def test_a_lead_s_morning_by_keyboard(chromium: Browser, server: ReviewServer) -> None:
    """A burst in one action, twenty tickets of which three are corrected and one undone, an audit, and the figures."""
    failures: list[str] = []
    page = opened(chromium, server)
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda said: failures.append(said.text) if said.type == "error" else None)
    sign_in(page)
    page.goto("/review/trust")
    before = page.locator("#error-category").inner_text()
    page.goto("/review")

    # The burst comes first; the one that stands out is not among those handled together.
    page.keyboard.press("j")
    press(page, "Enter")
    assert page.locator("#members li").count() == len(BURST)
    press(page, "a")
    done = given_by_minji(server)
    assert {review.item_id for review in done} == {item_id(number) for number in BURST}
    assert len({review.batch_id for review in done}) == 1

    # Twenty tickets: a accepts, a number chooses another label, u takes the last one back.
    page.keyboard.press("j")
    press(page, "Enter")
    for number in TICKETS:
        assert item_shown(page) == item_id(number)
        if number in CORRECTED:
            page.keyboard.press("2")
        press(page, "a")
        if number == 20:
            press(page, "u")
            assert item_shown(page) == item_id(number)
            press(page, "a")
    given = {one.item_id: one for one in given_by_minji(server)}
    for number in TICKETS:
        kept = given[item_id(number)]
        wanted = ReviewAction.CORRECT if number in CORRECTED else ReviewAction.ACCEPT
        assert (kept.action, kept.answers["category"].given) == (
            wanted,
            "account" if number in CORRECTED else "network",
        )
    undone = [one for one in given_by_minji(server, with_undone=True) if one.undone_at]
    assert [one.item_id for one in undone] == [item_id(20)]

    # The audit: nothing of the suggestion is in the page before it is answered.
    assert item_shown(page) == item_id(AUDIT)
    assert page.locator("input[type=radio]:checked").count() == 0
    assert "97" not in page.locator("#ticket-form").inner_text()
    assert page.locator(".share").count() == 0
    second = page.locator("#answer-category-2").get_attribute("value")
    page.keyboard.press("2")
    page.keyboard.press("1")
    press(page, "a")
    assert page.locator("#compare").is_visible()
    found = server.storage.queue.find(item_id(AUDIT))
    assert found is not None
    assert found.state is ItemState.DONE
    (audit,) = server.storage.reviews.list(item_id=item_id(AUDIT))
    assert (audit.answers["category"].given, audit.answers["category"].was_shown) == (second, False)

    # The figures have moved.
    page.locator("#nav-trust").focus()
    press(page, "Enter")
    assert page.locator("#error-category").inner_text() != before
    assert server.storage.queue.count_open() == 1, "the one that stood out in the burst waits yet"
    assert failures == []
    page.context.close()


@pytest.mark.parametrize("theme", THEMES)
def test_no_page_has_a_serious_fault_for_assistive_technology(
    chromium: Browser, server: ReviewServer, theme: str
) -> None:
    """axe finds nothing serious or critical on any page, in Korean and in English, in either theme."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed: it is in the extra dev"
    )
    page = opened(chromium, server, color_scheme=theme)
    found = []
    for language in ("ko", "en"):
        page.goto(f"/review/sign-in?language={language}")
        draw(page, f"sign-in-{theme}-{language}")
        found += faults(axe, page, f"sign-in in {language}")
    sign_in(page)
    for name, path in PAGES.items():
        for language in ("ko", "en"):
            page.goto(f"{path}{'&' if '?' in path else '?'}language={language}")
            if name == "rules" or name == "filters":
                page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
            draw(page, f"{name}-{theme}-{language}")
            found += faults(axe, page, f"{name} in {language}")
    assert found == []
    page.context.close()


@pytest.mark.parametrize("name", ["queue", "burst", "ticket", "audit", "trust", "policy", "rules"])
def test_a_page_fits_a_narrow_screen(chromium: Browser, server: ReviewServer, name: str) -> None:
    """At 320 pixels, which is what 200 % of a small window leaves, nothing runs out of the page to the side."""
    page = opened(chromium, server, viewport={"width": 320, "height": 640})
    sign_in(page)
    page.goto(PAGES[name])
    draw(page, f"{name}-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.context.close()


def faults(axe: Any, page: Page, name: str) -> list[str]:
    """Return the serious and critical faults of a page, each with where it is."""
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{name}: {one['id']} ({one['impact']}): {node['html'][:160]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def draw(page: Page, name: str) -> None:
    """Draw a page where somebody wants to look at it."""
    folder = os.environ.get("TRIAGE_SCREENSHOTS", "")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
