"""Who a request is addressed to and which page sent it.

A service without keys on a loopback address is reached by every page that this machine's browser
shows: by a name that the page's owner points at 127.0.0.1, and by forms that a page sends across
sites. Both are refused by the headers that a browser sets and a page cannot. With API keys the name
is checked only where a setting lists the names.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from service.messages.problems import kind_of, problem
from service.request_errors import CrossSiteRequest, MisdirectedRequest, RequestError
from service.scopes.headers import header_of
from service.settings import PREFIX, Settings, is_loopback

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class OriginCheck:
    """ASGI middleware within `RequestContext`, which gives requests their id."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = accepted_hosts(settings)
        self._checks = not settings.allow_open or bool(settings.allowed_hosts)
        # A page that a foreign name leads here has no key.
        self._checks_host = settings.access.keys is None or bool(settings.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem."""
        if scope["type"] == "http" and self._checks:
            try:
                if self._checks_host:
                    check_host(scope, self._hosts)
                check_origin(scope)
            except RequestError as error:
                answer = problem(kind_of(error), str(error), scope["state"]["request_id"])
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def accepted_hosts(settings: Settings) -> frozenset[str]:
    """Return the names in lower case that the service answers to besides loopback's."""
    names = (settings.host, *settings.allowed_hosts.split(","))
    return frozenset(name.strip().strip("[]").lower() for name in names if name.strip())


def check_host(scope: Scope, accepted: frozenset[str]) -> None:
    """Refuse a request that is addressed to a name of somebody else.

    Raises:
        MisdirectedRequest: Host is missing, or neither loopback nor accepted.
    """
    given = header_of(scope, b"host") or ""
    name = _host_name(given)
    if not (_is_loopback(name) or name in accepted):
        raise MisdirectedRequest(
            f"the request is addressed to {given!r}; use localhost, or start the service with "
            f"{PREFIX}ALLOWED_HOSTS naming the host"
        )


def check_origin(scope: Scope) -> None:
    """Refuse a request that changes or computes something for a page of another site.

    Raises:
        CrossSiteRequest: a browser says that the page is of another origin.
    """
    method = scope["method"]
    if method in _SAFE_METHODS:
        return
    origin = header_of(scope, b"origin")
    foreign = origin is not None and not _is_same(origin, header_of(scope, b"host") or "")
    site = header_of(scope, b"sec-fetch-site")
    if foreign or (site is not None and site.lower() == "cross-site"):
        raise CrossSiteRequest(
            f"a page of {origin or 'another site'} sent this {method}; use the console of this "
            "service, or call it from a program instead of a page"
        )


def _is_same(origin: str, host: str) -> bool:
    page, service = _split(origin), _split(f"//{host}")
    if page is None or service is None or not page.hostname:
        return False
    default = _DEFAULT_PORTS.get(page.scheme)
    return (page.hostname, page.port or default) == (service.hostname, service.port or default)


# The same few names come with every request.
@lru_cache(maxsize=256)
def _host_name(given: str) -> str:
    address = _split(f"//{given}")
    return "" if address is None else address.hostname or ""


_is_loopback = lru_cache(maxsize=256)(is_loopback)


def _split(address: str) -> SplitResult | None:
    """Return the parts of an address, None where it is none."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - it is read here because reading it may raise
    except ValueError:
        return None
    return parts
