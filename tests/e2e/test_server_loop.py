"""The server runs on the fast loop and parser where they are installed, and without them too."""

import os
from pathlib import Path

import httpx

from tests.e2e.processes import ServiceProcess, serving
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

_BLOCKED = "import sys; sys.modules.update(dict.fromkeys(('uvloop', 'httptools')))\n"


def libraries(service: ServiceProcess) -> str:
    """The files that the process has mapped into its memory."""
    return Path(f"/proc/{service.process.pid}/maps").read_text()


def embeds_twice_on_one_connection(service: ServiceProcess) -> None:
    with httpx.Client(base_url=service.address, timeout=30, trust_env=False) as client:
        ports = set()
        for _ in range(2):
            with client.stream("POST", "/embed", files=triplet(0, 0)) as response:
                stream = response.extensions["network_stream"]
                ports.add(stream.get_extra_info("client_addr"))
                assert response.status_code == 200, response.read()
                response.read()
    assert len(ports) == 1


def test_the_server_runs_on_uvloop_and_httptools(service: ServiceProcess) -> None:
    embeds_twice_on_one_connection(service)
    assert "uvloop/loop." in libraries(service)
    assert "httptools/parser" in libraries(service)


def test_without_them_it_serves_by_asyncio_and_h11(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_BLOCKED)
    paths = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    without = {"PYTHONPATH": paths}
    with serving(bundle.path, tmp_path / "gallery", environment=without) as service:
        embeds_twice_on_one_connection(service)
        assert "uvloop" not in libraries(service)
        assert "httptools" not in libraries(service)
