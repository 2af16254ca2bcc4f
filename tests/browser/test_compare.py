"""Two sightings next to each other."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import QUERY, SCREENSHOTS, OpenPage
from tests.browser.picture_input import choose

SAME = "The same vehicle"
BELOW = "Not enough to call it the same vehicle"


def verdict(page: Page) -> Locator:
    return page.locator(".comparison h2")


def pick(page: Page, rank: int) -> Locator:
    return page.get_by_role("button", name=f"Pick to compare: match {rank}, vehicle-0161")


def test_what_is_picked_is_said_and_leads_on_by_the_keyboard(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service)
    choose(page, QUERY)
    page.get_by_role("button", name="Search", exact=True).click()
    said, bar = page.locator("#announcements"), page.get_by_role("region", name="Picked to compare")
    expect(pick(page, 1)).to_have_text("Pick to compare")
    pick(page, 1).press("Enter")
    told = "To compare: 1. vehicle-0161. Pick another sighting, or compare it with the query."
    expect(said).to_have_text(told)
    expect(bar).to_contain_text(told)
    expect(pick(page, 1)).to_be_focused()
    pick(page, 2).press("Enter")
    expect(said).to_have_text("To compare: 1. vehicle-0161 and 2. vehicle-0161. Both are picked.")
    expect(bar.get_by_role("link", name="Compare the two")).to_be_focused()
    bar.get_by_role("button", name="Clear").press("Enter")
    expect(bar).to_be_hidden()
    expect(said).to_have_text("Nothing is picked to compare.")
    expect(pick(page, 1)).to_be_focused()


def test_two_results_that_were_picked_stand_side_by_side(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service)
    choose(page, QUERY)
    page.get_by_role("button", name="Search", exact=True).click()
    pick(page, 1).click()
    expect(page.get_by_role("link", name="Compare with the query")).to_be_visible()
    pick(page, 2).click()
    page.get_by_role("link", name="Compare the two").click()
    expect(verdict(page)).to_contain_text(SAME)
    expect(page.locator(".comparison-facts")).to_contain_text("Threshold")
    expect(page.locator(".compare-pictures img[src]")).to_have_count(6)
    expect(page.locator(".compare-head").nth(1)).to_contain_text("B: vehicle-0161")
    page.screenshot(path=SCREENSHOTS / "compare.png", full_page=True)

    page.reload()
    expect(verdict(page)).to_contain_text(SAME)
    page.go_back()
    expect(page.locator(".state-title")).to_have_text("The pictures of this search are gone")


def test_a_result_is_compared_with_the_pictures_that_were_searched_for(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service)
    choose(page, QUERY)
    page.get_by_role("button", name="Search", exact=True).click()
    pick(page, 1).click()
    page.get_by_role("link", name="Compare with the query").click()
    expect(verdict(page)).to_have_text(SAME)
    expect(page.get_by_alt_text("TIR of vehicle A")).to_be_visible()
    page.go_back()
    expect(page.locator(".results .card")).to_have_count(12)
    expect(page.get_by_role("link", name="Compare with the query")).to_be_visible()


def test_pictures_are_compared_with_a_record_by_its_id(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/compare")
    choose(page, {"rgb": QUERY["rgb"]}, of=" of vehicle A")
    page.get_by_label("or a record of the gallery, by its id").nth(1).fill("0162_s025_v7_003")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(verdict(page)).to_have_text(BELOW)
    expect(page.locator(".compare-pictures .absent")).to_have_text(["no NIR", "no TIR"])
    page.reload()
    expect(page.locator(".state-title")).to_have_text("The pictures of this comparison are gone")
    expect(page.locator(".compare-result")).to_contain_text("Choose those of vehicle A again.")


def test_a_side_that_is_missing_is_asked_for(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service, "#/compare")
    choose(page, QUERY, of=" of vehicle A")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_text("Choose pictures or a record for vehicle B.")).to_be_visible()
    expect(page.get_by_label("RGB picture of vehicle B", exact=True)).to_be_focused()


def test_a_record_that_is_not_there_is_said_to_be_missing(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/compare?a=nobody&b=nobody", expected=[404])
    expect(page.locator(".state-title")).to_have_text("There is no such record")
