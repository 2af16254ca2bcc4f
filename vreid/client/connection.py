"""What both clients have in common: the service's address, the API key, and how calls are made."""

from __future__ import annotations

import copy
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar
from urllib.parse import urlsplit

import httpx

from vreid import __version__
from vreid.client.retrying import Options, Retry
from vreid.client.variables import API_KEY_VARIABLE, CA_VARIABLE, URL_VARIABLE
from vreid.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8000"

Http = TypeVar("Http", httpx.Client, httpx.AsyncClient)

_IDLE_SECONDS = 2.0
"""Connections that were idle for longer are not used again: the service closes them after a few
seconds, and a request that meets the closing is lost."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How an httpx client is to be made."""

    headers: Mapping[str, str]
    limits: httpx.Limits
    verify: bool | ssl.SSLContext
    trust_env: bool


class Connected(Generic[Http]):
    """A client with an address, a key and options; what sends is its subclasses' part."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        deadline: float | None = None,
        retry: Retry | None = None,
        connections: int = 16,
        verify: bool | Path | ssl.SSLContext = True,
        trust_env: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Connects to nothing yet.

        Args:
            url: of the service; default: VREID_URL, else port 8000 of this machine.
            api_key: sent as ``Authorization: Bearer``; default: VREID_API_KEY where the address is
                that of VREID_URL (or, without it, this machine's), else none: a key of the
                environment goes to no other address.
            timeout: seconds that one attempt waits for the service to go on.
            deadline: seconds in which a request has to be answered, with all its attempts.
            retry: how often and for how long requests are sent again.
            connections: open at a time; calls beyond wait for one.
            verify: of TLS: a PEM file of the authorities to trust, a context, or True for the
                file that VREID_CA_CERTIFICATE names, else the authorities that browsers trust.
            trust_env: whether proxies and certificates of the environment are used.
            environment: where the variables are looked up.

        Raises:
            ConfigurationError: the address is none, a number is out of range, or the file of
                authorities is none.
        """
        own = environment.get(URL_VARIABLE) or DEFAULT_URL
        self.url = _address(url or own)
        key = api_key or (
            environment.get(API_KEY_VARIABLE) if self.url == own.rstrip("/") else None
        )
        self.has_key = key is not None
        self._options = Options(timeout, deadline, retry or Retry())
        limits = httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_IDLE_SECONDS,
        )
        # Certificates are read for a while, and without TLS nothing looks at them.
        is_needed = trust_env or self.url.startswith("https")
        needed = _verification(verify, environment) if is_needed else False
        self._http: Http = self._open(Transport(_headers(key), limits, needed, trust_env))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def with_options(
        self,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        retry: Retry | None = None,
    ) -> Self:
        """This client with other options, over the same connections.

        ``client.with_options(deadline=0.5).search(...)`` has half a second; what is not given
        stays.

        Raises:
            ConfigurationError: a time is not above 0.
        """
        other = copy.copy(self)
        other._options = Options(
            self._options.timeout if timeout is None else timeout,
            self._options.deadline if deadline is None else deadline,
            self._options.retry if retry is None else retry,
        )
        return other

    def _open(self, transport: Transport) -> Http:
        """What sends."""
        raise NotImplementedError


def _verification(
    verify: bool | Path | ssl.SSLContext, environment: Mapping[str, str]
) -> bool | ssl.SSLContext:
    if verify is True and environment.get(CA_VARIABLE):
        verify = Path(environment[CA_VARIABLE])
    if not isinstance(verify, Path):
        return verify
    try:
        return ssl.create_default_context(cafile=verify)
    except OSError as error:
        raise ConfigurationError(
            f"the authorities in {verify} cannot be read ({error.strerror or error}); give a file "
            "in PEM form, which begins with -----BEGIN CERTIFICATE-----"
        ) from error


def _headers(key: str | None) -> dict[str, str]:
    headers = {"User-Agent": f"vreid/{__version__}", "Accept": "application/json"}
    if key is None:
        return headers
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(
            "the API key has characters that no header can carry; give it as it was handed out"
        )
    return {**headers, "Authorization": f"Bearer {key}"}


def _address(url: str) -> str:
    try:
        parsed, _ = httpx.URL(url), urlsplit(url).port
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigurationError(f"{url!r} is no address ({error}); {_EXAMPLE}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"{url!r} is no address of a service; {_EXAMPLE}")
    if parsed.userinfo:
        # It is not shown: a password may stand in it.
        raise ConfigurationError(
            f"the address of the service names a user; a key goes into {API_KEY_VARIABLE}, and the "
            f"address without it: {_EXAMPLE}"
        )
    if "?" in url or "#" in url:
        raise ConfigurationError(f"{url!r} has more than an address; {_EXAMPLE}")
    return url.rstrip("/")


_EXAMPLE = f"write it as {DEFAULT_URL}, or set {URL_VARIABLE}"
