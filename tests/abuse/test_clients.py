"""Clients that are slow, silent, or too many: the service keeps answering the others."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.abuse.guarded import MOST_CONNECTIONS, Guarded
from tests.abuse.sockets import PATIENCE, connected, read_answers
from tests.service.vehicles import triplet

HOST = b"Host: localhost\r\n"


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Connections that a test leaves open until its end."""
    with ExitStack() as connections:
        yield connections


def opened(guarded: Guarded, held: ExitStack, count: int, first: bytes) -> list[socket.socket]:
    found = []
    for _ in range(count):
        connection = held.enter_context(connected(guarded.address))
        connection.sendall(first)
        found.append(connection)
    return found


def others_are_answered(guarded: Guarded) -> bool:
    """Search on a connection of its own, as somebody with a key does."""
    answer = httpx.post(
        f"{guarded.address}/search",
        files=triplet(1),
        headers=guarded.key("search"),
        timeout=PATIENCE,
        verify=False,
    )
    return answer.status_code == 200


def drip_until_closed(connections: list[socket.socket], drop: bytes) -> None:
    """Send a little again and again on each, until the service has closed all of them."""
    deadline = time.monotonic() + PATIENCE
    left = list(connections)
    while left:
        assert time.monotonic() < deadline, f"{len(left)} connections are still open"
        for connection in list(left):
            if is_closed(connection):
                left.remove(connection)
                continue
            try:
                connection.sendall(drop)
            except OSError:
                left.remove(connection)
        time.sleep(0.1)


def is_closed(connection: socket.socket) -> bool:
    """Whether the service has closed a connection, whatever it said before."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            continue
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(PATIENCE)
    return True


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"GET /health/live HTTP/1.1\r\n" + HOST, b"X: a\r\n"),
        (b"G", b""),
        (b"GET /health/live HTTP/1.1\r\nX: ", b"a"),
        (b"GET /health/live HTTP/1.1\r\nContent-Length: 100000\r\n" + HOST + b"\r\n", b"a"),
        (b"POST /search HTTP/1.1\r\nContent-Length: 100000\r\n" + HOST + b"\r\n", b"a"),
    ],
    ids=["silent", "headers", "one byte", "one header", "unread body", "body without key"],
)
def test_a_slow_client_is_sent_away_and_holds_up_nobody(
    guarded: Guarded, held: ExitStack, first: bytes, drop: bytes
) -> None:
    slow = opened(guarded, held, 10, first)
    assert others_are_answered(guarded)
    drip_until_closed(slow, drop)


def test_a_slow_body_is_given_up_and_holds_up_nobody(guarded: Guarded, held: ExitStack) -> None:
    head = b"POST /search HTTP/1.1\r\nContent-Length: 100000\r\nContent-Type: application/json\r\n"
    slow = opened(guarded, held, 10, head + HOST + guarded.line("search") + b"\r\n{")
    assert others_are_answered(guarded)
    drip_until_closed(slow, b" ")


def test_a_client_that_takes_nothing_of_its_answers_is_sent_away(
    guarded: Guarded, held: ExitStack
) -> None:
    request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n" + HOST + b"\r\n"
    stalled = []
    for _ in range(3):
        connection = held.enter_context(socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = httpx.URL(guarded.address)
        assert url.port is not None
        connection.connect((url.host, url.port))
        # More than the system takes over from the service.
        connection.sendall(request * 20)
        stalled.append(connection.getsockname()[1])
    assert others_are_answered(guarded)
    wait_until(lambda: not connections_from(guarded, stalled))


def test_a_flood_of_connections_is_bounded_and_others_are_answered(
    guarded: Guarded, held: ExitStack
) -> None:
    opened(guarded, held, 5 * MOST_CONNECTIONS, b"")
    for _ in range(5):
        assert others_are_answered(guarded)
        opened(guarded, held, MOST_CONNECTIONS, b"GET /health/live")
    wait_until(lambda: len(sockets_of(guarded)) <= MOST_CONNECTIONS + 20)
    assert guarded.is_well()


def test_many_requests_in_one_write_are_all_answered(guarded: Guarded, held: ExitStack) -> None:
    one = b"GET /health/live HTTP/1.1\r\n" + HOST
    with connected(guarded.address) as connection:
        connection.sendall((one + b"\r\n") * 300 + one + b"Connection: close\r\n\r\n")
        given = read_answers(connection)
    assert [status for status, _ in given] == [200] * 301


def test_requests_beyond_a_bound_are_not_taken_ahead(guarded: Guarded) -> None:
    one = b"GET /health/live HTTP/1.1\r\n\r\n"
    with connected(guarded.address) as connection:
        # The service closes before it has read all.
        with suppress(OSError):
            connection.sendall(one * 5000)
        given = read_answers(connection)
    assert 0 < len(given) < 5000
    assert {status for status, _ in given} == {200}
    assert guarded.is_well()


def test_clients_that_hang_up_half_way_leave_nothing(guarded: Guarded) -> None:
    head = b"POST /search HTTP/1.1\r\nContent-Length: 5000\r\nContent-Type: application/json\r\n"
    before = len(sockets_of(guarded))
    for first in (b"POST", head, head + HOST + guarded.line("search") + b"\r\n" + b" " * 2500):
        for _ in range(30):
            with connected(guarded.address) as connection:
                connection.sendall(first)
    assert others_are_answered(guarded)
    wait_until(lambda: len(sockets_of(guarded)) <= before + 2)
    assert guarded.is_well()


def sockets_of(guarded: Guarded) -> list[str]:
    """The sockets that the service has open."""
    folder = Path(f"/proc/{guarded.service.process.pid}/fd")
    found = []
    for entry in folder.iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            found.append(target)
    return found


def connections_from(guarded: Guarded, ports: list[int]) -> list[int]:
    """Which of the client's ports the system still counts as connected to the service."""
    service = httpx.URL(guarded.address).port
    connected_ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if int(local.split(":")[1], 16) == service and state == "01":
            connected_ports.add(int(remote.split(":")[1], 16))
    return [port for port in ports if port in connected_ports]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)
