"""Every view in every state, light and dark: axe-core finds nothing to complain about."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.view_places import Place
from tests.browser.view_states import State

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, *rules: str) -> list[str]:
    """What axe-core says of a page, a line for each element that it complains about.

    With `rules`, only these are looked at.
    """
    page.evaluate(AXE)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = rules
    found: list[dict[str, Any]] = page.evaluate(
        "async (options) => (await axe.run(options)).violations", options
    )
    return [
        f"{rule['id']}: {rule['help']}: {node['html']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def test_axe_finds_no_violation(reached: tuple[State, Page]) -> None:
    _, page = reached
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, "color-contrast") == []


def test_a_violation_is_found(open_page: OpenPage, places: dict[Place, str]) -> None:
    page = open_page(places["empty"], "#/browse")
    page.get_by_text("The gallery is empty").wait_for()
    page.locator("h1").evaluate("(node) => { node.style.color = 'lightgrey'; }")
    assert "color-contrast" in violations(page)[0]
