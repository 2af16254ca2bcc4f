"""A real browser, and services that its pages are of.

What a browser is driven by keeps an event loop in this thread while it is open, so nothing of it
outlives this package: fixtures are the package's, not the session's.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, Protocol

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from service.demo.run import SAMPLES
from service.indexing.job import index_source
from service.settings import SHIPPED_BUNDLE
from tests.browser.view_places import Place, running_places
from tests.browser.view_states import STATES, State
from tests.browser.watching import Watch
from tests.service.calibrated_bundle import make_bundle
from tests.service.serving import running_service
from vreid.bundle import Bundle

QUERY = {name: SAMPLES / "query" / f"{name}.jpg" for name in ("rgb", "nir", "tir")}
"""Three pictures of one vehicle that the sample gallery has seen."""

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
"""What the pages looked like, kept after the tests."""

PATIENCE = 30_000
"""Milliseconds for a condition to come true: the machine may be busy."""

_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


class OpenPage(Protocol):
    """Opens a page of the console in a context of its own.

    `key` is an API key that the tab has already; `expected` are statuses of refusals that belong to
    the test, 0 for no answer.
    """

    def __call__(
        self,
        address: str,
        route: str = "",
        *,
        width: int = 1440,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
        key: str | None = None,
        expected: Collection[int] = (),
    ) -> Page: ...


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def sample_gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's gallery: 240 sightings of generated vehicles."""
    gallery = tmp_path_factory.mktemp("browser") / "gallery"
    bundle = Bundle.load(SHIPPED_BUNDLE)
    index_source(SAMPLES / "manifest.csv", bundle, gallery, show_progress=False)
    return gallery


@pytest.fixture(scope="package")
def sample_service(sample_gallery: Path) -> Iterator[str]:
    """Address of a service with the sample gallery; nobody writes into it."""
    with running_service(SHIPPED_BUNDLE, sample_gallery) as (client, _):
        yield _address(client)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that computes in no time, with thresholds; nobody writes into it."""
    return make_bundle(tmp_path_factory.mktemp("browser-bundle"))


@pytest.fixture(scope="package")
def places(
    tiny_bundle: Bundle, sample_service: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Place, str]]:
    """Addresses of the services that show the views in all their states."""
    directory = tmp_path_factory.mktemp("browser-places")
    with running_places(tiny_bundle, sample_service, directory) as addresses:
        yield addresses


@pytest.fixture
def serve(tiny_bundle: Bundle, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a service of the test's own with these settings; returns its address.

    Its gallery is empty, and its model tiny, unless `bundle` and `gallery` say otherwise.
    """
    with ExitStack() as services:

        def start(
            bundle: Path = tiny_bundle.path, gallery: Path | None = None, **settings: object
        ) -> str:
            served = running_service(bundle, gallery or tmp_path / "gallery", **settings)
            return _address(services.enter_context(served)[0])

        yield start


@pytest.fixture
def own_service(serve: Callable[..., str]) -> str:
    """Address of a service with an empty gallery, for tests that write."""
    return serve()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages, and fails where one of them did what no page may do."""
    with page_opener(browser) as opener:
        yield opener


@pytest.fixture(scope="package", params=STATES, ids=lambda state: state.name)
def reached(
    request: pytest.FixtureRequest, browser: Browser, places: dict[Place, str]
) -> Iterator[tuple[State, Page]]:
    """Each state of each view in turn, and a page that shows it.

    Tests set the page's size and colours to what they need and change nothing else.
    """
    state: State = request.param
    with page_opener(browser) as opener:
        page = opener(places[state.place], state.route, expected=state.expected)
        state.reach(page)
        yield state, page


@contextmanager
def page_opener(browser: Browser) -> Iterator[OpenPage]:
    """Open pages until the block ends, and fail then where one did what no page may do."""
    with ExitStack() as contexts:
        watches: list[Watch] = []

        def open_one(
            address: str,
            route: str = "",
            *,
            width: int = 1440,
            height: int = 900,
            scheme: Literal["light", "dark"] = "light",
            key: str | None = None,
            expected: Collection[int] = (),
        ) -> Page:
            context = browser.new_context(
                base_url=address,
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce",
                locale="en-GB",
                timezone_id="UTC",
            )
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE)
            watches.append(Watch(context, expected))
            if key is not None:
                # The empty page that a tab begins with has no storage.
                store = f"sessionStorage.setItem('vreid.key', '{key}')"
                context.add_init_script(f"if (location.protocol !== 'about:') {store}")
            page = context.new_page()
            page.goto(f"/{route}")
            return page

        yield open_one
        for watch in watches:
            watch.check()


def _address(client: httpx.Client) -> str:
    return str(client.base_url)
