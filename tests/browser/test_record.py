"""One record in the console: shown whole, corrected, deleted."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Locator, Page, expect

from service.keys.key import Role
from tests.browser.conftest import OpenPage
from tests.browser.records import enrol, new_key, read, stored

ID = "north:17@gate"


@pytest.fixture
def one_record(own_service: str) -> str:
    """Address of a service with one record."""
    enrol(
        own_service,
        ID,
        identity="truck-17",
        camera="north",
        captured_at="2026-03-01T12:00:00.123456Z",
        attributes={"colour": "red", "speed": 62, "towing": True},
    )
    return own_service


def facts(page: Page) -> Locator:
    return page.locator(".record .facts")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()


def test_all_that_is_known_is_shown(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service, "#/record/0161_s027_v2_003")
    expect(page.get_by_role("heading", level=1)).to_contain_text("vehicle-0161")
    expect(page.locator(".large-pictures img[src]")).to_have_count(3)
    for known in (
        *("vehicle-0161", "camera-3", "scene-027", "28 Mar 2026, 22:03:00 UTC", "RGB, NIR, TIR"),
        *("images/0161_s027_v2_003_tir.jpg", "0161_s027_v2_003"),
    ):
        expect(facts(page)).to_contain_text(known)
    assert page.title() == "Record · vreid"


def test_the_record_leads_to_a_search_a_comparison_and_its_like(
    open_page: OpenPage, one_record: str
) -> None:
    page = open_page(one_record, f"#/record/{ID}")
    for name, route in (
        ("Search from this one", "#/search?id=north%3A17%40gate"),
        ("Compare with…", "#/compare?a=north%3A17%40gate"),
        ("truck-17", "#/browse?filter=%7B%22identity%22%3A%5B%22truck-17%22%5D%7D"),
    ):
        expect(page.get_by_role("link", name=name)).to_have_attribute("href", route)
    page.get_by_role("link", name="truck-17").click()
    expect(page.locator(".record-card")).to_have_count(1)


def test_labels_are_corrected_and_others_stay(open_page: OpenPage, one_record: str) -> None:
    page = open_page(one_record, f"#/record/{ID}")
    page.get_by_label("Identity", exact=True).fill("truck-18")
    page.get_by_label("Camera", exact=True).fill("")
    with page.expect_request("**/gallery/*") as sent:
        save(page)
    assert sent.value.method == "PATCH"
    assert sent.value.post_data_json == {"identity": "truck-18", "camera": None}
    expect(page.get_by_role("heading", level=1)).to_contain_text("truck-18")
    expect(page.locator("#announcements")).to_have_text("Saved.")
    expect(page.locator(".correction").get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    record = read(one_record, ID)
    assert (record["identity"], record["camera"]) == ("truck-18", None)
    assert record["captured_at"] == "2026-03-01T12:00:00.123456Z"
    assert record["attributes"] == {"colour": "red", "speed": 62, "towing": True}


def test_attributes_are_added_changed_and_removed(open_page: OpenPage, one_record: str) -> None:
    page = open_page(one_record, f"#/record/{ID}")
    rows = page.get_by_role("group", name="Attribute", exact=True)
    expect(rows).to_have_count(3)
    rows.nth(0).get_by_label("Value", exact=True).fill("blue")
    rows.nth(2).get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Add an attribute").click()
    rows.nth(2).get_by_label("Name of the attribute").fill("axles")
    rows.nth(2).get_by_label("Kind of value").select_option("number")
    rows.nth(2).get_by_label("Value", exact=True).fill("3")
    save(page)
    expect(facts(page)).to_contain_text("axles 3")
    assert read(one_record, ID)["attributes"] == {"colour": "blue", "speed": 62, "axles": 3}


def test_the_time_is_corrected_in_the_readers_zone(open_page: OpenPage, one_record: str) -> None:
    page = open_page(one_record, f"#/record/{ID}")
    time = page.get_by_label("Seen at")
    expect(time).to_have_value("2026-03-01T12:00")
    time.fill("2026-03-01T13:30")
    save(page)
    expect(facts(page)).to_contain_text("1 Mar 2026, 13:30:00 UTC")
    assert read(one_record, ID)["captured_at"] == "2026-03-01T13:30:00Z"


def test_nothing_is_sent_where_nothing_has_changed(open_page: OpenPage, one_record: str) -> None:
    page = open_page(one_record, f"#/record/{ID}")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    save(page)
    expect(page.get_by_text("Nothing has changed.")).to_be_visible()
    assert "PATCH" not in sent


def test_an_attribute_that_cannot_be_stored_is_told_in_its_place(
    open_page: OpenPage, one_record: str
) -> None:
    page = open_page(one_record, f"#/record/{ID}")
    page.get_by_role("button", name="Add an attribute").click()
    added = page.get_by_role("group", name="Attribute", exact=True).nth(3)
    name = added.get_by_label("Name of the attribute")
    for attribute, kind, value, fault in (
        ("", "text", "blue", "the attribute has no name"),
        ("colour", "text", "blue", "The attribute colour is there twice"),
        ("axles", "text", "", "The attribute axles has no value"),
        ("axles", "number", "", "The attribute axles needs a number"),
    ):
        added.get_by_label("Kind of value").select_option(kind)
        name.fill(attribute)
        added.get_by_label("Value", exact=True).fill(value)
        save(page)
        expect(page.get_by_role("alert").get_by_text(fault)).to_be_visible()
        expect(name).to_be_focused()
        expect(name).to_have_attribute("aria-invalid", "true")


def test_what_the_service_refuses_is_told_beside_the_field(
    open_page: OpenPage, one_record: str
) -> None:
    page = open_page(one_record, f"#/record/{ID}", expected=(422,))
    identity = page.get_by_label("Identity", exact=True)
    identity.fill("truck\u200b17")
    page.get_by_role("button", name="Add an attribute").click()
    save(page)
    expect(page.locator(".field .fault").first).to_contain_text("has control characters")
    expect(identity).to_be_focused()
    expect(identity).to_have_attribute("aria-invalid", "true")
    identity.fill("truck-18")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("truck-18")


def test_a_record_that_is_not_there_is_told(open_page: OpenPage, own_service: str) -> None:
    page = open_page(own_service, "#/record/nowhere", expected=(404,))
    expect(page.get_by_text("There is no such record")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Browse the gallery").last.click()
    expect(page.get_by_text("The gallery is empty")).to_be_visible()


def test_a_record_is_deleted_after_a_question(open_page: OpenPage, one_record: str) -> None:
    page = open_page(one_record, f"#/record/{ID}")
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete 1 sighting?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Delete…")).to_be_focused()
    assert stored(one_record) == [ID]
    page.get_by_role("button", name="Delete…").click()
    dialog.get_by_role("button", name="Delete 1 sighting").click()
    expect(page.get_by_role("heading", name="Browse")).to_be_focused()
    expect(page.get_by_text("The gallery is empty")).to_be_visible()
    assert stored(one_record) == []


def test_a_key_is_offered_what_its_role_may_do(
    open_page: OpenPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    enrol(serve(), ID)
    keys = tmp_path / "secret" / "keys.json"
    tokens = {role: new_key(keys, role) for role in get_args(Role)}
    address = serve(access={"keys": keys})
    for role, token in tokens.items():
        page = open_page(address, f"#/record/{ID}", key=token)
        expect(facts(page)).to_be_visible()
        expect(page.locator(".large-pictures img[src]")).to_have_count(3)
        may = {"Save": role != "search", "Delete…": role == "admin"}
        for button, is_offered in may.items():
            expect(page.get_by_role("button", name=button)).to_have_count(int(is_offered))
