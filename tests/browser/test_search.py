"""A search in the console, from pictures to ranked sightings."""

import re
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import QUERY, SCREENSHOTS, OpenPage
from tests.browser.picture_input import choose, drop, payload, slot
from tests.browser.watching import NO_ANSWER
from tests.service.ingest.waiting import wait_until


def cards(page: Page) -> Locator:
    return page.locator(".results .card")


def search(page: Page) -> None:
    page.get_by_role("button", name="Search", exact=True).click()


def noise() -> bytes:
    """A picture that no camera has seen."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    encoded = BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


def test_three_dropped_pictures_find_the_vehicle(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    drop(page.locator(".slots"), {f"{name}.jpg": QUERY[name].read_bytes() for name in QUERY})
    expect(page.locator(".slot.filled")).to_have_count(3)
    search(page)
    expect(cards(page)).to_have_count(12)
    first = cards(page).first
    expect(first.get_by_role("link", name="vehicle-0161")).to_be_visible()
    expect(first.get_by_text("Match", exact=True)).to_be_visible()
    expect(first.locator("img[src]")).to_have_count(3)
    for modality in ("RGB", "NIR", "TIR"):
        image = first.get_by_alt_text(f"{modality} of match 1, vehicle-0161")
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(first.locator(".probability")).to_contain_text("%")
    expect(first.locator(".score")).to_contain_text("0.")
    expect(first.locator(".contributions li")).to_have_count(3)
    expect(first.locator(".camera")).to_contain_text("camera-3")
    expect(first.locator(".time")).to_contain_text("28 Mar 2026, 22:00:00 UTC")
    expect(page.locator("#announcements")).to_contain_text(
        re.compile(r"^\d+ matches; the other \d+ sightings shown are only the nearest\.")
    )
    page.screenshot(path=SCREENSHOTS / "search-found.png")


def test_pictures_are_freed_once_they_are_shown(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    page.evaluate(
        """() => {
          window.held = new Set();
          const make = URL.createObjectURL, free = URL.revokeObjectURL;
          URL.createObjectURL = (blob) => {
            const address = make.call(URL, blob);
            window.held.add(address);
            return address;
          };
          URL.revokeObjectURL = (address) => {
            window.held.delete(address);
            free.call(URL, address);
          };
        }"""
    )
    choose(page, QUERY)
    search(page)
    expect(cards(page).first.locator("img[src]")).to_have_count(3)
    # The page's policy forbids the code that Playwright's own waiting would make out of a text.
    freed = (
        "() => [...document.querySelectorAll('img[src]')].every((image) => image.complete)"
        " && window.held.size === 0"
    )
    wait_until(lambda: bool(page.evaluate(freed)), "pictures that are freed")


def test_an_unlike_vehicle_is_no_match(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    choose(page, {"tir": payload("noise.png", noise(), "image/png")})
    search(page)
    expect(page.get_by_role("heading", name="No match")).to_be_visible()
    expect(cards(page).first.get_by_text("Below threshold")).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "search-no-match.png")
    page.get_by_text("Ranking and threshold").click()
    page.get_by_label("Show", exact=True).select_option("0.001")
    page.get_by_label("Least probability, %").fill("7")
    search(page)
    expect(page.locator(".state.empty")).to_contain_text("at least 7 % probable")
    expect(page.locator(".state.empty")).to_contain_text("No match")
    expect(cards(page)).to_have_count(0)


def test_filters_leave_out_what_they_say(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    choose(page, {"rgb": QUERY["rgb"]})
    page.get_by_text("Filters").click()
    page.get_by_label("Cameras", exact=True).fill("camera-2, camera-4")
    page.get_by_label("Seen from").fill("2026-04-01T00:00:00")
    page.get_by_label("Leave out the query's own camera").check()
    page.get_by_label("The pictures' camera").fill("camera-4")
    expect(page.get_by_text("3 on")).to_be_visible()
    search(page)
    expect(cards(page)).to_have_count(12)
    assert {text.strip() for text in page.locator(".camera dd").all_text_contents()} == {"camera-2"}
    times = [str(each.get_attribute("datetime")) for each in page.locator(".card time").all()]
    assert min(times) >= "2026-04-01"


def test_the_query_s_own_camera_is_asked_for_and_kept(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service)
    choose(page, {"rgb": QUERY["rgb"]})
    page.get_by_text("Filters").click()
    page.get_by_label("Leave out the query's own camera").check()
    search(page)
    camera = page.get_by_label("The pictures' camera")
    expect(page.get_by_text("say where the pictures are from")).to_be_visible()
    expect(camera).to_be_focused()
    camera.fill("camera-4")
    search(page)
    expect(cards(page)).to_have_count(12)
    cards(page).first.get_by_role("link", name="Search from this one").click()
    expect(page.locator(".query-record")).to_be_visible()
    for come_back in (page.go_back, page.reload):
        come_back()
        page.get_by_text("Filters").click()
        expect(camera).to_have_value("camera-4")


def test_one_result_for_each_vehicle(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    choose(page, QUERY)
    page.get_by_label("One result for each vehicle").check()
    search(page)
    expect(cards(page)).to_have_count(12)
    names = page.locator(".card h3").all_text_contents()
    assert len(set(names)) == 12
    expect(cards(page).first.locator(".others li").first).to_be_visible()


def test_re_ranked_results_say_where_they_were(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    choose(page, QUERY)
    page.get_by_text("Ranking and threshold").click()
    page.get_by_label("Re-ranking").select_option("k-reciprocal")
    search(page)
    first = cards(page).first
    first.get_by_text("Details").click()
    expect(first.get_by_text("Before re-ranking")).to_be_visible()
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_more_results_go_on_where_the_first_ended(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    choose(page, QUERY)
    page.get_by_role("spinbutton", name="Results").fill("4")
    search(page)
    page.get_by_role("button", name="Show more").click()
    expect(cards(page)).to_have_count(8)
    expect(cards(page).nth(4).locator("h3 a")).to_be_focused()
    expect(page.get_by_text("8 sightings shown", exact=True)).to_be_visible()
    title = page.locator(".results-title").text_content() or ""
    assert sum(map(int, re.findall(r"\d+", title))) == 8
    assert page.locator(".rank").all_text_contents() == [str(rank) for rank in range(1, 9)]


def test_a_search_from_a_result_and_back_again(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    choose(page, {"nir": QUERY["nir"]})
    search(page)
    expect(cards(page)).to_have_count(12)
    found = cards(page).first.get_attribute("data-id")
    cards(page).first.get_by_role("link", name="Search from this one").click()
    expect(page.locator(".query-record")).to_contain_text(str(found))
    expect(cards(page)).to_have_count(12)
    assert found not in [each.get_attribute("data-id") for each in cards(page).all()]

    page.reload()
    expect(page.locator(".query-record")).to_contain_text(str(found))
    expect(cards(page)).to_have_count(12)


def test_going_back_shows_what_was_found_for_the_same_pictures(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service)
    choose(page, {"nir": QUERY["nir"]})
    search(page)
    expect(cards(page)).to_have_count(12)
    found = [each.get_attribute("data-id") for each in cards(page).all()]
    cards(page).first.get_by_role("link", name="Search from this one").click()
    expect(page.locator(".query-record")).to_be_visible()
    page.go_back()
    expect(slot(page, "nir")).to_have_attribute("data-file", "nir.jpg")
    expect(cards(page)).to_have_count(12)
    assert [each.get_attribute("data-id") for each in cards(page).all()] == found


def test_a_reload_keeps_the_options_and_says_that_the_pictures_are_gone(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service)
    choose(page, {"nir": QUERY["nir"]})
    page.get_by_text("Filters").click()
    page.get_by_label("Cameras", exact=True).fill("camera-2, camera-4")
    page.get_by_label("Seen from").fill("2026-04-01T00:00:00")
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("Name of the attribute").fill("colour")
    page.get_by_label("Condition", exact=True).select_option("exists")
    page.get_by_text("Ranking and threshold").click()
    page.get_by_label("Compare by").select_option("center")
    search(page)
    expect(page.locator(".state-title")).to_have_text("Nothing to compare with")
    page.reload()
    expect(page.get_by_text("The pictures of this search are gone")).to_be_visible()
    expect(page.get_by_text("3 on")).to_be_visible()
    page.get_by_text("Filters").click()
    expect(page.get_by_label("Cameras", exact=True)).to_have_value("camera-2, camera-4")
    expect(page.get_by_label("Seen from")).to_have_value("2026-04-01T00:00")
    expect(page.get_by_label("Name of the attribute")).to_have_value("colour")
    expect(page.get_by_label("Compare by")).to_have_value("center")


def test_a_search_for_nothing_says_what_is_missing(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service)
    search(page)
    expect(page.get_by_text("Choose at least one picture first.")).to_be_visible()
    expect(page.get_by_label("RGB picture", exact=True)).to_be_focused()


def test_an_empty_gallery_has_nothing_to_compare_with(
    open_page: OpenPage, own_service: str
) -> None:
    page = open_page(own_service)
    choose(page, QUERY)
    search(page)
    expect(page.locator(".state-title")).to_have_text("Nothing to compare with")


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"not a picture", 422, "A picture cannot be read"),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", 415, "This kind of file is not read"),
        (noise(), 413, "A picture is too large"),
    ],
)
def test_a_picture_that_is_refused_is_explained(
    open_page: OpenPage,
    serve: Callable[..., str],
    content: bytes,
    status: int,
    words: str,
) -> None:
    page = open_page(serve(limits={"image_bytes": 1024}), expected=[status])
    choose(page, {"nir": payload("picture.jpg", content)})
    search(page)
    problem = page.get_by_role("alert").filter(has_text=words)
    expect(problem).to_be_visible()
    expect(problem.get_by_role("button", name="Try again")).to_have_count(0)
    expect(problem).to_contain_text("NIR picture")


def test_a_service_that_is_gone_is_said_to_be(open_page: OpenPage, own_service: str) -> None:
    page = open_page(own_service, expected=[NO_ANSWER])
    choose(page, QUERY)
    page.context.set_offline(True)
    search(page)
    expect(page.locator(".state-title")).to_have_text("The service did not answer")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".state-title")).to_have_text("Nothing to compare with")


def test_every_control_is_reached_by_the_tab_key_and_left_again(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service)
    expect(page.locator(".slot")).to_have_count(3)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "document.activeElement.ariaLabel ?? document.activeElement.textContent.trim()"
        )
        if page.evaluate("document.activeElement === document.body"):
            break
        reached.append(name)
    assert reached[0] == "Skip to the content"
    assert reached.index("RGB picture") < reached.index("TIR picture") < reached.index("Search", 4)
    assert reached[-1] == "New search"


def test_the_skip_link_leads_to_the_content(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service)
    expect(page.locator(".slot")).to_have_count(3)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("RGB picture", exact=True)).to_be_focused()
