"""The `vreid` command in real processes, as a user runs it, without importing torch each time.

A server process imports torch once; each command is a fork of it with its own signals, files and
exit status.
"""

import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.training.conftest import SMOKE, TINY

PATIENCE = 240.0
"""Seconds after which something hangs."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.training.processes", "training.loop", "tensorboard"])


def start_vreid(
    arguments: Sequence[object], said: Path, environment: Mapping[str, str] | None = None
) -> ForkServerProcess:
    """Starts `vreid ARGUMENTS`; what it writes to stdout and stderr goes to the file `said`."""
    plain = [str(part) for part in arguments]
    process = _CONTEXT.Process(target=_run, args=(plain, said, dict(environment or {})))
    process.start()
    return process


def run_divided(arguments: Sequence[object], said: Path, count: int = 2) -> tuple[list[int], str]:
    """Runs `vreid ARGUMENTS` in processes that train together on CPU.

    Returns:
        Their exit statuses, by rank, and all that they said.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = [*arguments, "--set", f"compute.devices={count}"]
    processes = []
    for rank in range(count):
        environment = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": str(count),
            "NODE_RANK": "0",
            "LOCAL_RANK": str(rank),
        }
        processes.append(start_vreid(given, said.with_name(f"{said.name}{rank}"), environment))
    statuses = []
    for process in processes:
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
        statuses.append(-99 if process.exitcode is None else process.exitcode)
    return statuses, "".join(
        said.with_name(f"{said.name}{rank}").read_text() for rank in range(count)
    )


def start_process(function: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Starts a function of a test module in a process of its own."""
    process = _CONTEXT.Process(target=function, args=arguments)
    process.start()
    return process


def run_vreid(arguments: Sequence[object], said: Path) -> int:
    """Runs `vreid ARGUMENTS` to its end and returns its exit status."""
    process = start_vreid(arguments, said)
    process.join(PATIENCE)
    assert process.exitcode is not None, said.read_text()
    return process.exitcode


def wait_until(condition: Callable[[], bool], process: ForkServerProcess, said: Path) -> None:
    """Waits for a condition that a running command brings about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.is_alive(), said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.02)


def train_arguments(
    run: Path, data: Path, changes: Sequence[str] = (), options: Sequence[str] = ()
) -> list[object]:
    """Arguments of a training of seconds: 2 epochs of 4 batches at most on a small MSVR310 tree."""
    settings = [part for change in (*TINY, *changes) for part in ("--set", change)]
    return ["train", SMOKE, "--out", run, "--data", f"synthetic={data}", *settings, *options]


def _run(arguments: list[str], said: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    with said.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    import torch

    from vreid.cli import main

    torch.set_num_threads(1)
    sys.argv = ["vreid-in-a-test", *arguments]
    main()
