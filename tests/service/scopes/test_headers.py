from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from service.scopes.headers import header_of

names = st.sampled_from([b"host", b"origin", b"x-request-id"])


@given(st.lists(st.tuples(names, st.binary(max_size=4))), names)
def test_a_header_is_the_one_that_the_framework_finds(
    sent: list[tuple[bytes, bytes]], name: bytes
) -> None:
    scope = {"type": "http", "headers": sent}
    assert header_of(scope, name) == Headers(scope=scope).get(name.decode())
