"""Runs functions in processes of their own and kills them as a power cut would.

The processes are forked from one that has imported the program and nothing else, so that a test
can kill many of them.
"""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

_DEADLINE_SECONDS = 60.0


def run_and_kill(
    function: Callable[..., None],
    *arguments: Any,  # noqa: ANN401
    messages: int,
    delay: float,
) -> list[list[str]]:
    """What a process said, as words, until it was killed.

    It is killed `delay` seconds after it has said so many messages, or ends by itself before. Its
    last argument is the pipe.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.service.gallery.sealing_process"])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=function, args=(*arguments, sender), daemon=True)
    process.start()
    sender.close()
    said: list[list[str]] = []
    with receiver:
        _listen(receiver, said, messages, time.monotonic() + _DEADLINE_SECONDS)
        _listen(receiver, said, 10**9, time.monotonic() + delay)
        process.kill()
        _listen(receiver, said, 10**9, time.monotonic() + _DEADLINE_SECONDS)
    process.join(_DEADLINE_SECONDS)
    assert process.exitcode in (0, -9), f"the process failed by itself: {process.exitcode}"
    process.close()
    return said


def _listen(receiver: Connection, said: list[list[str]], messages: int, until: float) -> None:
    """Take in what is said until there is enough of it, time is up or the process is gone."""
    while len(said) < messages and receiver.poll(max(0.0, until - time.monotonic())):
        try:
            said.append(receiver.recv_bytes().decode().split())
        except EOFError:
            return
