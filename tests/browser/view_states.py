"""Every view of the console in every state worth looking at, and how to bring a page there."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from service.demo.run import SAMPLES
from tests.browser.picture_input import choose
from tests.browser.view_places import Place
from tests.browser.watching import NO_ANSWER
from tests.service.vehicles import triplet

RECORD = "0161_s027_v2_003"
OTHER = "0161_s027_v6_000"

FEW = '#/browse?filter={"scene":["scene-027","scene-042","scene-025","scene-031"]}'
"""A part of the sample gallery: a page of all takes its time to be looked through."""

STRANGERS = f'#/search?id={RECORD}&filter={{"identity":["vehicle-0162"]}}'
"""A search for a vehicle among the sightings of another one."""


_PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class State:
    """A view in one state.

    Attributes:
        name: of the screenshots.
        place: which service shows it.
        route: where the view is.
        reach: what brings the view into the state, and waits until it is there.
        expected: statuses of refusals that belong to it.
        is_long: whether a picture of the whole page would show hundreds of records.
    """

    name: str
    place: Place
    route: str
    reach: Callable[[Page], object]
    expected: Collection[int] = ()
    is_long: bool = False


def shows(text: str) -> Callable[[Page], None]:
    """Wait until the view says something."""
    return lambda page: expect(page.locator("#main").get_by_text(text).first).to_be_visible()


def shows_cards(page: Page) -> None:
    """Wait until cards and the pictures of the first are there."""
    expect(page.locator(".card").nth(7)).to_be_visible()
    first = page.locator(".card").first
    expect(first.locator("img:not([src])")).to_have_count(0)


def shows_comparison(page: Page) -> None:
    """Wait until the verdict and all six pictures are there."""
    expect(page.locator("#main img[src]")).to_have_count(6)


def chooses_pictures(page: Page) -> None:
    choose(page, {name: SAMPLES / "query" / f"{name}.jpg" for name in ("rgb", "nir", "tir")})
    expect(page.locator(".slot.filled .preview[src]")).to_have_count(3)


def opens_all_options(page: Page) -> None:
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Leave out the query's own camera").check()
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_text("Ranking and threshold").click()
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("Choose at least one picture first.")).to_be_visible()


def waits_for_results(page: Page) -> None:
    chooses_pictures(page)
    # Held until the page goes.
    page.route("**/search", lambda route: None)
    page.get_by_role("button", name="Search", exact=True).click()
    shows("Searching…")(page)


def searches_offline(page: Page) -> None:
    chooses_pictures(page)
    page.context.set_offline(True)
    page.get_by_role("button", name="Search", exact=True).click()
    shows("The service did not answer")(page)


def opens_filter(page: Page) -> None:
    shows_cards(page)
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Cameras", exact=True).fill("camera-2, camera-3")
    page.get_by_role("button", name="Add a condition").click()


def selects(page: Page) -> None:
    shows_cards(page)
    for place in (0, 2):
        page.locator(".card-box").nth(place).check()


def asks_to_delete_selected(page: Page) -> None:
    selects(page)
    page.get_by_role("button", name="Delete…").click()


def asks_to_delete_matching(page: Page) -> None:
    page.get_by_role("button", name="Delete all that match…").click()
    expect(page.get_by_role("dialog").get_by_text("match.")).to_be_visible()


def shows_record(page: Page) -> None:
    expect(page.locator(".large-pictures img[src]")).to_have_count(3)


def refuses_correction(page: Page) -> None:
    shows_record(page)
    page.get_by_role("button", name="Add an attribute").click()
    page.get_by_label("Value", exact=True).last.fill("red")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("the attribute has no name")).to_be_visible()


def asks_to_delete_record(page: Page) -> None:
    shows_record(page)
    page.get_by_role("button", name="Delete…").click()


def looks_ticket_up(page: Page) -> None:
    expect(page.locator(".job")).to_have_count(3)
    answer = page.request.post(
        "/ingest",
        multipart={"rgb": {"name": "a.png", "mimeType": "image/png", "buffer": triplet(7)["rgb"]}},
    )
    page.get_by_label("Ticket id").fill(str(answer.json()["id"]))
    page.get_by_role("button", name="Look up").click()
    expect(page.locator(".ticket-answer")).to_be_visible()


def goes_offline(page: Page) -> None:
    shows("Everything is fine")(page)
    page.context.set_offline(True)
    looks_again(page)
    shows("The service does not answer.")(page)


def looks_again(page: Page) -> None:
    """Let a view look at once, as when its tab is come back to."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def looks_until_visible(page: Page, wanted: Locator) -> None:
    """Let a view look again and again until it shows what is wanted."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not wanted.is_visible():
        assert time.monotonic() < deadline, f"{wanted} is not shown"
        looks_again(page)
        page.wait_for_timeout(50)


def asks_for_key(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_be_visible()


def declines_key(page: Page) -> None:
    page.get_by_role("button", name="Not now").click()
    shows("An API key is needed")(page)


STATES = (
    State("search", "sample", "#/search", shows("Up to three pictures")),
    State("search-results", "sample", f"#/search?id={RECORD}", shows_cards, is_long=True),
    State("search-filled", "sample", "#/search", chooses_pictures),
    State("search-options", "sample", "#/search", opens_all_options),
    State("search-loading", "sample", "#/search", waits_for_results),
    State("search-error", "sample", "#/search", searches_offline, expected=(NO_ANSWER,)),
    State("search-no-match", "sample", STRANGERS, shows("No match"), is_long=True),
    State("search-nothing", "sample", f"{STRANGERS}&rate=0.0001", shows("No match")),
    State("compare", "sample", f"#/compare?a={RECORD}&b={OTHER}", shows_comparison),
    State("enrol", "sample", "#/enrol", shows("Enrol")),
    State("browse", "sample", "#/browse", shows_cards, is_long=True),
    State("browse-filter", "sample", FEW, opens_filter, is_long=True),
    State("browse-selected", "sample", FEW, selects, is_long=True),
    State("browse-delete-selected", "sample", FEW, asks_to_delete_selected, is_long=True),
    State(
        "browse-delete-matching",
        "sample",
        FEW,
        asks_to_delete_matching,
        is_long=True,
    ),
    State(
        "browse-nothing", "sample", '#/browse?filter={"camera":"x"}', shows("No sighting passes")
    ),
    State("browse-empty", "empty", "#/browse", shows("The gallery is empty")),
    State("record", "sample", f"#/record/{RECORD}", shows_record),
    State("record-correction", "sample", f"#/record/{RECORD}", refuses_correction),
    State("record-delete", "sample", f"#/record/{RECORD}", asks_to_delete_record),
    State("record-missing", "sample", "#/record/x", shows("no such record"), expected=(404,)),
    State("activity-idle", "empty", "#/activity", shows("Ingest is off")),
    State("activity-redis-gone", "severed", "#/activity", shows("Redis does not answer")),
    State("activity-busy", "busy", "#/activity", looks_ticket_up),
    State("status-fine", "sample", "#/status", shows("Everything is fine")),
    State("status-attention", "busy", "#/status", shows("your attention")),
    State("status-gone", "sample", "#/status", goes_offline, expected=(NO_ANSWER,)),
    State("key-asked", "locked", "#/search", asks_for_key, expected=(401,)),
    State("key-declined", "locked", "#/search", declines_key, expected=(401,)),
)
