"""SIGTERM under load: what was admitted is answered, what comes then is not begun."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.bench.connection import Answer, Connection
from service.bench.prepared import multipart_request
from tests.e2e.metrics import read_metrics, wait_for_metrics
from tests.e2e.processes import ServiceProcess, serving, wait_until_not_ready
from tests.e2e.slow_bundle import make_slow_bundle
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

WAITING = 24
STAYING, LEAVING = 60, 20
"""So many stay that none of those who leave has its turn before they have left."""
PATIENT = {"X-Deadline-Ms": "120000"}
DRAIN = {"VREID_DRAIN_TIMEOUT": "120"}


@pytest.fixture(scope="module")
def slow_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_slow_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def slow_service(slow_bundle: Bundle, tmp_path: Path) -> Iterator[ServiceProcess]:
    engine = ("--engine", "onnxruntime-cpu")
    with serving(slow_bundle.path, tmp_path / "gallery", *engine, environment=DRAIN) as process:
        yield process


def request_to(service: ServiceProcess, path: str = "/embed") -> bytes:
    return multipart_request(urlsplit(service.address).netloc, path, triplet(1), headers=PATIENT)


@asynccontextmanager
async def connected(service: ServiceProcess, count: int) -> AsyncIterator[list[Connection]]:
    url = urlsplit(service.address)
    assert url.hostname is not None
    assert url.port is not None
    connections = [await Connection.open(url.hostname, url.port) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()
        # The event loop closes the sockets in its next turn.
        await asyncio.sleep(0)


def test_every_admitted_request_is_answered_before_the_process_ends(
    slow_service: ServiceProcess,
) -> None:
    answers, late = asyncio.run(terminate_under_load(slow_service))
    assert [answer.status for answer in answers] == [200] * WAITING
    assert late.status == 503
    assert slow_service.process.wait(timeout=120) == 0
    assert "Traceback" not in slow_service.log.read_text()


async def terminate_under_load(service: ServiceProcess) -> tuple[list[Answer], Answer]:
    async with connected(service, WAITING) as connections, connected(service, 1) as (latecomer,):
        asking = [asyncio.create_task(one.ask(request_to(service))) for one in connections]
        await decoded(service, WAITING)
        os.kill(service.process.pid, signal.SIGTERM)
        await asyncio.to_thread(wait_until_not_ready, service)
        late = await latecomer.ask(request_to(service))
        return await asyncio.gather(*asking), late


async def decoded(service: ServiceProcess, requests: int) -> None:
    """Return when the images of so many requests have been decoded, and wait to be computed."""
    name, labels = "vreid_stage_seconds_count", {"stage": "decode"}
    await asyncio.to_thread(
        wait_for_metrics, service.client, lambda now: now.total(name, labels) >= requests
    )


def test_what_clients_gave_up_is_not_computed(slow_service: ServiceProcess) -> None:
    answers = asyncio.run(leave_the_queue(slow_service))
    assert [answer.status for answer in answers] == [200] * STAYING
    metrics = read_metrics(slow_service.client)
    assert metrics.total("vreid_queued_images") == 0
    assert metrics.total("vreid_dropped_total", {"reason": "client-gone"}) == LEAVING
    assert metrics.total("vreid_batch_images_sum") == 3 * STAYING


async def leave_the_queue(service: ServiceProcess) -> list[Answer]:
    async with connected(service, STAYING) as staying, connected(service, LEAVING) as leaving:
        asking = [asyncio.create_task(one.ask(request_to(service))) for one in staying]
        await decoded(service, STAYING)
        left = [asyncio.create_task(one.ask(request_to(service))) for one in leaving]
        await decoded(service, STAYING + LEAVING)
        for connection in leaving:
            connection.close()
        await asyncio.gather(*left)
        return await asyncio.gather(*asking)
