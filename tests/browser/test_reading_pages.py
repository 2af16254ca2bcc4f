"""The gallery in the console where it takes several calls to read what is shown."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.held_call import hold
from tests.browser.record_cards import cards, ids
from tests.browser.records import enrol_four
from tests.browser.watching import NO_ANSWER


@pytest.mark.parametrize("left", ["for another view", "for another filter"])
def test_what_nobody_waits_for_is_read_no_further(
    open_page: OpenPage, serve: Callable[..., str], left: str
) -> None:
    address = serve(limits={"page": 1})
    enrol_four(address)
    page = open_page(address, "#/status")
    held = hold(page, number=2)
    page.get_by_role("link", name="Browse").click()
    expect(cards(page)).to_have_count(1)
    held.wait()
    if left == "for another view":
        page.get_by_role("link", name="Status").click()
        expect(page.get_by_role("heading", name="Status")).to_be_visible()
    else:
        page.get_by_text("Filter", exact=True).click()
        page.get_by_label("Cameras", exact=True).fill("north")
        page.get_by_role("button", name="Apply").click()
        expect(cards(page)).to_have_count(2)
    held.release()
    # Whatever follows the answer was asked for before this comes.
    page.evaluate("fetch('/info').then(response => response.json())")
    assert len([each for each in held.asked if "filter" not in each]) == 2


def test_a_page_that_fails_leaves_those_before_it(
    open_page: OpenPage, serve: Callable[..., str]
) -> None:
    address = serve(limits={"page": 1})
    enrol_four(address)
    page = open_page(address, "#/status", expected=[NO_ANSWER])
    failing = hold(page, number=3)
    page.get_by_role("link", name="Browse").click()
    failing.abort()
    expect(page.get_by_role("alert")).to_be_visible()
    assert ids(page) == ["a", "b"]
    page.get_by_role("button", name="Try again").click()
    expect(cards(page)).to_have_count(4)
    assert ids(page) == ["a", "b", "c", "d"]
    expect(page.locator("[data-id=c] h3 a")).to_be_focused()
