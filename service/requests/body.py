"""Reading a request's body, bounded in bytes and in time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from service.request_errors import BodyTooLarge, BodyTooSlow, MalformedBody
from service.requests.reception import Claim
from service.scopes.headers import header_of

_DISCARDED_BODIES = 4
"""How much of a body that is too large is read and thrown away, in units of the limit: a server
that closes a connection with unread data resets it, and the client may then lose the answer that
says what was wrong."""


async def read_body(request: Request, limit: int, timeout: float, claim: Claim) -> bytes:
    """Return the whole body.

    Args:
        request: its stream must not have been read.
        limit: most bytes accepted; checked against Content-Length and while streaming.
        timeout: seconds for the body to arrive.
        claim: takes room for the bytes that arrive.

    Raises:
        BodyTooLarge: the body has, or says it has, more than `limit` bytes.
        BodyTooSlow: the body did not arrive within `timeout`.
        Overloaded: there is no room for the body.
        MalformedBody: Content-Length is no number, or the client hung up half way.
    """
    if _declares_more_than(request, limit) and waits_for_permission(request):
        raise _too_large(limit)
    received = 0
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(timeout):
            more = True
            while more:
                # The request's own stream takes twice as long.
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise MalformedBody("the connection was closed before the body was complete")
                more = message.get("more_body", False)
                chunk = message.get("body", b"")
                received += len(chunk)
                if received <= limit:
                    claim(len(chunk))
                    chunks.append(chunk)
                elif received <= limit * (1 + _DISCARDED_BODIES):
                    chunks.clear()
                else:
                    break
    except TimeoutError as error:
        if received <= limit:
            raise BodyTooSlow(
                f"the body did not arrive within {timeout:g} s; send smaller images or use a "
                "faster connection"
            ) from error
    if received > limit:
        raise _too_large(limit)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _declares_more_than(request: Request, limit: int) -> bool:
    text = header_of(request.scope, b"content-length")
    if text is None:
        return False
    if not (text.isascii() and text.isdigit()):
        raise MalformedBody("Content-Length must be a number of bytes")
    return int(text) > limit


def waits_for_permission(request: Request) -> bool:
    """Tell whether the client sends its body only when the service begins to read it."""
    expects = header_of(request.scope, b"expect")
    return expects is not None and expects.lower() == "100-continue"


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the body has more than {limit} bytes; send fewer samples in a request or smaller images"
    )
