"""What an operator does in the console, in a real Chromium, with a picture of each step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
_QUIET = ("--disable-background-networking", "--disable-component-update")
_PATIENCE = 60_000
_QUALITY = 80

_SEEN_ARE_THERE = """() => !document.querySelector(".loading") &&
  [...document.querySelectorAll("img[data-address]")].every((image) => {
    const {top, bottom} = image.parentElement.getBoundingClientRect();
    return bottom < 0 || top > window.innerHeight || image.naturalWidth > 0;
  })"""

SHOTS = {
    "key": "The service asks for a key.",
    "pictures": "Three pictures of one vehicle, each in its slot.",
    "search": "The vehicles most like it: all pictures, score, probability, and what each modality "
    "brought.",
    "record": "One record.",
    "status": "Model, engine, gallery and queue.",
}
"""Pictures that are taken, by name, and what they show."""


def visit(address: str, key: str, query: Path, target: Path) -> None:
    """Search in the console, and write a picture of each step into `target`.

    Args:
        address: of the service.
        key: that the operator types.
        query: folder with rgb.jpg, nir.jpg and tir.jpg.
        target: folder of the pictures.

    Raises:
        RuntimeError: the page had an error.
    """
    target.mkdir(parents=True, exist_ok=True)
    with open_console(address) as page:
        page.get_by_label("API key", exact=True).wait_for()
        _keep(page, target / "key.webp")
        page.get_by_label("API key", exact=True).fill(key)
        page.get_by_role("button", name="Use this key").click()
        for name in ("rgb", "nir", "tir"):
            page.get_by_label(f"{name.upper()} picture", exact=True).set_input_files(
                query / f"{name}.jpg"
            )
            page.get_by_alt_text(f"Chosen {name.upper()} picture", exact=True).wait_for()
        _keep(page, target / "pictures.webp")
        page.get_by_role("button", name="Search", exact=True).click()
        page.locator(".card").nth(4).wait_for()
        wait_for_pictures(page)
        _keep(page, target / "search.webp")
        page.locator(".card h3 a").first.click()
        page.wait_for_url("**/#/record/**")
        page.get_by_role("heading", level=1).wait_for()
        wait_for_pictures(page)
        _keep(page, target / "record.webp")
        page.goto(f"{address}/#/status")
        page.get_by_role("heading", name="Status", level=1).wait_for()
        wait_for_pictures(page)
        _keep(page, target / "status.webp")


@contextmanager
def open_console(address: str) -> Iterator[Page]:
    """Open the console in a browser of its own for the length of the block.

    Raises:
        RuntimeError: the page had an error.
    """
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=[*_ARGUMENTS, *_QUIET])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.set_default_timeout(_PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        yield page
        browser.close()
    if faults:
        raise RuntimeError(f"the console had errors: {faults}")


def wait_for_pictures(page: Page) -> None:
    """Return when nothing loads and each picture on the screen is there; others are read later."""
    page.wait_for_function(_SEEN_ARE_THERE)


def _keep(page: Page, path: Path) -> None:
    shot = Image.open(BytesIO(page.screenshot(animations="disabled")))
    shot.convert("RGB").save(path, "WEBP", quality=_QUALITY, method=6)
