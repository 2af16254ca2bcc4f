"""The gallery in the console: paged, filtered, selected, deleted."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Page, Request, Route, expect

from service.gallery.store.database import DATABASE_NAME
from service.keys.key import Role
from tests.browser.conftest import OpenPage
from tests.browser.record_cards import cards, ids
from tests.browser.records import enrol, enrol_four, new_key, stored
from tests.service.serving import running_service
from vreid.bundle import Bundle


def select(page: Page, record_id: str) -> None:
    page.locator(f".record-card[data-id='{record_id}'] input[type=checkbox]").check()


@pytest.fixture(scope="module")
def four_records(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a service with the records a, b, c and d; nobody writes into it."""
    gallery = tmp_path_factory.mktemp("four") / "gallery"
    with running_service(tiny_bundle.path, gallery) as (client, _):
        enrol_four(str(client.base_url))
        yield str(client.base_url)


@pytest.fixture
def own_four(own_service: str) -> str:
    """Address of a service with the same records, for a test that deletes some."""
    enrol_four(own_service)
    return own_service


def test_the_gallery_comes_page_by_page(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service, "#/browse")
    count = page.get_by_text("48 of 240 sightings shown, in the order they were stored")
    expect(count).to_be_visible()
    expect(cards(page)).to_have_count(48)
    first = cards(page).first
    expect(first).to_contain_text("vehicle-0161")
    expect(first).to_contain_text("camera-3")
    expect(first).to_contain_text("28 Mar 2026, 22:03:00 UTC")
    expect(first.locator("img[src]")).to_have_count(3)
    page.get_by_role("button", name="Load more").click()
    expect(cards(page)).to_have_count(96)
    expect(cards(page).nth(48).locator("h3 a")).to_be_focused()
    for loaded in (144, 192, 240):
        page.get_by_role("button", name="Load more").click()
        expect(cards(page)).to_have_count(loaded)
    expect(page.get_by_role("button", name="Load more")).to_have_count(0)
    expect(page.get_by_text("240 sightings", exact=True)).to_be_visible()
    assert len(set(ids(page))) == 240


def test_a_missing_modality_is_named_in_its_place(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service, "#/browse")
    card = page.locator(".record-card[data-id='0161_s042_v5_007']")
    expect(card.get_by_text("no RGB")).to_be_visible()
    expect(card.locator("img[src]")).to_have_count(2)


def test_a_record_is_opened_and_searched_from(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service, "#/browse")
    card = cards(page).first
    link = card.get_by_role("link", name="Search from this one")
    expect(link).to_have_attribute("href", "#/search?id=0161_s027_v2_003")
    card.get_by_role("link", name="vehicle-0161").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("0161_s027_v2_003")
    assert page.url.endswith("#/record/0161_s027_v2_003")


def test_a_filter_shows_what_passes_it(open_page: OpenPage, four_records: str) -> None:
    page = open_page(four_records, "#/browse")
    asked: dict[tuple[tuple[str, str], ...], list[str]] = {
        (("Cameras", "north"),): ["a", "c"],
        (("Cameras", "north, gate"),): ["a", "b", "c"],
        (("Not from cameras", "north"),): ["b", "d"],
        (("Identities", "two"),): ["d"],
        (("Seen before", "2026-03-02T00:00"),): ["a"],
        (("Seen from", "2026-03-01T08:00:01"),): ["d"],
        (("Cameras", "north"), ("Identities", "one")): ["a"],
    }
    for fields, passing in asked.items():
        expect(cards(page)).to_have_count(4)
        page.get_by_text("Filter", exact=True).click()
        for label, text in fields:
            page.get_by_label(label, exact=True).fill(text)
        page.get_by_role("button", name="Apply").click()
        expect(cards(page)).to_have_count(len(passing))
        assert ids(page) == passing
        expect(page.locator(".conditions li")).to_have_count(len(fields))
        page.get_by_text("Filter", exact=True).click()
        page.get_by_role("button", name="Clear", exact=True).click()


def test_a_filter_asks_for_attributes_as_numbers_and_as_texts(
    open_page: OpenPage, four_records: str
) -> None:
    page = open_page(four_records, "#/browse")
    for name, value, passing in (("colour", "red", "b"), ("speed", "62", "c")):
        page.get_by_text("Filter", exact=True).click()
        page.get_by_role("button", name="Clear", exact=True).click()
        expect(cards(page)).to_have_count(4)
        page.get_by_text("Filter", exact=True).click()
        page.get_by_role("button", name="Add a condition").click()
        page.get_by_label("Name of the attribute").fill(name)
        page.get_by_label("Value").fill(value)
        page.get_by_label("Value").press("Enter")
        expect(cards(page)).to_have_count(1)
        assert ids(page) == [passing]
        expect(page.locator(".conditions")).to_have_text(f"{name}: {value}")


def test_a_filter_is_kept_in_the_address(open_page: OpenPage, four_records: str) -> None:
    page = open_page(four_records, "#/browse")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Only sightings without an identity").check()
    page.get_by_role("button", name="Apply").click()
    expect(cards(page)).to_have_count(1)
    cards(page).get_by_role("link", name="unnamed vehicle").click()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    page.go_back()
    expect(page.locator(".conditions")).to_have_text("without identity")
    expect(cards(page)).to_have_count(1)
    page.reload()
    expect(page.locator(".conditions")).to_have_text("without identity")
    expect(cards(page)).to_have_count(1)


def test_a_damaged_address_shows_everything(open_page: OpenPage, four_records: str) -> None:
    page = open_page(four_records, "#/browse?filter={")
    expect(cards(page)).to_have_count(4)


def test_where_nothing_passes_the_filter_is_cleared(open_page: OpenPage, four_records: str) -> None:
    page = open_page(four_records, '#/browse?filter={"camera":"nroth"}')
    expect(page.get_by_text("No sighting passes the filter")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(cards(page)).to_have_count(4)


def test_an_empty_gallery_says_how_to_fill_it(open_page: OpenPage, own_service: str) -> None:
    page = open_page(own_service, "#/browse")
    expect(page.get_by_text("The gallery is empty")).to_be_visible()
    expect(page.get_by_role("link", name="Enrol a vehicle")).to_have_attribute("href", "#/enrol")


def test_a_filter_that_the_service_refuses_is_told(open_page: OpenPage, four_records: str) -> None:
    page = open_page(four_records, '#/browse?filter={"cmaera":"north"}', expected=(422,))
    expect(page.get_by_role("alert")).to_contain_text("cmaera")


def test_selected_records_are_deleted_after_a_question(open_page: OpenPage, own_four: str) -> None:
    page = open_page(own_four, "#/browse")
    select(page, "b")
    select(page, "c")
    expect(page.get_by_text("2 sightings selected")).to_be_visible()
    delete = page.get_by_role("button", name="Delete…")
    delete.click()
    dialog = page.get_by_role("dialog", name="Delete 2 sightings?")
    expect(dialog).to_contain_text("b (one, gate)")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(delete).to_be_focused()
    assert stored(own_four) == ["a", "b", "c", "d"]
    delete.click()
    dialog.get_by_role("button", name="Delete 2 sightings").click()
    expect(cards(page)).to_have_count(2)
    assert stored(own_four) == ["a", "d"]
    expect(page.get_by_text("2 sightings selected")).to_be_hidden()
    expect(page.locator("[data-id=d] h3 a")).to_be_focused()
    expect(page.locator("#announcements")).to_have_text("2 sightings deleted.")


def test_the_keyboard_alone_selects_and_deletes(open_page: OpenPage, own_four: str) -> None:
    page = open_page(own_four, "#/browse")
    box = page.locator("[data-id=a] input[type=checkbox]")
    box.focus()
    page.keyboard.press("Space")
    expect(box).to_be_checked()
    page.get_by_role("button", name="Delete…").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(cards(page)).to_have_count(3)
    assert stored(own_four) == ["b", "c", "d"]


def test_all_that_are_shown_are_selected_and_let_go(open_page: OpenPage, four_records: str) -> None:
    page = open_page(four_records, "#/browse")
    page.get_by_role("button", name="Select all shown").click()
    expect(page.get_by_text("4 sightings selected")).to_be_visible()
    page.get_by_role("button", name="Clear selection").click()
    expect(page.locator(".card-box:checked")).to_have_count(0)
    expect(page.get_by_role("region", name="Selected records")).to_be_hidden()
    expect(page.get_by_role("heading", name="Browse")).to_be_focused()


def test_what_matches_a_filter_is_counted_before_it_is_deleted(
    open_page: OpenPage, own_four: str
) -> None:
    page = open_page(own_four, "#/browse")
    everything = page.get_by_role("button", name="Delete all that match…")
    expect(cards(page)).to_have_count(4)
    expect(everything).to_be_hidden()
    page.goto('/#/browse?filter={"captured_at":{"to":"2026-03-02T00:00:00Z"}}')
    everything.click()
    dialog = page.get_by_role("dialog", name="Delete all that match?")
    expect(dialog).to_contain_text("seen before 2 Mar 2026, 00:00:00 UTC")
    expect(dialog).to_contain_text("1 sighting match")
    assert stored(own_four) == ["a", "b", "c", "d"]
    dialog.get_by_role("button", name="Delete 1 sighting").click()
    expect(page.get_by_text("No sighting passes the filter")).to_be_visible()
    assert stored(own_four) == ["b", "c", "d"]


def test_what_matches_by_now_is_asked_about_anew(open_page: OpenPage, own_four: str) -> None:
    page = open_page(own_four, '#/browse?filter={"camera":"north"}', expected=(409,))

    def enrol_before(route: Route, request: Request) -> None:
        # As late as can be: the page has asked for the deletion already.
        if request.method == "DELETE" and "dry_run" not in request.url and "e" not in enrolled:
            enrolled.append("e")
            enrol(own_four, "e", camera="north")
        route.continue_()

    enrolled: list[str] = []
    page.route("**/gallery?*", enrol_before)
    page.get_by_role("button", name="Delete all that match…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete 2 sightings")).to_be_enabled()
    dialog.get_by_role("button", name="Delete 2 sightings").click()
    expect(dialog).to_contain_text("There were 2 when this was asked.")
    assert stored(own_four) == ["a", "b", "c", "d", "e"]
    dialog.get_by_role("button", name="Delete 3 sightings").click()
    expect(page.get_by_text("No sighting passes the filter")).to_be_visible()
    assert stored(own_four) == ["b", "d"]


def test_the_whole_gallery_is_deleted_only_after_a_tick(open_page: OpenPage, own_four: str) -> None:
    page = open_page(own_four, '#/browse?filter={"not":{"camera":"nroth"}}')
    page.get_by_role("button", name="Delete all that match…").click()
    dialog = page.get_by_role("dialog")
    delete = dialog.get_by_role("button", name="Delete 4 sightings")
    expect(delete).to_be_disabled()
    dialog.get_by_label("Yes, empty the gallery").check()
    delete.click()
    expect(page.get_by_text("No sighting passes the filter")).to_be_visible()
    assert stored(own_four) == []


def test_where_nothing_matches_there_is_nothing_to_delete(
    open_page: OpenPage, four_records: str
) -> None:
    page = open_page(four_records, '#/browse?filter={"camera":"nroth"}')
    page.get_by_role("button", name="Delete all that match…").click()
    expect(page.get_by_text("No sighting matches")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("button", name="Delete")).to_be_disabled()


def test_a_deletion_that_fails_is_told_and_can_be_tried_again(
    open_page: OpenPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    address = serve(lock_timeout=0.05)
    enrol(address, "a")
    page = open_page(address, "#/browse", expected=(503,))
    select(page, "a")
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    other = sqlite3.connect(tmp_path / "gallery" / DATABASE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    dialog.get_by_role("button", name="Delete 1 sighting").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Another process")
    other.execute("ROLLBACK")
    other.close()
    dialog.get_by_role("button", name="Delete 1 sighting").click()
    expect(page.get_by_text("The gallery is empty")).to_be_visible()
    assert stored(address) == []


def test_only_admins_are_offered_to_delete(
    open_page: OpenPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    enrol(serve(), "a", camera="north")
    keys = tmp_path / "secret" / "keys.json"
    tokens = {role: new_key(keys, role) for role in get_args(Role)}
    address = serve(access={"keys": keys})
    for role, token in tokens.items():
        page = open_page(address, '#/browse?filter={"camera":"north"}', key=token)
        expect(cards(page)).to_have_count(1)
        offered = page.locator(".card-box, .browse-tools button")
        expect(offered).to_have_count(3 if role == "admin" else 0)
