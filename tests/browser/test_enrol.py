"""A sighting enrolled in the console."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SCREENSHOTS, OpenPage
from tests.browser.picture_input import choose, payload
from tests.browser.records import enrol, read, stored
from tests.service.vehicles import triplet


def choose_triplet(page: Page, number: int) -> None:
    choose(page, {name: payload(f"{name}.png", data) for name, data in triplet(number).items()})


def submit(page: Page) -> None:
    page.get_by_role("button", name="Enrol", exact=True).click()


def test_what_was_told_is_on_the_record(open_page: OpenPage, own_service: str) -> None:
    page = open_page(own_service, "#/enrol")
    choose_triplet(page, 1)
    page.get_by_label("Identity").fill("truck-17")
    page.get_by_label("Camera").fill("north")
    page.get_by_label("Scene").fill("rain")
    page.get_by_label("Seen at").fill("2026-03-01T12:00:00")
    page.get_by_role("button", name="Add an attribute").click()
    page.get_by_label("Name of the attribute").fill("speed")
    page.get_by_label("Kind of value").select_option("number")
    page.get_by_label("Value", exact=True).fill("62.5")
    page.get_by_label("Record id").fill("first")
    submit(page)
    card = page.locator(".enrolled .card")
    expect(card).to_contain_text("truck-17")
    expect(card.locator("img[src]")).to_have_count(3)
    page.screenshot(path=SCREENSHOTS / "enrolled.png")
    record = read(own_service, "first")
    assert record["mask"] == {"rgb": True, "nir": True, "tir": True}
    told = {name: record[name] for name in ("identity", "camera", "scene", "captured_at")}
    assert told == {
        "identity": "truck-17",
        "camera": "north",
        "scene": "rain",
        "captured_at": "2026-03-01T12:00:00Z",
    }
    assert record["attributes"] == {"speed": 62.5}


def test_the_next_sighting_is_of_the_same_camera_and_of_another_vehicle(
    open_page: OpenPage, own_service: str
) -> None:
    page = open_page(own_service, "#/enrol")
    choose_triplet(page, 1)
    page.get_by_label("Identity").fill("truck-17")
    page.get_by_label("Camera").fill("north")
    submit(page)
    expect(page.locator(".enrolled .card")).to_have_count(1)
    expect(page.get_by_label("Camera")).to_have_value("north")
    expect(page.get_by_label("Identity")).to_have_value("")
    expect(page.locator(".slot.filled")).to_have_count(0)
    choose_triplet(page, 2)
    submit(page)
    expect(page.locator(".enrolled .card")).to_have_count(2)
    assert len(stored(own_service)) == 2


def test_an_enrolled_vehicle_is_found_at_once(open_page: OpenPage, own_service: str) -> None:
    enrol(own_service, "other", identity="car-3")
    page = open_page(own_service, "#/enrol")
    choose_triplet(page, 1)
    submit(page)
    page.get_by_role("link", name="Search from this one").click()
    expect(page.locator(".results .card h3")).to_have_text(["car-3"])


@pytest.mark.parametrize(
    ("id", "words"), [("taken", "The record id is taken"), ("a/b", "The record cannot be stored")]
)
def test_a_refusal_is_explained_and_loses_nothing(
    open_page: OpenPage, own_service: str, id: str, words: str
) -> None:
    enrol(own_service, "taken")
    page = open_page(own_service, "#/enrol", expected=[409, 422])
    choose_triplet(page, 1)
    page.get_by_label("Record id").fill(id)
    page.get_by_label("Camera").fill("north")
    submit(page)
    expect(page.locator(".state-title").first).to_have_text(words)
    expect(page.get_by_label("Camera")).to_have_value("north")
    expect(page.locator(".slot.filled")).to_have_count(3)
    assert stored(own_service) == ["taken"]


def test_pictures_are_asked_for_first(open_page: OpenPage, own_service: str) -> None:
    page = open_page(own_service, "#/enrol")
    submit(page)
    expect(page.get_by_text("Choose at least one picture first.")).to_be_visible()


def test_what_was_stored_though_its_answer_was_lost_is_stored_once(
    open_page: OpenPage, own_service: str
) -> None:
    page = open_page(own_service, "#/enrol", expected=[409])
    page.evaluate(
        """() => {
          const real = window.fetch;
          window.fetch = async (path, options) => {
            const answer = await real(path, options);
            if (options.method !== "POST") return answer;
            window.fetch = real;
            throw new TypeError("network error");
          };
        }"""
    )
    choose_triplet(page, 1)
    page.get_by_label("Identity").fill("truck-17")
    submit(page)
    expect(page.locator(".state-title").first).to_have_text("The service did not answer")
    [record_id] = stored(own_service)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".enrolled .card")).to_contain_text("truck-17")
    expect(page.locator(".enrolled .card")).to_contain_text(record_id)
    assert stored(own_service) == [record_id]
    choose_triplet(page, 1)
    submit(page)
    expect(page.locator(".enrolled .card")).to_have_count(2)
    assert len(stored(own_service)) == 2
