"""`VREID_LOG_FORMAT=json`: one object a line from real processes, and nothing that is private."""

import base64
import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.processes import clean_environment, command, serving, vreid
from tests.e2e.test_keys import bearer, make_key, wait_until_known
from tests.e2e.workers import working
from tests.redis_server import running_redis
from tests.service.indexing.pictures import write_picture
from tests.service.indexing.waiting_picture import make_waiting_picture, while_waiting
from tests.service.ingest.waiting import wait_until
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

JSON = {"VREID_LOG_FORMAT": "json"}


def lines_of(text: str) -> list[dict[str, Any]]:
    """Every line as its object; each has what every line has."""
    told = [json.loads(line) for line in text.splitlines()]
    for each in told:
        assert {"time", "level", "logger", "message"} <= set(each)
    return told


def requests_in(log: Path) -> list[dict[str, Any]]:
    return [each for each in lines_of(log.read_text()) if each["logger"] == "vreid.access"]


def test_a_service_writes_one_object_a_line_and_no_secret(bundle: Bundle, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    environment = JSON | {"VREID_ACCESS__KEYS": str(keys), "VREID_KEPT_NOT": "1"}
    pictures = triplet(7)
    with serving(bundle.path, tmp_path / "gallery", environment=environment) as service:
        key = make_key(keys, "console", "admin")
        client = service.client
        wait_until_known(client, key)
        client.post("/gallery", files=pictures, data={"identity": "Erika"}, headers=bearer(key))
        client.get("/gallery", params={"filter": '{"identity": "Erika"}'}, headers=bearer(key))
        client.get("/gallery/a%0a%7b%22level%22:%22error%22%7d", headers=bearer(key))
        client.get("/info", headers=bearer(key) | {"X-Request-ID": "mine-1"})
        client.get("/info", headers={"Authorization": "Bearer not-a-key-at-all"})
        speak_no_http(service.address)
        wait_until(
            lambda: (
                any(each["route"] == "/info" for each in requests_in(service.log))
                and "Invalid HTTP request" in service.log.read_text()
            ),
            "the lines",
        )
        text = service.log.read_text()
    lines_of(text)
    told = [each for each in lines_of(text) if each["logger"] == "vreid.access"]
    [mine] = [each for each in told if each.get("request_id") == "mine-1"]
    assert (mine["route"], mine["status"], mine["key"]) == ("/info", 200, key["id"])
    assert mine["milliseconds"] > 0
    assert {each["route"] for each in told} >= {"/gallery", "/gallery/{id}", "/info"}
    assert any(each["status"] == 401 and "key" not in each for each in told)
    # uvicorn's own, and what is said before the service runs.
    assert any("Invalid HTTP request" in each["message"] for each in lines_of(text))
    assert any("VREID_KEPT_NOT is no setting" in each["message"] for each in lines_of(text))
    private = ["Erika", key["key"], "not-a-key-at-all"]
    private += [base64.b64encode(each).decode()[20:60] for each in pictures.values()]
    assert [each for each in private if each in text] == []


def speak_no_http(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        while connection.recv(4096):
            pass


def test_a_start_that_fails_says_so_in_a_line(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "gallery").write_text("no directory")
    arguments = ("serve", "--bundle", bundle.path, "--gallery", tmp_path / "gallery", "--port", "0")
    ended = vreid(*arguments, environment=JSON)
    assert ended.returncode == 1
    last = lines_of(ended.stderr)[-1]
    assert last["level"] == "error"
    assert "gallery" in last["message"]


def test_an_index_job_writes_its_sentences_as_lines(bundle: Bundle, tmp_path: Path) -> None:
    source = tmp_path / "archive"
    write_picture(source / "good.jpg", 1)
    (source / "broken.jpg").write_bytes(b"\xff\xd8 but no more")
    arguments = ("index", source, "--bundle", bundle.path, "--gallery", tmp_path / "g", "--json")
    ended = vreid(*arguments, environment=JSON)
    assert ended.returncode == 1
    told = [each["message"] for each in lines_of(ended.stderr)]
    assert any("1 indexed" in each for each in told)
    assert any("rejected samples and the reasons" in each for each in told)
    assert json.loads(ended.stdout.splitlines()[-1])["indexed"] == 1


def test_an_index_job_that_is_interrupted_says_so_in_a_line(bundle: Bundle, tmp_path: Path) -> None:
    source, gallery = tmp_path / "archive", tmp_path / "gallery"
    for number in range(6):
        write_picture(source / f"{number:03}.png", number)
    in_the_middle = make_waiting_picture(source / "003-waits.png")
    arguments: list[str | Path] = ["index", source, "--bundle", bundle.path, "--gallery", gallery]
    arguments += ["--batch-size", "1"]
    process = subprocess.Popen(
        command(arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment() | JSON,
        # Whoever runs the tests in the background has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with while_waiting(in_the_middle, process):
        process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "same command again" in lines_of(complaint)[-1]["message"]


def test_a_worker_writes_one_object_a_line(bundle: Bundle, tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis") as redis:
        environment = JSON | {"VREID_INGEST__REDIS": redis.url}
        gallery = tmp_path / "gallery"
        with (
            serving(bundle.path, gallery, environment=environment) as service,
            working(bundle.path, gallery, environment) as worker,
        ):
            accepted = service.client.post("/ingest", files=triplet(1)).json()
            wait_until(lambda: accepted["id"] in worker.log.read_text(), "the entry")
            stored = [each for each in lines_of(worker.log.read_text()) if stores(each, accepted)]
    assert len(stored) == 1


def stores(line: dict[str, Any], accepted: dict[str, Any]) -> bool:
    return bool(line["message"].endswith(f" stored the entry {accepted['id']}"))
