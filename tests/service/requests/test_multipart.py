import httpx
import pytest

from service.request_errors import MalformedBody
from service.requests.multipart import parse_multipart


def encode(**parts: tuple[str | None, bytes]) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://service", files=parts)
    return request.read(), request.headers["content-type"]


def test_files_and_plain_fields_come_in_their_order() -> None:
    body, content_type = encode(rgb=("a.jpg", b"\xff\xd8"), k=(None, b"5"), nir=("b.jpg", b""))
    parts = parse_multipart(body, content_type)
    assert [(part.name, part.filename, part.content) for part in parts] == [
        ("rgb", "a.jpg", b"\xff\xd8"),
        ("k", None, b"5"),
        ("nir", "b.jpg", b""),
    ]


def test_content_that_looks_like_a_boundary_stays_content() -> None:
    tricky = b"\r\n--not-the-boundary\r\n\r\n--"
    body, content_type = encode(rgb=("a.jpg", tricky))
    assert parse_multipart(body, content_type)[0].content == tricky


def test_a_form_cut_off_is_refused() -> None:
    body, content_type = encode(rgb=("a.jpg", b"content" * 100))
    with pytest.raises(MalformedBody, match="whole"):
        parse_multipart(body[:-40], content_type)


def test_a_missing_boundary_is_refused() -> None:
    with pytest.raises(MalformedBody, match="boundary"):
        parse_multipart(b"", "multipart/form-data")


def test_a_body_that_is_no_form_is_refused() -> None:
    with pytest.raises(MalformedBody):
        parse_multipart(b'{"k": 1}', "multipart/form-data; boundary=x")


def test_a_part_without_a_name_is_refused() -> None:
    body = b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--\r\n"
    with pytest.raises(MalformedBody, match="name"):
        parse_multipart(body, "multipart/form-data; boundary=x")


def test_a_flood_of_fields_is_refused() -> None:
    field = b'--x\r\nContent-Disposition: form-data; name="k"\r\n\r\n1\r\n'
    with pytest.raises(MalformedBody, match="100"):
        parse_multipart(field * 101 + b"--x--\r\n", "multipart/form-data; boundary=x")


def test_a_boundary_that_is_too_long_is_refused() -> None:
    with pytest.raises(MalformedBody):
        parse_multipart(b"", "multipart/form-data; boundary=" + "x" * 5000)
