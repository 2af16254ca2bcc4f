"""The three slots: dropped, pasted and moved pictures."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import QUERY, OpenPage
from tests.browser.picture_input import choose, drop, paste, slot


@pytest.fixture
def page(open_page: OpenPage, sample_service: str) -> Page:
    page = open_page(sample_service)
    expect(page.locator(".slot")).to_have_count(3)
    return page


def held(page: Page) -> dict[str, str | None]:
    """Names of the files in the slots."""
    return {
        name: slot(page, name).get_attribute("data-file") or None for name in ("rgb", "nir", "tir")
    }


def test_three_dropped_pictures_are_sorted_by_their_names(page: Page) -> None:
    drop(
        page.locator(".slots"),
        {f"car_17-{name}.jpg": QUERY[name].read_bytes() for name in ("tir", "rgb", "nir")},
    )
    expect(page.locator(".slot.filled")).to_have_count(3)
    assert held(page) == {name: f"car_17-{name}.jpg" for name in ("rgb", "nir", "tir")}


def test_pictures_whose_names_say_nothing_are_sorted_by_how_they_look(page: Page) -> None:
    drop(page.locator(".slots"), {"2.jpg": QUERY["nir"].read_bytes()})
    expect(slot(page, "nir")).to_have_attribute("data-file", "2.jpg")
    expect(page.locator(".slots-note")).to_contain_text("NIR chosen by how the picture looks")


def test_a_picture_that_misses_the_slots_is_taken_and_the_page_stays(page: Page) -> None:
    drop(page.locator("h1"), {"thermal.jpg": QUERY["tir"].read_bytes()})
    expect(slot(page, "tir")).to_have_attribute("data-file", "thermal.jpg")


def test_a_pasted_picture_goes_into_the_slot_with_the_focus(page: Page) -> None:
    page.get_by_label("TIR picture", exact=True).focus()
    paste(page, QUERY["tir"].read_bytes())
    expect(slot(page, "tir").locator("img")).to_be_visible()
    expect(page.locator(".slot.filled")).to_have_count(1)


def test_a_pasted_picture_without_a_focused_slot_goes_where_it_seems_to_belong(page: Page) -> None:
    paste(page, QUERY["nir"].read_bytes())
    expect(slot(page, "nir")).to_have_class("slot filled")


def test_pictures_in_the_wrong_slots_change_places_by_keyboard(page: Page) -> None:
    choose(page, {"rgb": QUERY["nir"], "nir": QUERY["rgb"]})
    page.get_by_role("button", name="To NIR: move the RGB picture there").press("Enter")
    expect(page.get_by_label("NIR picture", exact=True)).to_be_focused()
    assert held(page) == {"rgb": "rgb.jpg", "nir": "nir.jpg", "tir": None}
    expect(page.locator("#announcements")).to_have_text("RGB and NIR changed places.")


def test_a_picture_is_removed(page: Page) -> None:
    choose(page, {"rgb": QUERY["rgb"]})
    page.get_by_role("button", name="Remove the RGB picture").click()
    expect(page.locator(".slot.filled")).to_have_count(0)
    expect(page.get_by_label("RGB picture", exact=True)).to_be_focused()


def test_what_is_no_picture_is_refused_by_name(page: Page) -> None:
    page.get_by_label("RGB picture", exact=True).set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    )
    expect(page.locator(".slots-note")).to_contain_text("notes.txt: no picture")
    expect(page.locator(".slot.filled")).to_have_count(0)
