"""Every way to serve at 16 connections, in turn; the same images, files and machine."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.bundles import ServedBundle
from benchmarks.serving.peer_list import PEERS, running_peer
from benchmarks.serving.settings import BenchSettings, open_served, served_by_vreid
from service.bench.errors import BenchError
from service.bench.load import prepared_requests
from service.bench.load_process import measure_load
from service.bench.over_http import embed_plan
from service.bench.process_usage import memory
from service.bench.server_process import Server

CONNECTIONS = 16
OURS = "vreid"
OURS_FP32 = "vreid-fp32"
LABELS = {
    OURS: "vreid",
    OURS_FP32: "vreid, fp32",
    **{name: peer.label for name, peer in PEERS.items()},
}
_ALIKE = 0.98
"""Least cosine between the centers of two ways to serve the same files."""


def measure_comparison(
    settings: BenchSettings, served: ServedBundle, names: Iterable[str] = (*LABELS, OURS)
) -> list[dict[str, Any]]:
    """One row for each name; ours comes first and again at the end."""
    rows: list[dict[str, Any]] = []
    reference: NDArray[np.float64] | None = None
    for name in names:
        row: dict[str, Any] = {"name": name, "label": LABELS[name]}
        try:
            with _serving(settings, name, served) as (server, path, row["runs"]):
                plan = replace(
                    embed_plan(server.url, settings.triplets, CONNECTIONS, settings.seconds),
                    path=path,
                    warm_up=1.0,
                )
                found = _center(server.url, path, prepared_requests(plan)[0])
                reference = found if reference is None else reference
                # Torch has other weights: its features are others.
                row["cosine"] = float(found @ reference) if name != "torch" else None
                load = measure_load(plan)
                row |= {
                    "per_second": load.per_second,
                    "p50_ms": load.ok.p50_ms,
                    "p99_ms": load.ok.p99_ms,
                    "not_200": load.sent - load.ok.count,
                    "ready_seconds": server.ready_seconds,
                    "resident_bytes": memory(server.process).now,
                }
        except BenchError as error:
            row["failed"] = str(error)
        rows.append(row)
    return rows


def unlike(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Labels of those that answer with other centers than the first: they compare nothing."""
    return [row["label"] for row in rows if (row.get("cosine") or 1.0) < _ALIKE]


@contextmanager
def _serving(
    settings: BenchSettings, name: str, served: ServedBundle
) -> Iterator[tuple[Server, str, str]]:
    """The server, what is posted to, and what it runs."""
    if name not in (OURS, OURS_FP32):
        with running_peer(name, served.directory, served.backbone) as server:
            yield server, PEERS[name].path, "fp32"
        return
    precision = "fp32" if name == OURS_FP32 else "auto"
    _, engine = open_served(served, precision=precision)
    with (
        tempfile.TemporaryDirectory() as scratch,
        served_by_vreid(served, engine, Path(scratch) / "gallery") as server,
    ):
        yield server, "/embed", f"{engine.name}, {engine.precision}"


def _center(url: str, path: str, request: bytes) -> NDArray[np.float64]:
    """The center that the first sample's answer has."""
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    headers["Host"] = urlsplit(url).netloc
    asked = urllib.request.Request(url + path, body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=60) as response:
            answer = json.load(response)
    except OSError as error:
        raise BenchError(f"{url}{path} refused the first sample: {error}") from error
    found = np.array(answer["samples"][0]["center"] if "samples" in answer else answer["center"])
    return np.asarray(found / np.linalg.norm(found))
