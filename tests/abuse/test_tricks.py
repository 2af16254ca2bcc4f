"""Requests that are made to be read in two ways, or not at all."""

import json
import re

import pytest

from tests.abuse.guarded import Guarded
from tests.abuse.sockets import answers, connected, read_answers
from tests.service.vehicles import triplet

CLOSE = b"Connection: close\r\n"
HOST = b"Host: localhost\r\n"
DELETION = b"DELETE /gallery/victim HTTP/1.1\r\nHost: localhost\r\n"


def refused(given: list[tuple[int, bytes]]) -> bool:
    """Whether a request was answered at most once, and not as if it were in order."""
    return len(given) <= 1 and all(400 <= status < 500 for status, _ in given)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 4\r\nContent-Length: 60\r\n",
        b"Content-Length: 4, 60\r\n",
        b"Content-Length: -4\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length: 4 4\r\n",
        b"Content-Length: 99999999999999999999999999\r\n",
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\n\tContent-Length: 4\r\n",
        b"Content-Length : 4\r\n",
        b"Content\x00-Length: 4\r\n",
        b"X: a\x00b\r\n",
        b"X: a\nContent-Length: 4\r\n",
    ],
)
def test_a_body_of_two_lengths_hides_no_second_request(guarded: Guarded, framing: bytes) -> None:
    hidden = DELETION + guarded.line("admin") + CLOSE + b"\r\n"
    body = b"0\r\n\r\n" + hidden
    head = b"POST /search HTTP/1.1\r\n" + HOST + guarded.line("search") + framing
    before = len(guarded.lines())
    given = answers(guarded.address, head + b"\r\n" + body)
    assert refused(given), given
    told = guarded.lines()[before:]
    assert not [line for line in told if line["method"] == "DELETE"], told


def test_trailers_are_no_headers(guarded: Guarded) -> None:
    """A proxy has looked at the headers alone, and may hand trailers on."""
    head = b"POST /search HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + CLOSE
    trailers = b"0\r\n" + guarded.line("search") + b"X-Request-ID: from-a-trailer\r\n\r\n"
    ((status, text),) = answers(guarded.address, head + b"\r\n" + trailers)
    assert status in (401, 429)
    assert b"from-a-trailer" not in text


@pytest.mark.parametrize(
    "target",
    [
        "http://elsewhere.example/gallery",
        "http://localhost/gallery",
        "//gallery",
        "/gallery/",
        "/gallery/%00",
        "/gallery%00",
        "/gallery%2F",
        "/%67allery",
        "/gallery/..%2f..%2f",
        "/health/live/../../gallery",
        "/health/live/%2e%2e/%2e%2e/gallery",
        "/health/live%2f..%2f..%2fgallery",
        "/docs/../gallery",
        "/docs/..%2fgallery",
        "/console/../gallery",
        "/console/%2e%2e/gallery",
        "/console/..%2f..%2f..%2fsettings.py",
        "/console/%2e%2e%2f%2e%2e%2fkeys%2fguard.py",
        "/console/%2fetc%2fpasswd",
        "/console//etc/passwd",
        "/console/%00",
        "/console/" + "a" * 5000,
        "/gallery?api_key=x&authorization=y",
        "/gallery#/health/live",
        "/GALLERY",
        "/gallery;/health/live",
        "/\xff".encode("latin-1").decode("latin-1"),
        "*",
        "gallery",
        "localhost:80",
    ],
)
def test_no_way_of_writing_a_path_leads_past_the_keys(guarded: Guarded, target: str) -> None:
    request = b"GET %s HTTP/1.1\r\n%s%s\r\n" % (target.encode("latin-1"), HOST, CLOSE)
    given = answers(guarded.address, request)
    assert refused(given), given
    assert all(b"records" not in text and b"import" not in text for _, text in given)


@pytest.mark.parametrize(
    "name", ["a%2Fb", "..%2F..", "%00", "%0d%0aX-Evil:%201", "%ff", "a" * 4000]
)
def test_an_odd_id_is_an_id_and_nothing_else(guarded: Guarded, name: str) -> None:
    for method in ("GET", "DELETE"):
        answer = guarded.call(method, f"/gallery/{name}")
        assert answer.status_code in (404, 422), answer.text
        assert "X-Evil" not in answer.headers
    picture = guarded.call("GET", f"/gallery/{name}/images/rgb")
    assert picture.status_code in (404, 422)
    assert guarded.call("DELETE", f"/gallery/{name}", role="search").status_code == 403


def test_what_a_client_sends_as_request_id_begins_no_header_and_no_line(guarded: Guarded) -> None:
    for given in (
        b"a%0d%0aX-Evil: 1",
        b"a\tb",
        b"a b",
        b"\xe2\x80\xa8",
        b'"}{"key": "forged"',
        b"a" * 5000,
        b"<script>",
        b"",
    ):
        head = b"GET /gallery HTTP/1.1\r\nX-Request-ID: " + given + b"\r\n" + HOST + CLOSE
        ((status, text),) = answers(guarded.address, head + guarded.line("search") + b"\r\n")
        assert status == 200
        told = re.search(rb"x-request-id: (.*)\r\n", text)
        assert told is not None
        assert re.fullmatch(rb"[0-9a-f]{32}", told[1])
        assert guarded.lines()[-1]["request_id"] == told[1].decode()
    kept = guarded.call("GET", "/gallery").headers["X-Request-ID"]
    assert kept


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /gallery HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        b"GET /gallery HTTP/1.1\r\nHost: localhost@elsewhere\r\n",
        b"GET /gallery HTTP/1.1\r\nHost: [::1\r\n",
        b"GET /gallery HTTP/1.1\r\nHost: \r\n",
        b"GET /gallery HTTP/1.1\r\n",
        b"GET /gallery HTTP/1.0\r\n",
        b"GET /gallery HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST,
        b"GET /gallery HTTP/3.7\r\n" + HOST,
        b"get /gallery HTTP/1.1\r\n" + HOST,
        b"FOO /gallery HTTP/1.1\r\n" + HOST,
        b"TRACE /gallery HTTP/1.1\r\n" + HOST,
        b"OPTIONS * HTTP/1.1\r\n" + HOST,
        b"CONNECT elsewhere:443 HTTP/1.1\r\n" + HOST,
        b"PROPFIND /gallery HTTP/1.1\r\n" + HOST,
        b"GET /gallery\r\n",
        b"GET  /gallery HTTP/1.1\r\n" + HOST,
        b"GET /gallery HTTP/1.1 \r\n" + HOST,
        b"GET /gallery HTTP/1.1\r\n: empty\r\n" + HOST,
        b"GET /gallery HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + HOST,
        b"GET /gallery HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n" + HOST,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"\x00" * 1000 + b"\r\n",
        b"\xff" * 1000 + b"\r\n",
    ],
)
def test_what_is_no_usual_request_is_refused_and_ends_nothing(
    guarded: Guarded, request_head: bytes
) -> None:
    given = answers(guarded.address, request_head + CLOSE + b"\r\n")
    assert refused(given), given
    assert guarded.is_well()


@pytest.mark.parametrize(
    "head",
    [
        b"X-Large: " + b"a" * 200_000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(20_000)),
        b"Cookie: " + b"a" * 70_000 + b"\r\n",
        b"Authorization: Bearer " + b"a" * 100_000 + b"\r\n",
    ],
)
def test_a_head_beyond_its_bound_is_refused(guarded: Guarded, head: bytes) -> None:
    request = b"GET /health/live HTTP/1.1\r\n" + HOST + CLOSE + head
    for end in (b"", b"\r\n"):
        ((status, text),) = answers(guarded.address, request + end)
        assert status == 431
        assert b"head-too-large" in text


def test_what_follows_a_refused_head_is_not_carried_out(guarded: Guarded) -> None:
    large = b"GET /health/live HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000 + b"\r\n\r\n"
    before = len(guarded.lines())
    hidden = DELETION + guarded.line("admin") + CLOSE + b"\r\n"
    for behind in (hidden, b"nonsense\r\n\r\n", large):
        ((status, _),) = answers(guarded.address, large + behind)
        assert status == 431
    assert guarded.call("GET", "/gallery").status_code == 200
    told = guarded.lines()[before:]
    assert [line["method"] for line in told] == ["GET"], told


def test_a_target_beyond_its_bound_is_refused(guarded: Guarded) -> None:
    request = b"GET /health/live?" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
    ((status, _),) = answers(guarded.address, request)
    assert status == 431


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(guarded: Guarded) -> None:
    head = b"POST /search HTTP/1.1\r\nContent-Length: 999999999999\r\nExpect: 100-continue\r\n"
    head += b"Content-Type: application/json\r\n" + HOST
    ((status, _),) = answers(guarded.address, head + guarded.line("search") + b"\r\n")
    assert status == 413
    without_key = answers(guarded.address, head + b"\r\n")
    assert [status for status, _ in without_key] in ([401], [429])


def test_a_body_that_grows_too_large_is_refused_on_its_way(guarded: Guarded) -> None:
    head = b"POST /search HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Type: application/json\r\n" + HOST + guarded.line("search")
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    ((status, _),) = answers(guarded.address, head + b"\r\n" + chunk * 64)
    assert status == 413


@pytest.mark.parametrize("size", [b"fffffffffffffffff", b"-1", b"g", b"1;" + b"a" * 100_000])
def test_a_chunk_of_no_size_is_refused(guarded: Guarded, size: bytes) -> None:
    head = b"POST /search HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + CLOSE
    head += b"Content-Type: application/json\r\n" + guarded.line("search")
    given = answers(guarded.address, head + b"\r\n" + size + b"\r\nabc\r\n0\r\n\r\n")
    assert refused(given), given


def test_a_body_shorter_than_it_says_is_waited_for_no_longer_than_told(guarded: Guarded) -> None:
    head = b"POST /search HTTP/1.1\r\nContent-Length: 100\r\nContent-Type: application/json\r\n"
    with connected(guarded.address) as connection:
        connection.sendall(head + HOST + guarded.line("search") + b"\r\n{")
        ((status, text),) = read_answers(connection)
    assert status == 408
    assert b"body-too-slow" in text


def test_what_follows_a_body_is_a_request_of_its_own_that_needs_its_own_key(
    guarded: Guarded,
) -> None:
    body = json.dumps({"id": "none"}).encode()
    head = b"POST /search HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
    head += b"Content-Length: %d\r\n" % len(body) + guarded.line("search")
    given = answers(guarded.address, head + b"\r\n" + body + DELETION + CLOSE + b"\r\n")
    assert given[0][0] == 404
    assert given[1][0] in (401, 429)
    assert len(given) == 2


def test_a_form_that_names_its_parts_oddly_is_refused(guarded: Guarded) -> None:
    picture = triplet(1)["rgb"]
    for disposition in (
        b'form-data; name="rgb"; filename="../../etc/passwd"',
        b'form-data; name="rgb"; filename="a\x00b"',
        b'form-data; name="rgb\x00"',
        b'form-data; name="__proto__"',
        b"form-data",
        b'form-data; name="rgb"; name="nir"',
    ):
        body = b"--b\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + picture
        body += b"\r\n--b--\r\n"
        head = b"POST /embed HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        head += HOST + CLOSE + guarded.line("search") + b"Content-Length: %d\r\n" % len(body)
        ((status, _),) = answers(guarded.address, head + b"\r\n" + body)
        assert status in (200, 400, 422), (disposition, status)


def test_nothing_tells_what_the_service_is_made_of(guarded: Guarded) -> None:
    texts = [
        text
        for request in (
            b"GET /health/live HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
            b"GET /nowhere HTTP/1.1\r\n" + HOST + CLOSE + guarded.line("admin") + b"\r\n",
            b"nonsense\r\n\r\n",
        )
        for _, text in answers(guarded.address, request)
    ]
    assert len(texts) == 3
    for text in texts:
        head = text.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nserver:" not in head
        assert b"x-powered-by" not in head
        assert not re.search(rb"uvicorn|starlette|fastapi|python|httptools", text.lower())
        assert b"x-content-type-options: nosniff" in head
        assert b"x-request-id" in head
