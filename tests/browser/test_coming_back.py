"""Where the gallery stands when somebody comes back to it, and when somebody does not."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.held_call import hold
from tests.browser.record_cards import cards, ids
from tests.browser.records import enrol_four


@pytest.mark.parametrize("back", ["the browser's button", "the link above the record"])
def test_coming_back_from_a_record_leads_to_where_it_was_opened(
    open_page: OpenPage, sample_service: str, back: str
) -> None:
    page = open_page(sample_service, '#/browse?filter={"not":{"camera":"nowhere"}}')
    for loaded in (48, 96):
        expect(cards(page)).to_have_count(loaded)
        page.get_by_role("button", name="Load more").click()
    expect(cards(page)).to_have_count(144)
    opened = cards(page).nth(120)
    opened.scroll_into_view_if_needed()
    top = opened.evaluate("card => card.getBoundingClientRect().top")
    record_id = opened.get_attribute("data-id")
    opened.locator("h3 a").click()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    # Also where the record's page was loaded anew.
    page.reload()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    if back == "the browser's button":
        page.go_back()
    else:
        page.get_by_role("link", name="Browse the gallery").click()
    expect(cards(page)).to_have_count(144)
    found = page.locator(f".record-card[data-id='{record_id}']")
    expect(found.locator("h3 a")).to_be_focused()
    page.wait_for_function(
        "([id, top]) => Math.abs(document.querySelector(`[data-id='${id}']`)"
        ".getBoundingClientRect().top - top) < 2",
        arg=[record_id, top],
    )
    expect(page.locator(".conditions li")).to_have_count(1)
    page.get_by_role("button", name="Load more").click()
    expect(cards(page)).to_have_count(192)
    assert len(set(ids(page))) == 192


def test_a_deletion_from_a_record_leads_back_to_where_it_was_opened(
    open_page: OpenPage, own_service: str
) -> None:
    enrol_four(own_service)
    page = open_page(own_service, "#/browse", width=500, height=300)
    opened = page.locator("[data-id=b] h3 a")
    opened.scroll_into_view_if_needed()
    scroll = page.evaluate("window.scrollY")
    assert scroll > 0
    opened.click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete 1 sighting").click()
    expect(cards(page)).to_have_count(3)
    assert ids(page) == ["a", "c", "d"]
    page.wait_for_function("scroll => window.scrollY === scroll", arg=scroll)


def open_below(page: Page) -> None:
    """Load a second page of the gallery, and open a record of it."""
    page.get_by_role("button", name="Load more").click()
    expect(cards(page)).to_have_count(96)
    cards(page).nth(60).locator("h3 a").click()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()


def expect_place(page: Page) -> None:
    """Wait until the gallery stands where `open_below` left it."""
    expect(cards(page)).to_have_count(96)
    expect(cards(page).nth(60).locator("h3 a")).to_be_focused()
    assert page.evaluate("window.scrollY") > 0


def expect_beginning(page: Page) -> None:
    """Wait until the gallery is shown from its beginning."""
    expect(page.get_by_text("48 of 240 sightings shown")).to_be_visible()
    expect(cards(page)).to_have_count(48)
    assert page.evaluate("window.scrollY") == 0
    expect(page.locator(".record-card :focus")).to_have_count(0)


def test_the_navigation_leads_to_the_gallerys_beginning(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/browse")
    open_below(page)
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Browse").click()
    expect_beginning(page)
    page.go_back()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    page.go_back()
    expect_place(page)


def test_a_gallery_that_is_loaded_anew_stands_at_no_place_of_before(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/browse")
    open_below(page)
    page.go_back()
    expect_place(page)
    page.reload()
    expect_beginning(page)


def test_a_link_to_where_one_is_already_loses_no_place(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/browse")
    expect(cards(page)).to_have_count(48)
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Browse").click()
    open_below(page)
    page.go_back()
    expect_place(page)


def test_a_gallery_that_comes_late_leaves_what_was_begun_meanwhile(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/browse")
    open_below(page)
    held = hold(page, number=1)
    page.go_back()
    page.get_by_text("Filter", exact=True).click()
    cameras = page.get_by_label("Cameras", exact=True)
    cameras.fill("north")
    held.release()
    expect(cards(page)).to_have_count(96)
    expect(cameras).to_be_focused()
    assert page.evaluate("window.scrollY") == 0


def test_a_place_that_was_left_before_it_was_reached_is_kept(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/browse")
    open_below(page)
    held = hold(page, number=1)
    page.go_back()
    expect(page.get_by_role("heading", name="Browse")).to_be_focused()
    page.go_forward()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    held.release()
    page.go_back()
    expect_place(page)
