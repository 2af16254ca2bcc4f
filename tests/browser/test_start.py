"""The console's start: every view is there, whatever becomes of the service later."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.watching import NO_ANSWER


def go_to_status(page: Page) -> None:
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Status").click()


def test_a_view_that_was_not_shown_before_says_that_the_service_is_gone(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, expected=[NO_ANSWER])
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    go_to_status(page)
    expect(page.locator(".verdict-sentence")).to_have_text("The service does not answer.")


def test_a_view_that_does_not_come_is_asked_for_again(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, expected=[NO_ANSWER])
    page.route("**/status/view.js", lambda route: route.abort())
    page.reload()
    go_to_status(page)
    expect(page.locator(".state-title")).to_have_text("The service did not answer")
    page.unroute("**/status/view.js")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".verdict-sentence")).to_contain_text("Everything is fine.")
