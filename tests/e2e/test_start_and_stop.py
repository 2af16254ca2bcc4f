"""Starting with something wrong is one sentence and status 1; stopping finishes what runs."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e.processes import (
    ServiceProcess,
    clean_environment,
    command,
    serving,
    vreid,
    wait_until_not_ready,
)
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


def assert_refused(*arguments: str | Path, saying: str, **environment: str) -> None:
    ended = vreid("serve", *arguments, environment=environment)
    assert ended.returncode == 1
    assert saying in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_an_engine_asked_for_and_absent_is_a_start_up_error(bundle: Bundle, tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the engine that the test needs to be absent")
    assert_refused(
        *("--bundle", bundle.path, "--gallery", tmp_path, "--port", "0"),
        *("--engine", "onnxruntime-cuda"),
        saying="onnxruntime-cuda was asked for",
    )


def test_a_bundle_that_is_not_there_is_a_start_up_error(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert_refused("--bundle", absent, "--gallery", tmp_path, "--port", "0", saying=str(absent))


def test_a_port_that_is_taken_is_a_start_up_error(bundle: Bundle, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(
            *("--bundle", bundle.path, "--gallery", tmp_path, "--port", port),
            saying=f"port {port}",
        )


def test_a_service_that_is_stopped_as_soon_as_it_is_announced_ends_in_order(
    bundle: Bundle, tmp_path: Path
) -> None:
    with subprocess.Popen(
        command(["serve", "--port", "0", "--bundle", bundle.path, "--gallery", tmp_path]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=clean_environment(),
    ) as process:
        assert process.stdout is not None
        assert "vreid listens on" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_an_open_address_without_keys_is_a_start_up_error(bundle: Bundle, tmp_path: Path) -> None:
    assert_refused(
        *("--bundle", bundle.path, "--gallery", tmp_path, "--host", "0.0.0.0"),
        saying="VREID_ALLOW_OPEN",
    )


def test_the_log_names_the_bundle_the_gallery_and_its_number_of_records(
    bundle: Bundle, tmp_path: Path
) -> None:
    with serving(bundle.path, tmp_path / "gallery") as service:
        assert service.client.post("/gallery", files=triplet(1)).status_code == 201
        assert service.stop() == 0
    with serving(bundle.path, tmp_path / "gallery") as service:
        log = service.log.read_text()
    assert f"bundle {bundle.path}; engine " in log
    assert f"; gallery {tmp_path / 'gallery'}, 1 records; no API keys" in log


def test_requests_that_run_at_sigterm_are_answered_and_new_ones_are_sent_away(
    service: ServiceProcess,
) -> None:
    request = httpx.Request("POST", service.address + "/search", files=triplet(1))
    body = request.read()
    host, port = request.url.host, request.url.port
    assert port is not None
    with socket.create_connection((host, port), timeout=30) as connection:
        head = (
            f"POST /search HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\n"
            f"Content-Type: {request.headers['content-type']}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode())
        # The service says so when it has begun to read: from here on the request is running.
        assert connection.recv(4096).startswith(b"HTTP/1.1 100")
        os.kill(service.process.pid, signal.SIGTERM)
        wait_until_not_ready(service)
        late = service.client.get("/info")
        assert_problem(late, 503, "shutting-down")
        assert late.headers["connection"] == "close"
        assert late.headers["retry-after"]
        connection.sendall(body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    assert service.process.wait(timeout=60) == 0
    assert "Traceback" not in service.log.read_text()


def test_config_prints_what_would_be_used_and_warns_about_typing_errors() -> None:
    ended = vreid("config", environment={"VREID_PORT": "9123", "VREID_PROT": "1"})
    assert ended.returncode == 0
    assert "VREID_PORT=9123\n" in ended.stdout
    assert "VREID_PROT is no setting" in ended.stderr


def test_the_service_runs_without_torch() -> None:
    script = (
        "import sys, service.app, service.http.server, service.cli, service.demo.run\n"
        "assert not {'torch', 'timm', 'training', 'export'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=clean_environment())


def test_a_search_is_answered_by_the_process(service: ServiceProcess) -> None:
    service.client.post("/gallery", files=triplet(1), data={"identity": "v1"})
    results = service.client.post("/search", files=triplet(1)).json()["results"]
    assert results[0]["identity"] == "v1"
