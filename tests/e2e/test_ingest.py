"""Service, workers and Redis as processes that are killed: nothing is lost or stored twice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.processes import ServiceProcess, serving, vreid
from tests.e2e.workers import working
from tests.kept_port import kept_port
from tests.redis_server import RedisServer, running_redis
from tests.service.ingest.waiting import finished, wait_until
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

ENTRIES = 40
SAME = 16


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path / "redis") as server:
        yield server


def environment(server: RedisServer, **ingest: int | float) -> dict[str, str]:
    settings = {"redis": server.url, "idle": 0.5, "timeout": 2} | ingest
    return {f"VREID_INGEST__{name.upper()}": str(value) for name, value in settings.items()}


def send(address: str, number: int, key: str) -> httpx.Response:
    return httpx.post(
        f"{address}/ingest",
        files=triplet(number % 5, number),
        data={"identity": f"v{number}"},
        headers={"Idempotency-Key": key},
        timeout=30,
        trust_env=False,
    )


def stored_identities(client: httpx.Client) -> list[str]:
    page = client.get("/gallery", params={"limit": "500"}).json()
    assert page["next_cursor"] is None
    return [record["identity"] for record in page["records"]]


def waiting(service: ServiceProcess) -> int:
    return int(service.client.get("/info").json()["ingest"]["length"])


def test_two_workers_share_and_one_of_them_is_killed(
    bundle: Bundle, tmp_path: Path, redis_server: RedisServer
) -> None:
    settings = environment(redis_server)
    gallery = tmp_path / "gallery"
    with ExitStack() as stack:
        service = stack.enter_context(serving(bundle.path, gallery, environment=settings))
        with ThreadPoolExecutor(SAME) as clients:
            answers = list(clients.map(lambda n: send(service.address, n, str(n)), range(ENTRIES)))
            same = list(clients.map(lambda _: send(service.address, 99, "same"), range(SAME)))
        assert {answer.status_code for answer in answers + same} == {202}
        assert len({answer.json()["id"] for answer in same}) == 1
        assert waiting(service) == ENTRIES + 1

        victim = stack.enter_context(working(bundle.path, gallery, settings))
        wait_until(lambda: len(victim.stored()) >= 2, "the first worker")
        victim.kill()
        heirs = [stack.enter_context(working(bundle.path, gallery, settings)) for _ in range(2)]
        for answer in answers + same[:1]:
            progress = finished(service.client, answer.json()["id"])
            assert progress["status"] == "stored", progress
        expected = [f"v{number}" for number in range(ENTRIES)] + ["v99"]
        wait_until(lambda: len(stored_identities(service.client)) >= len(expected), "the gallery")
        assert sorted(stored_identities(service.client)) == sorted(expected)
        assert waiting(service) == 0
        acknowledged = [entry for each in (victim, *heirs) for entry in each.stored()]
        assert len(acknowledged) == len(set(acknowledged))
        assert [heir.stop() for heir in heirs] == [0, 0]


def test_one_worker_acknowledges_in_the_order_of_acceptance(
    bundle: Bundle, tmp_path: Path, redis_server: RedisServer
) -> None:
    settings = environment(redis_server)
    gallery = tmp_path / "gallery"
    with (
        serving(bundle.path, gallery, environment=settings) as service,
        working(bundle.path, gallery, settings) as worker,
    ):
        ids = [send(service.address, number, str(number)).json()["id"] for number in range(8)]
        finished(service.client, ids[-1])
        wait_until(lambda: len(worker.stored()) == 8, "the log")
        assert worker.stored() == ids


def test_redis_dies_and_comes_back(
    bundle: Bundle, tmp_path: Path, redis_server: RedisServer
) -> None:
    accepted: dict[str, str] = {}
    stop = threading.Event()

    def stream(service: ServiceProcess) -> None:
        number = 0
        while not stop.is_set() and number < 400:
            answer = send(service.address, number, str(number))
            if answer.status_code == 202:
                accepted[answer.json()["id"]] = f"v{number}"
                number += 1
            else:
                # What was refused is sent again under its key.
                assert_problem(answer, 503, "ingest-unavailable")
                assert int(answer.headers["retry-after"]) > 0
                stop.wait(0.05)

    settings = environment(redis_server, workers=1)
    with serving(bundle.path, tmp_path / "gallery", environment=settings) as service:
        thread = threading.Thread(target=stream, args=(service,))
        thread.start()
        wait_until(lambda: len(accepted) >= 10, "ten entries")
        redis_server.kill()
        assert_problem(send(service.address, 500, "500"), 503, "ingest-unavailable")
        client = service.client
        assert client.post("/search", files=triplet(1)).status_code == 200
        assert client.post("/gallery", files=triplet(1), data={"id": "one"}).status_code == 201
        assert client.get("/health/ready").status_code == 200
        assert client.get("/info").json()["ingest"]["available"] is False
        assert_problem(client.get("/ingest/x"), 503, "ingest-unavailable")
        before = len(accepted)
        redis_server.start()
        wait_until(lambda: len(accepted) >= before + 10, "entries after the restart")
        stop.set()
        thread.join(timeout=60)
        for entry_id in accepted:
            assert finished(client, entry_id)["status"] == "stored"
        identities = [each for each in stored_identities(client) if each is not None]
        # A request whose answer was lost may have been accepted; it is stored under its key.
        assert len(identities) == len(set(identities))
        assert set(identities) >= set(accepted.values())


def test_a_redis_that_may_evict_is_refused_at_the_start(bundle: Bundle, tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis", maxmemory_policy="allkeys-lru") as server:
        for name in ("serve", "worker"):
            result = vreid(
                *(name, "--bundle", bundle.path, "--gallery", tmp_path / "gallery"),
                environment=environment(server) | {"VREID_PORT": "0"},
            )
            assert result.returncode == 1
            assert "maxmemory-policy is allkeys-lru" in result.stderr
            assert "noeviction" in result.stderr


def test_a_service_starts_before_its_redis(bundle: Bundle, tmp_path: Path) -> None:
    with kept_port() as port:
        server = RedisServer(tmp_path / "redis", port, appendonly="no")
        settings = environment(server, workers=1)
        try:
            with serving(bundle.path, tmp_path / "gallery", environment=settings) as service:
                assert "does not answer" in service.log.read_text()
                assert_problem(send(service.address, 1, "1"), 503, "ingest-unavailable")
                server.start()
                answer = send(service.address, 1, "1")
                assert finished(service.client, answer.json()["id"])["status"] == "stored"
                assert service.client.get("/info").json()["ingest"]["keeps_on_disk"] is False
            with serving(bundle.path, tmp_path / "gallery", environment=settings) as service:
                assert "appendonly off" in service.log.read_text()
        finally:
            server.stop()
