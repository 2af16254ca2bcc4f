"""A call of the gallery that is held back, so that a test can do something before it comes."""

import time

from playwright.sync_api import Page, Request, Route

from tests.browser.conftest import PATIENCE


class Held:
    """A call of the gallery that waits; `asked` are the addresses of all of them, in order."""

    def __init__(self, page: Page, number: int) -> None:
        self._page = page
        self._number = number
        self._route: Route | None = None
        self.asked: list[str] = []

    def handle(self, route: Route, request: Request) -> None:
        self.asked.append(request.url)
        if len(self.asked) == self._number:
            self._route = route
        else:
            route.continue_()

    def wait(self) -> Route:
        """Return when it was asked for."""
        deadline = time.monotonic() + PATIENCE / 1000
        while self._route is None:
            assert time.monotonic() < deadline, "it is not asked for"
            # Whatever is asked of the page lets what came from it meanwhile be handled.
            self._page.evaluate("null")
        return self._route

    def release(self) -> None:
        """Let it go on; returns when its answer is there."""
        route = self.wait()
        with self._page.expect_event("requestfinished", lambda each: each == route.request):
            route.continue_()

    def abort(self) -> None:
        """Let it fail."""
        self.wait().abort()


def hold(page: Page, number: int) -> Held:
    """Hold back that call of the gallery, counted from now on."""
    held = Held(page, number)
    page.route("**/gallery?*", held.handle)
    return held
