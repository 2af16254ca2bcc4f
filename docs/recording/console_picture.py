"""Makes docs/images/console.png: `python -m docs.recording.console_picture`."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from PIL import Image

from docs.recording.console import open_console, wait_for_pictures
from service.demo.child import serving, wait_until_ready
from service.demo.run import SAMPLES, query_images
from service.indexing.job import index_source
from service.settings import SHIPPED_BUNDLE
from vreid.bundle import Bundle

PICTURE = Path(__file__).parents[1] / "images" / "console.png"
WIDTH, HEIGHT = 1440, 900
COLOURS = 256
"""Of a page with photographs: enough to look as it is, at a third of the bytes."""


def main() -> None:
    """Search the sample gallery with three pictures, and keep what the page shows."""
    with TemporaryDirectory() as folder:
        gallery = Path(folder) / "gallery"
        bundle = Bundle.load(SHIPPED_BUNDLE)
        index_source(SAMPLES / "manifest.csv", bundle, gallery, show_progress=False)
        with serving(SHIPPED_BUNDLE, gallery, port=0) as (child, address):
            with httpx.Client(base_url=address, trust_env=False) as client:
                wait_until_ready(client, child)
            PICTURE.write_bytes(png(found(address)))


def found(address: str) -> bytes:
    """Return a screenshot of the ranked sightings."""
    with open_console(address) as page:
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        for name, path in query_images(SAMPLES / "query").items():
            page.get_by_label(f"{name.upper()} picture", exact=True).set_input_files(path)
        page.get_by_role("button", name="Search", exact=True).click()
        page.locator(".card").nth(4).wait_for()
        page.mouse.move(0, 0)
        wait_for_pictures(page)
        return page.screenshot(animations="disabled")


def png(screenshot: bytes) -> bytes:
    """Return a screenshot with few colours, optimised."""
    reduced = Image.open(BytesIO(screenshot)).convert("RGB").quantize(COLOURS)
    encoded = BytesIO()
    reduced.save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


if __name__ == "__main__":
    main()
