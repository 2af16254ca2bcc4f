"""The other services: how each is started, and in which environment."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service.bench.server_process import HOST, Server, free_port, running_server

REPOSITORY = Path(__file__).parents[2]
PEERS_PYTHON = REPOSITORY / "build" / "peers" / "bin" / "python"

_PACKAGE = "benchmarks.serving.peers"
# Nothing leaves this machine.
_QUIET = {"BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to serve.

    Attributes:
        label: in the tables.
        module: `uvicorn`, or what else Python runs.
        arguments: of it; `{port}` is where to listen.
        ready_path: what answers 200 when it can work.
        path: what images are posted to.
        environment: variables of it.
        own_environment: whether it runs in this project's environment, for torch.
    """

    label: str
    module: str
    arguments: tuple[str, ...]
    ready_path: str
    path: str = "/embed"
    environment: Mapping[str, str] = field(default_factory=dict)
    own_environment: bool = False


def _plain(label: str, app: str, *more: str, own: bool = False, **environment: str) -> Peer:
    arguments = (f"{_PACKAGE}.{app}:app", "--host", HOST, "--port", "{port}", "--no-access-log")
    return Peer(label, "uvicorn", arguments + more, "/ready", "/embed", environment, own)


PEERS: Mapping[str, Peer] = {
    "torch": _plain("FastAPI + torch eager", "plain_torch", own=True),
    "onnxruntime": _plain("FastAPI + ONNX Runtime", "plain_onnxruntime"),
    "onnxruntime-calm": _plain(
        "FastAPI + ONNX Runtime, not spinning", "plain_onnxruntime", PEER_SPINNING="0"
    ),
    "onnxruntime-workers": _plain(
        "FastAPI + ONNX Runtime, 2 processes of 1 thread",
        "plain_onnxruntime",
        *("--workers", "2"),
        PEER_SPINNING="0",
        PEER_THREADS="1",
    ),
    "litserve": Peer(
        "LitServe, 2 workers, batches",
        f"{_PACKAGE}.litserve_service",
        (),
        "/health",
        "/predict",
        {"PEER_PORT": "{port}", "PEER_SPINNING": "0", "PEER_THREADS": "1"},
    ),
    "bentoml": Peer(
        "BentoML, 2 workers, adaptive batches",
        "bentoml",
        (
            *("serve", f"{_PACKAGE}.bentoml_service:Triplets"),
            *("--host", HOST, "--port", "{port}", "--timeout", "60"),
        ),
        "/readyz",
        "/embed",
        {"PEER_SPINNING": "0", "PEER_THREADS": "1"},
    ),
}


@contextmanager
def running_peer(name: str, bundle: Path, backbone: str) -> Iterator[Server]:
    """Run a peer on a free port for the length of the block.

    Args:
        name: in `PEERS`.
        bundle: whose fp32 files it serves.
        backbone: the bundle's, for the peer that builds the network itself.

    Raises:
        ServerNotReady: it did not start.
    """
    peer = PEERS[name]
    port = free_port()
    python = sys.executable if peer.own_environment else str(PEERS_PYTHON)
    with tempfile.TemporaryDirectory() as scratch:
        environment = {
            **_QUIET,
            "BENTOML_HOME": scratch,
            "PEER_BUNDLE": str(bundle.resolve()),
            "PEER_BACKBONE": backbone,
            **{key: value.format(port=port) for key, value in peer.environment.items()},
        }
        arguments = [each.format(port=port) for each in peer.arguments]
        with running_server(
            [python, "-m", peer.module, *arguments],
            port,
            ready_path=peer.ready_path,
            environment=environment,
            directory=REPOSITORY,
            log=Path(os.environ.get("PEER_LOG") or Path(scratch) / "log"),
            stop_seconds=5.0,
        ) as server:
            yield server
