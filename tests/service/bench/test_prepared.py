import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser

from service.bench.prepared import multipart_request, subsets_of, with_missing

_TRIPLET = {name: Path(f"{name}.jpg") for name in ("rgb", "nir", "tir")}


@given(st.dictionaries(st.sampled_from(["rgb", "nir", "tir"]), st.binary(max_size=200), min_size=1))
def test_a_server_reads_the_parts_that_were_prepared(files: dict[str, bytes]) -> None:
    request = multipart_request("127.0.0.1:1", "/embed", files, {"k": "5"}, {"X-Deadline-Ms": "9"})
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    headers = Headers(dict(each.split(": ", 1) for each in fields))
    assert line == "POST /embed HTTP/1.1"
    assert headers["x-deadline-ms"] == "9"
    assert int(headers["content-length"]) == len(body)
    assert parse_options_header(headers["content-type"])[0] == b"multipart/form-data"
    assert _parsed(headers, body) == {"k": "5", **files}


def test_a_triplet_has_seven_selections_the_whole_first() -> None:
    selections = [tuple(each) for each in subsets_of(_TRIPLET)]
    assert selections[0] == ("rgb", "nir", "tir")
    assert len(set(selections)) == len(selections) == 7


def test_samples_take_turns_with_what_is_missing() -> None:
    chosen = with_missing([_TRIPLET] * 8)
    assert chosen[0] == chosen[7] == _TRIPLET
    assert sorted(len(each) for each in chosen[:7]) == [1, 1, 1, 2, 2, 2, 3]


def _parsed(headers: Headers, body: bytes) -> dict[str, str | bytes]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    form = asyncio.run(MultiPartParser(headers, stream()).parse())
    found: dict[str, str | bytes] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            found[name] = value
        else:
            found[name] = value.file.read()
            value.file.close()
    return found
