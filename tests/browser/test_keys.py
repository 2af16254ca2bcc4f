"""The console of a service that needs API keys."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, QUERY, SCREENSHOTS, OpenPage
from tests.browser.picture_input import choose
from tests.browser.records import enrol, new_key


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()


def test_a_key_is_asked_for_and_then_used(
    open_page: OpenPage, serve: Callable[..., str], keys: Path
) -> None:
    key = new_key(keys, "search")
    page = open_page(serve(access={"keys": keys}), expected=[401])
    dialog = page.get_by_role("dialog", name="This service needs an API key")
    expect(dialog).to_be_visible()
    expect(page.get_by_label("API key", exact=True)).to_be_focused()
    page.screenshot(path=SCREENSHOTS / "key.png")
    enter(page, "vreid_ключ")
    expect(dialog).to_contain_text("This is no key")
    enter(page, "vreid_nonsense")
    expect(dialog).to_contain_text("does not accept")
    enter(page, key)
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    expect(page.locator("#key")).to_contain_text("the search key · search")
    choose(page, QUERY)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".state-title")).to_have_text("Nothing to compare with")
    assert page.evaluate("localStorage.length") == 0
    assert page.evaluate("document.cookie") == ""
    assert key not in page.url


def test_pictures_are_shown_with_the_key(
    open_page: OpenPage, serve: Callable[..., str], keys: Path
) -> None:
    key = new_key(keys, "enrol")
    page = open_page(serve(access={"keys": keys}), "#/enrol", key=key)
    choose(page, QUERY)
    page.get_by_role("button", name="Enrol", exact=True).click()
    image = page.get_by_alt_text("TIR of unnamed vehicle")
    expect(image).to_have_attribute("src", re.compile("^blob:"))
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_a_key_for_searches_is_offered_nothing_else(
    open_page: OpenPage, serve: Callable[..., str], keys: Path
) -> None:
    key = new_key(keys, "search")
    page = open_page(serve(access={"keys": keys}), "#/enrol", key=key)
    expect(page.get_by_text("This needs a key with the role enrol")).to_be_visible()
    navigation = page.get_by_role("navigation", name="Views")
    expect(navigation.get_by_role("link", name="Search")).to_be_visible()
    expect(navigation.get_by_role("link", name="Enrol")).to_have_count(0)


def test_a_forgotten_key_is_asked_for_again(
    open_page: OpenPage, serve: Callable[..., str], keys: Path
) -> None:
    page = open_page(serve(access={"keys": keys}), key=new_key(keys, "admin"), expected=[401])
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Not now").click()
    expect(page.locator(".state-title")).to_have_text("An API key is needed")
    expect(page.get_by_role("button", name="Enter API key")).to_be_visible()


def test_with_a_key_goes_what_was_looked_for(
    open_page: OpenPage, serve: Callable[..., str], keys: Path
) -> None:
    enrol(serve(), "a", identity="AB 123")
    key = new_key(keys, "search")
    page = open_page(serve(access={"keys": keys}), "#/search?id=a", key=key, expected=[401])
    expect(page).to_have_url(re.compile("search="))
    page.goto('/#/browse?filter={"identity":"AB 123"}')
    page.get_by_role("link", name="AB 123").click()
    up = page.get_by_role("link", name="Browse the gallery")
    expect(up).to_have_attribute("href", re.compile("AB.*123"))
    up.click()
    expect(page.locator(".record-card")).to_have_count(1)
    page.get_by_role("button", name="Forget key").click()
    page.get_by_role("button", name="Not now").click()
    expect(page.locator(".state-title")).to_have_text("An API key is needed")
    # Nor does the view that was shown remember its filter when another follows.
    page.goto("/#/record/a")
    enter(page, key)
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    expect(up).to_have_attribute("href", "#/browse")
    page.get_by_role("link", name="Search", exact=True).click()
    expect(page.get_by_text("Nothing searched yet")).to_be_visible()


def test_a_rate_that_is_used_up_says_when_to_come_back(
    open_page: OpenPage, serve: Callable[..., str], keys: Path
) -> None:
    key = new_key(keys, "search")
    address = serve(access={"keys": keys})
    page = open_page(address, key=key, expected=[429])
    choose(page, QUERY)
    # So slow that it does not come back while a slow machine uses it up.
    keys.write_text(keys.read_text("utf-8").replace('"rate": null', '"rate": 0.25'), "utf-8")
    page.clock.install()
    page.clock.pause_at("2040-01-01")
    problem = page.get_by_role("alert").filter(has_text="Too many requests with this key")
    answer = page.locator(".state.empty").filter(has_text="Nothing to compare with")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(problem.or_(answer)).to_be_visible()
    deadline = time.monotonic() + PATIENCE / 1000
    while not problem.is_visible():
        assert time.monotonic() < deadline, "the rate is not used up"
        use_up(address, key)
        page.get_by_role("button", name="Search", exact=True).click()
        expect(problem.or_(answer)).to_be_visible()
    again = problem.get_by_role("button", name="Try again")
    expect(again).to_be_disabled()
    expect(problem).to_contain_text(re.compile("in [1-4] s"))
    deadline = time.monotonic() + PATIENCE / 1000
    while not answer.is_visible():
        assert time.monotonic() < deadline, "the key's rate does not come back"
        page.clock.run_for(4500)
        again.click()
        expect(problem.or_(answer)).to_be_visible()


def use_up(address: str, key: str) -> None:
    """Call until the key's rate is used up."""
    headers = {"Authorization": f"Bearer {key}"}
    deadline = time.monotonic() + PATIENCE / 1000
    while httpx.get(f"{address}/me", headers=headers, trust_env=False).status_code != 429:
        assert time.monotonic() < deadline, "the rate is not used up"
