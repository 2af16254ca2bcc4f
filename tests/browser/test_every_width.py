"""Every view in every state on a telephone, a tablet and a desk: whole, and nothing on another.

Each is kept as a picture in build/screenshots.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import SCREENSHOTS, OpenPage
from tests.browser.view_places import Place
from tests.browser.view_states import State

WIDTHS = (360, 768, 1440)
LAYOUT = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")


def test_nothing_overlaps_or_is_cut_off(reached: tuple[State, Page]) -> None:
    state, page = reached
    page.emulate_media(color_scheme="light")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        faults = page.evaluate(LAYOUT)
        picture = SCREENSHOTS / f"{state.name}-{width}.png"
        page.screenshot(path=picture, full_page=not state.is_long)
        assert faults == [], f"{state.name} at {width} px"


@pytest.mark.parametrize(
    ("selector", "style", "fault"),
    [
        (".status-panels", "width: 120vw", "the page scrolls sideways"),
        (".status-panel h2", "margin-bottom: -2rem", "overlap"),
        (".badge", "display: block; width: 1rem; white-space: nowrap", "cut off"),
    ],
)
def test_a_fault_of_the_layout_is_found(
    open_page: OpenPage, places: dict[Place, str], selector: str, style: str, fault: str
) -> None:
    page = open_page(places["sample"], "#/status")
    spoilt = page.locator(selector).first
    spoilt.wait_for()
    assert page.evaluate(LAYOUT) == []
    spoilt.evaluate("(node, style) => { node.style.cssText = style; }", style)
    assert any(fault in each for each in page.evaluate(LAYOUT))
