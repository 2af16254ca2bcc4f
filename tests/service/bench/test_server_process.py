import os
import sys
from pathlib import Path

import httpx
import pytest

from service.bench.errors import ServerNotReady
from service.bench.server_process import free_port, running_server, serve_command
from tests.bundles import make_tiny_bundle

_SLEEPING = "import time; time.sleep(600)"


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_service_runs_for_the_length_of_the_block(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    port = free_port()
    command = serve_command(port, bundle.path, tmp_path / "gallery")
    settings = {"VREID_ENGINE": "onnxruntime-cpu"}
    with running_server(command, port, environment=settings, log=tmp_path / "log") as server:
        assert httpx.get(f"{server.url}/health/ready", trust_env=False).status_code == 200
        assert server.ready_seconds > 0
    assert not alive(server.process)


def test_a_server_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such bundle')"]
    with (
        pytest.raises(ServerNotReady, match="status 1 before it was ready: no such bundle"),
        running_server(command, free_port(), log=tmp_path / "log"),
    ):
        pass


def test_a_server_that_never_answers_is_given_up_and_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid())); {_SLEEPING}"
    with (
        pytest.raises(ServerNotReady, match="not ready within 2 s"),
        running_server([sys.executable, "-c", script], free_port(), timeout=2),
    ):
        pass
    assert not pid.exists() or not alive(int(pid.read_text()))
