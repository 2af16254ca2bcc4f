"""The cards of the gallery that a page shows."""

from playwright.sync_api import Locator, Page


def cards(page: Page) -> Locator:
    return page.locator(".record-card")


def ids(page: Page) -> list[str]:
    found: list[str] = cards(page).evaluate_all("cards => cards.map(card => card.dataset.id)")
    return found
