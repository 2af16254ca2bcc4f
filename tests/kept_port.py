"""Free ports for programs that cannot be asked to choose one themselves."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_FREE_PORTS = range(20_000, 30_000)
"""Below those that the system itself gives to whoever asks for any."""


@contextmanager
def kept_port() -> Iterator[int]:
    """A free port that no other test takes in this way until the block ends.

    It is not listened to, so a program can be told to; a name in the system's own table of sockets
    says that it is taken.
    """
    for port in random.Random().sample(_FREE_PORTS, len(_FREE_PORTS)):
        with socket.socket(socket.AF_UNIX) as mark, socket.socket() as trial:
            try:
                mark.bind(f"\0vreid-tests-{port}")
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            trial.close()
            yield port
            return
    raise AssertionError("no port is free")
