"""`kill -9` during a stream of enrolments: what was answered 201 is there, and nothing is half."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from tests.e2e.processes import ServiceProcess, serving
from tests.service.vehicles import triplet
from vreid.bundle import Bundle
from vreid.modality import MODALITIES

CLIENTS = 4
ACKNOWLEDGED_BEFORE_KILL = 30


@dataclass
class Stream:
    """Enrolments that several clients send until the service dies."""

    address: str
    acknowledged: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, number: int) -> None:
        with httpx.Client(base_url=self.address, timeout=30, trust_env=False) as client:
            for count in range(10_000):
                record_id = f"{number}-{count}"
                with self._lock:
                    self.sent.add(record_id)
                try:
                    response = client.post(
                        "/gallery",
                        files=triplet(count % 5, number),
                        data={"id": record_id, "identity": f"v{count % 5}"},
                    )
                except httpx.TransportError:
                    return
                with self._lock:
                    if response.status_code == 201:
                        self.acknowledged.add(record_id)
                    else:
                        self.refused.append(response.text)


def test_every_acknowledged_record_is_whole_after_a_kill(bundle: Bundle, tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    with serving(bundle.path, gallery) as service:
        stream = kill_during_enrolment(service)
    assert len(stream.acknowledged) >= ACKNOWLEDGED_BEFORE_KILL
    assert stream.refused == []

    with serving(bundle.path, gallery) as restarted:
        stored = all_ids(restarted.client)
        assert stream.acknowledged <= stored
        assert stored <= stream.sent
        for record_id in stored:
            assert_whole(restarted.client, record_id)
        assert searchable_ids(restarted.client, len(stored)) == stored


def kill_during_enrolment(service: ServiceProcess) -> Stream:
    stream = Stream(service.address)
    clients = [threading.Thread(target=stream.run, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    deadline = time.monotonic() + 60
    while len(stream.acknowledged) < ACKNOWLEDGED_BEFORE_KILL and time.monotonic() < deadline:
        time.sleep(0.002)
    service.kill()
    for client in clients:
        client.join(timeout=60)
    return stream


def all_ids(client: httpx.Client) -> set[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        parameters = {"limit": "50"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/gallery", params=parameters).json()
        ids = {record["id"] for record in page["records"]}
        assert not ids & found
        found |= ids
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def assert_whole(client: httpx.Client, record_id: str) -> None:
    record = client.get(f"/gallery/{record_id}").json()
    assert record["mask"] == dict.fromkeys(("rgb", "nir", "tir"), True)
    for modality in MODALITIES:
        assert client.get(record["thumbnails"][modality.value]).content[:2] == b"\xff\xd8"


def searchable_ids(client: httpx.Client, count: int) -> set[str]:
    results = client.post("/search", files=triplet(0), data={"k": str(count)}).json()["results"]
    assert all(np.isfinite(result["score"]) for result in results)
    return {result["id"] for result in results}
