"""Sends the requests of a plan, in a closed or an open loop, and measures the answers.

Latencies come from one clock of this process. It should be a process of its own: see
`service.bench.load_process`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path
from urllib.parse import urlsplit

from service.bench.connection import Answer, Connection
from service.bench.errors import NoAnswer
from service.bench.plan import LoadFigures, LoadPlan
from service.bench.prepared import multipart_request
from service.bench.recording import Recording

_clock = time.perf_counter

_PAUSE_AFTER_A_LOSS = 0.05
"""Seconds; without them a closed loop would spin where nobody listens any more."""


async def run_load(plan: LoadPlan) -> LoadFigures:
    """Send the plan's requests and sum up what came back.

    Raises:
        NoAnswer: nobody listens at the plan's address.
    """
    requests = cycle(prepared_requests(plan))
    processor_before = time.process_time()
    if plan.concurrency is not None:
        recording = await _closed_loop(plan, requests)
    else:
        recording = await _open_loop(plan, requests)
    return recording.figures(time.process_time() - processor_before)


def prepared_requests(plan: LoadPlan) -> list[bytes]:
    """The bytes of each of the plan's samples."""
    host = urlsplit(plan.url).netloc
    files: dict[str, bytes] = {}
    for sample in plan.samples:
        for path in sample.values():
            if path not in files:
                files[path] = Path(path).read_bytes()
    return [
        multipart_request(
            host,
            plan.path,
            {name: files[path] for name, path in sample.items()},
            plan.fields,
            plan.headers,
        )
        for sample in plan.samples
    ]


async def _closed_loop(plan: LoadPlan, requests: Iterator[bytes]) -> Recording:
    """Each connection sends the next request when the last one is answered."""
    assert plan.concurrency is not None
    connections = [await _connect(plan) for _ in range(plan.concurrency)]
    started = _clock()
    never = float("inf")
    recording = Recording(started if not plan.warm_up else never, never)
    numbers = count()

    def another() -> bool:
        if plan.requests:
            return next(numbers) < plan.requests
        return _clock() < recording.end

    async def keep_asking(connection: Connection) -> None:
        while another():
            due = _clock()
            connection, answer = await _ask(plan, connection, next(requests))
            recording.note(due, _clock(), answer)
            _turn_over(plan, recording, started, _clock())
            if answer.status == 0:
                await asyncio.sleep(_PAUSE_AFTER_A_LOSS)
        connection.close()

    asking = [asyncio.create_task(keep_asking(connection)) for connection in connections]
    longest = plan.warm_up + plan.longest * (2 if plan.warm_up else 1)
    await _wait(asking, None if plan.requests else longest + plan.patience, recording)
    recording.begin = min(recording.begin, _clock())
    recording.end = min(recording.end, _clock())
    return recording


def _turn_over(plan: LoadPlan, recording: Recording, started: float, now: float) -> None:
    """Begin to count after the warm-up, end when there are seconds and answers enough."""
    if now < recording.begin:
        answered = recording.asked >= plan.warm_up_answers
        if now - started >= plan.warm_up and (
            answered or now - started >= plan.warm_up + plan.longest
        ):
            recording.begin = now
    elif recording.end == float("inf") and not plan.requests:
        lasted = now - recording.begin
        enough = recording.answered_in_time >= plan.answers
        if lasted >= plan.longest or (lasted >= plan.seconds and enough):
            recording.end = now


async def _open_loop(plan: LoadPlan, requests: Iterator[bytes]) -> Recording:
    """Requests are sent at their times, over whichever connection is free."""
    assert plan.rate is not None
    idle: list[Connection] = [await _connect(plan)]
    started = _clock()
    recording = Recording(started + plan.warm_up, started + plan.warm_up + plan.seconds)
    asking: set[asyncio.Task[None]] = set()

    async def ask(due: float) -> None:
        recording.late.append(_clock() - due)
        before = idle.pop() if idle else None
        connection, answer = await _ask(plan, before, next(requests))
        recording.note(due, _clock(), answer)
        idle.append(connection)

    for number in count():
        due = started + number / plan.rate
        if due >= recording.end:
            break
        ahead = due - _clock()
        if ahead > 0:
            await asyncio.sleep(ahead)
        if len(asking) >= plan.connections:
            recording.unsent += due >= recording.begin
            continue
        task = asyncio.create_task(ask(due))
        asking.add(task)
        task.add_done_callback(asking.discard)
    await _wait(list(asking), plan.patience, recording)
    for connection in idle:
        connection.close()
    return recording


async def _ask(
    plan: LoadPlan, connection: Connection | None, request: bytes
) -> tuple[Connection, Answer]:
    """Ask over this connection, or over a new one where it has ended; return the one that did."""
    if connection is None or not connection.usable:
        if connection is not None:
            connection.close()
        try:
            connection = await _connect(plan)
        except NoAnswer:
            # While a load runs, a refused connection is a figure and no reason to stop.
            return Connection(), Answer(0)
    return connection, await connection.ask(request)


async def _wait(
    asking: list[asyncio.Task[None]], patience: float | None, recording: Recording
) -> None:
    if not asking:
        return
    done, pending = await asyncio.wait(asking, timeout=patience)
    recording.outstanding = len(pending)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


async def _connect(plan: LoadPlan) -> Connection:
    address = urlsplit(plan.url)
    port = address.port or 80
    try:
        return await Connection.open(address.hostname or "", port)
    except OSError as error:
        raise NoAnswer(
            f"nobody answers at {plan.url} ({error.strerror or error}); start the service, or "
            "give the address that `vreid serve` prints"
        ) from error
