from pathlib import Path

import httpx
import pytest

from service.ingest.settings import IngestSettings
from service.jobs.job import FOLDER
from service.jobs.report import JobReport
from service.keys.key import ROLES, Role, make_key
from service.keys.key_file import add_key
from service.running import Running
from tests.redis_server import RedisServer, running_redis
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid import __version__
from vreid.bundle import Bundle


def test_status_tells_what_runs_and_what_is_in_work(
    service: tuple[httpx.Client, Running], calibrated_bundle: Bundle
) -> None:
    client, _ = service
    client.post("/gallery", files=triplet(1))
    answer = client.get("/status").json()
    assert answer["version"] == __version__
    assert answer["uptime_seconds"] > 0
    assert answer["model"]["fingerprint"] == calibrated_bundle.fingerprint
    assert answer["engine"]["name"] == "onnxruntime-cpu"
    assert answer["queue"] == {
        "held": 0,
        "images": {"rgb": 0, "nir": 0, "tir": 0},
        "wait_seconds": 0.0,
    }
    assert answer["gallery"] == {"records": 1, "segments": 0, "unsealed": 1, "recall": None}
    assert answer["ingest"] is None
    assert answer["jobs"] == []


def test_status_has_the_jobs_of_the_gallery(
    service: tuple[httpx.Client, Running], tmp_path: Path
) -> None:
    client, _ = service
    report = JobReport(tmp_path / "gallery", "index", "archive")
    report.expect(4)
    report.advance(indexed=2, rejected=1)
    report.end("interrupted", "the disk is full")
    [job] = client.get("/status").json()["jobs"]
    assert job.pop("started_at") <= job.pop("updated_at")
    assert job.pop("per_second") > 0
    assert job == {
        "id": report.job.id,
        "kind": "index",
        "source": "archive",
        "state": "interrupted",
        "done": 3,
        "total": 4,
        "indexed": 2,
        "updated": 0,
        "skipped": 0,
        "rejected": 1,
        "reason": "the disk is full",
    }


def test_where_things_lie_on_the_machine_is_told_to_admin_alone(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    tokens: dict[Role, str] = {}
    for role in ROLES:
        key, tokens[role] = make_key(role, role)
        add_key(tmp_path / "keys.json", key)
    access = {"keys": tmp_path / "keys.json"}
    place = tmp_path / "gallery"
    with running_service(calibrated_bundle.path, place, access=access) as (client, _):
        source = "/srv/of site 1/night"
        report = JobReport(place, "index", source)
        reason = f"{source} holds no images; see '/srv/logs/a.log' and https://vreid.example/docs/a"
        report.end("interrupted", reason)
        for role, token in tokens.items():
            answer = client.get("/status", headers={"Authorization": f"Bearer {token}"})
            [job] = answer.json()["jobs"]
            if role == "admin":
                assert (job["source"], job["reason"]) == (source, reason)
            else:
                assert job["source"] == "night"
                assert "/srv" not in job["reason"]
                assert "night holds no images; see 'a.log'" in job["reason"]
                assert "https://vreid.example/docs/a" in job["reason"]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"version": 2}'])
def test_a_damaged_job_is_left_out(
    service: tuple[httpx.Client, Running], tmp_path: Path, content: bytes
) -> None:
    client, _ = service
    folder = tmp_path / "gallery" / FOLDER
    folder.mkdir()
    (folder / "20260301T120000000000Z-00000000.json").write_bytes(content)
    response = client.get("/status")
    assert (response.status_code, response.json()["jobs"]) == (200, [])


def test_status_tells_how_far_ingest_is_behind_and_when_redis_is_gone(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with running_redis(tmp_path / "redis") as redis:
        ingest = IngestSettings.model_validate({"redis": redis.url}).model_dump()
        with running_service(calibrated_bundle.path, tmp_path / "gallery", ingest=ingest) as (
            client,
            _,
        ):
            none = {"available": True, "waiting": 0, "lag_seconds": 0.0, "failed": 0}
            assert client.get("/status").json()["ingest"] == none
            assert client.post("/ingest", files=triplet(1)).status_code == 202
            assert client.post("/ingest", files=triplet(2)).status_code == 202
            behind = client.get("/status").json()["ingest"]
            later = client.get("/status").json()["ingest"]
            assert (behind["waiting"], behind["failed"]) == (2, 0)
            assert 0 <= behind["lag_seconds"] <= later["lag_seconds"]
            stop(redis)
            response = client.get("/status")
            assert response.status_code == 200
            gone = {"available": False, "waiting": None, "lag_seconds": None, "failed": None}
            assert response.json()["ingest"] == gone


def stop(redis: RedisServer) -> None:
    redis.kill()
