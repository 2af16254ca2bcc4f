"""The other services: how each is started, and in which environment."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from service.bench.server_process import HOST, Server, free_port, running_server
from vreid.engines.processors import usable_processors

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
        precision: of the bundle's files that it serves.
    """

    label: str
    module: str
    arguments: tuple[str, ...]
    ready_path: str
    path: str = "/embed"
    environment: Mapping[str, str] = field(default_factory=dict)
    own_environment: bool = False
    precision: str = "fp32"


PROCESSORS = usable_processors()
_EACH = f"{PROCESSORS} processes of 1 thread"
_CALM = {"PEER_SPINNING": "0"}
_LANES = {"PEER_SPINNING": "0", "PEER_THREADS": "1", "PEER_WORKERS": str(PROCESSORS)}


def _uvicorn(
    label: str, app: str, environment: Mapping[str, str], *more: str, own: bool = False
) -> Peer:
    arguments = (f"{_PACKAGE}.{app}:app", "--host", HOST, "--port", "{port}", "--no-access-log")
    return Peer(label, "uvicorn", arguments + more, "/ready", "/embed", environment, own)


_PLAIN_CALM = _uvicorn("plain, not spinning", "plain_defaults", _CALM)
_WORKERS = _uvicorn(
    f"FastAPI + ONNX Runtime, {_EACH}",
    "plain_onnxruntime",
    _LANES,
    *("--workers", str(PROCESSORS)),
)
_LITSERVE = Peer(
    f"LitServe, {PROCESSORS} workers, batches",
    f"{_PACKAGE}.litserve_service",
    (),
    "/health",
    "/predict",
    {"PEER_PORT": "{port}", **_LANES},
)
_BENTOML = Peer(
    f"BentoML, {PROCESSORS} workers, adaptive batches",
    "bentoml",
    (
        *("serve", f"{_PACKAGE}.bentoml_service:Triplets"),
        *("--host", HOST, "--port", "{port}", "--timeout", "60"),
    ),
    "/readyz",
    "/embed",
    _LANES,
)


def _int8(peer: Peer) -> Peer:
    """The same with the bundle's 8-bit files."""
    environment = {**peer.environment, "PEER_PRECISION": "int8"}
    return replace(peer, label=f"{peer.label}, int8", precision="int8", environment=environment)


PLAIN = "plain"
"""The service that one writes first."""

PEERS: Mapping[str, Peer] = {
    "torch": _uvicorn("FastAPI + torch eager", "plain_torch", {}, own=True),
    PLAIN: _uvicorn("plain: FastAPI + Pillow + ONNX Runtime", "plain_defaults", {}),
    "plain-calm": _PLAIN_CALM,
    "plain-calm-int8": _int8(_PLAIN_CALM),
    "workers": _WORKERS,
    "workers-int8": _int8(_WORKERS),
    "litserve": _LITSERVE,
    "litserve-int8": _int8(_LITSERVE),
    "bentoml": _BENTOML,
    "bentoml-int8": _int8(_BENTOML),
}


@contextmanager
def running_peer(name: str, bundle: Path, backbone: str) -> Iterator[Server]:
    """Run a peer on a free port for the length of the block.

    Args:
        name: in `PEERS`.
        bundle: whose files it serves.
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
