"""Noticing that a client has gone while its answer is being made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from service.batching.errors import ClientGone

Result = TypeVar("Result")

_WATCHED_AFTER = 0.25
"""Seconds after which a request is worth watching: most are answered before, under load too."""


async def or_gone(
    request: Request,
    arrival: asyncio.Future[Result],
    withdraw: Callable[[BaseException], None],
) -> Result:
    """Return what arrives, or give up when the client hangs up first.

    Args:
        request: its body has been read.
        arrival: what is waited for.
        withdraw: says that nobody waits any more; `arrival` gets the error that it is given.

    Raises:
        ClientGone: the client has hung up.
    """
    watch: asyncio.Task[None] | None = None

    async def watch_client() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        withdraw(ClientGone("the client has hung up"))

    def begin_to_watch() -> None:
        nonlocal watch
        watch = asyncio.ensure_future(watch_client())

    timer = arrival.get_loop().call_later(_WATCHED_AFTER, begin_to_watch)
    try:
        return await arrival
    except asyncio.CancelledError as error:
        withdraw(error)
        raise
    finally:
        timer.cancel()
        if watch is not None:
            watch.cancel()
        # An error that came names this frame, which would name what holds the error.
        del arrival
