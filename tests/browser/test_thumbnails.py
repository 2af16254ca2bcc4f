"""Pictures of records that do not come at once."""

import re
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import httpx
from playwright.sync_api import Route, expect

from service.keys.key_file import remove_key
from tests.browser.conftest import PATIENCE, OpenPage
from tests.browser.records import enrol, new_key
from tests.browser.watching import NO_ANSWER

SHOWN = re.compile("^blob:")


def test_pictures_come_though_the_connection_breaks_and_the_rate_is_used_up(
    open_page: OpenPage, own_service: str
) -> None:
    enrol(own_service, "a")
    page = open_page(own_service, expected=[NO_ANSWER, 429])
    asked = count()

    def answer(route: Route) -> None:
        place = next(asked)
        if place == 0:
            route.abort()
        elif place == 1:
            route.fulfill(status=429, headers={"Retry-After": "1"}, json={})
        else:
            route.continue_()

    page.route("**/images/**", answer)
    page.goto("#/record/a")
    for modality in ("RGB", "NIR", "TIR"):
        expect(page.get_by_alt_text(f"{modality} of a")).to_have_attribute("src", SHOWN)
    assert next(asked) >= 5


def test_a_picture_that_does_not_come_is_a_button_that_tries_again(
    open_page: OpenPage, own_service: str
) -> None:
    enrol(own_service, "a")
    page = open_page(own_service, expected=[404])
    page.route("**/images/tir", lambda route: route.fulfill(status=404, json={}))
    page.goto("#/record/a")
    again = page.get_by_role("button", name="TIR of a did not come. Try again")
    expect(again).to_be_visible()
    page.unroute("**/images/tir")
    again.click()
    expect(page.get_by_alt_text("TIR of a")).to_have_attribute("src", SHOWN)


def test_pictures_do_not_ask_for_a_key(
    open_page: OpenPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    enrol(serve(), "a")
    keys = tmp_path / "secret" / "keys.json"
    token = new_key(keys, "search")
    address = serve(access={"keys": keys})
    page = open_page(address, key=token, expected=[401])

    def answer(route: Route) -> None:
        end(keys, token, address)
        route.continue_()

    page.route("**/images/**", answer)
    page.goto("#/record/a")
    expect(page.get_by_role("button", name="Try again")).to_have_count(3)
    expect(page.get_by_role("dialog")).to_have_count(0)


def end(keys: Path, token: str, address: str) -> None:
    """End a key, where it is not ended yet, and wait until the service knows."""
    if token.split("_")[1] in keys.read_text("utf-8"):
        remove_key(keys, token.split("_")[1])
    headers = {"Authorization": f"Bearer {token}"}
    deadline = time.monotonic() + PATIENCE / 1000
    while httpx.get(f"{address}/me", headers=headers, trust_env=False).status_code != 401:
        assert time.monotonic() < deadline, "the key is still taken"
