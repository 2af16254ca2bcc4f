"""What a page must never do, whatever a test does with it."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

NO_ANSWER = 0
"""Stands among expected statuses for requests that are not answered at all."""

_REFUSED = re.compile("Failed to load resource: the server responded with a status of ([0-9]+)")
_UNANSWERED = re.compile("Failed to load resource: net::")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Watch:
    """Collects a context's faults: console errors, uncaught errors, requests to elsewhere.

    A browser writes an error for every answer from 400 on; those with an `expected` status are
    part of the test.
    """

    def __init__(self, context: BrowserContext, expected: Collection[int] = ()) -> None:
        self._expected = expected
        self._faults: list[str] = []
        context.on("console", self._read)
        context.on("weberror", self._failed)
        context.on("request", self._asked)

    def check(self) -> None:
        """Fail where there was a fault."""
        assert not self._faults, "\n".join(self._faults)

    def _read(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if _status_of(message.text) not in self._expected:
            place = message.location
            self._faults.append(f"console: {message.text} ({place['url']})")

    def _failed(self, failure: WebError) -> None:
        self._faults.append(f"page: {failure.error}")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.hostname not in _LOOPBACK:
            self._faults.append(f"request: {request.url}")


def _status_of(text: str) -> int | None:
    """The status that a message complains about, None for any other complaint."""
    if _UNANSWERED.match(text):
        return NO_ANSWER
    refused = _REFUSED.match(text)
    return None if refused is None else int(refused[1])
