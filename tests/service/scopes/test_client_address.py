"""Whose word about the client's address is believed."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from service.scopes.client_address import client_address, client_site, through_proxies
from service.scopes.trusted_networks import trusted_networks
from vreid.errors import ConfigurationError

PROXIES = "10.0.0.1, 10.1.0.0/16, ::1"


def seen(client: str, *forwarded: str, proto: str = "") -> tuple[str | None, str]:
    """The client's address and the scheme, for a request from an address with these headers."""
    found: list[tuple[str | None, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append((client_address(scope), scope["scheme"]))

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    if proto:
        headers.append((b"x-forwarded-proto", proto.encode()))
    scope = {"type": "http", "scheme": "http", "client": (client, 1), "headers": headers}

    async def call() -> None:
        await through_proxies(app, PROXIES)(scope, receive, send)

    asyncio.run(call())
    return found[0]


def test_who_is_no_trusted_proxy_cannot_say_who_it_is() -> None:
    assert seen("192.0.2.1", "198.51.100.7", proto="https") == ("192.0.2.1", "http")


def test_a_trusted_proxy_says_who_called_it_and_how() -> None:
    assert seen("10.0.0.1", "198.51.100.7", proto="https") == ("198.51.100.7", "https")
    assert seen("::1", "2001:db8::7") == ("2001:db8::7", "http")


def test_an_ipv4_client_of_an_ipv6_socket_has_its_own_address() -> None:
    assert seen("::ffff:192.0.2.1", "198.51.100.7")[0] == "192.0.2.1"
    assert seen("::ffff:10.0.0.1", "198.51.100.7", proto="https") == ("198.51.100.7", "https")
    assert seen("10.0.0.1", "::ffff:198.51.100.7")[0] == "198.51.100.7"
    here, there = ({"client": (f"::ffff:192.0.2.{number}", 1)} for number in (1, 2))
    assert client_site(here) == "192.0.2.1" != client_site(there)


def test_a_proxy_may_be_named_as_an_ipv6_socket_sees_it() -> None:
    assert trusted_networks("::ffff:10.1.0.0/112, ::ffff:10.0.0.5") == [
        "10.1.0.0/16",
        "10.0.0.5/32",
    ]


def test_what_the_client_wrote_before_the_proxy_is_not_believed() -> None:
    assert seen("10.0.0.1", "127.0.0.1, 198.51.100.7")[0] == "198.51.100.7"
    assert seen("10.0.0.1", "127.0.0.1", "198.51.100.7")[0] == "198.51.100.7"


def test_trusted_proxies_in_a_row_are_passed_over() -> None:
    assert seen("10.0.0.1", "127.0.0.1, 198.51.100.7, 10.1.2.3")[0] == "198.51.100.7"


@settings(deadline=None)
@given(st.lists(st.sampled_from(["127.0.0.1", "x", "", "10.0.0.1", "1.2.3.4:80"]), max_size=5))
def test_nothing_that_a_client_sends_hides_its_address(lies: list[str]) -> None:
    assert seen("10.0.0.1", ", ".join([*lies, "198.51.100.7"]))[0] == "198.51.100.7"


def test_what_is_no_address_is_none() -> None:
    assert seen("10.0.0.1", 'unknown"\n')[0] is None


def test_addresses_of_one_ipv6_network_are_one_place() -> None:
    def place(address: str) -> str:
        return client_site({"client": (address, 1)})

    assert place("2001:db8::1") == place("2001:db8::ffff:1") != place("2001:db8:0:1::1")
    assert place("192.0.2.1") != place("192.0.2.2")


@pytest.mark.parametrize("text", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.1;10.0.0.2"])
def test_proxies_are_named_by_addresses(text: str) -> None:
    with pytest.raises(ConfigurationError, match="TRUSTED_PROXIES"):
        trusted_networks(text)


def test_a_list_of_proxies_may_have_spaces() -> None:
    expected: Iterable[str] = ["10.0.0.1", "10.1.0.0/16", "::1"]
    assert trusted_networks(PROXIES) == expected
