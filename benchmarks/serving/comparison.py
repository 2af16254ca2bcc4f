"""Every way to serve at 16 connections, in turn; the same images, files and machine."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
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
    settings: BenchSettings, served: ServedBundle, names: Iterable[str] = tuple(LABELS)
) -> list[dict[str, Any]]:
    """One row for each name; all take turns, each with a server that is started for it."""
    rows: list[dict[str, Any]] = [
        {"name": name, "label": LABELS[name], "turns": [], "ok_ms": []} for name in names
    ]
    # Of the first that serves files of a precision: ours, where it does.
    references: dict[str, NDArray[np.float64]] = {}
    for _ in range(settings.rounds):
        for row in rows:
            if "failed" not in row:
                try:
                    found = _take_turn(settings, served, row)
                except BenchError as error:
                    row["failed"] = str(error)
                    continue
                if row["name"] == "torch":
                    # Its weights are others, and so are its features.
                    row["cosine"] = None
                else:
                    reference = references.setdefault(row["precision"], found)
                    row["cosine"] = float(found @ reference)
    return [_summed(row) for row in rows]


def unlike(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Labels of those with other centers than the first of the precision: they compare nothing."""
    found = ((row["label"], row.get("cosine")) for row in rows)
    return [label for label, cosine in found if cosine is not None and cosine < _ALIKE]


def _take_turn(
    settings: BenchSettings, served: ServedBundle, row: dict[str, Any]
) -> NDArray[np.float64]:
    """Add one turn to the row; return the center of the first sample."""
    with _serving(settings, row["name"], served) as (server, path, row["engine"], precision):
        row["precision"] = precision
        whole = settings.plan(server.url, settings.triplets, CONNECTIONS)
        # The shipped thermal images have a palette, which only vreid turns into grey: a grey image
        # in their place is the same to all.
        checked = [{**settings.triplets[0], "tir": settings.triplets[0]["nir"]}]
        # The answers of all turns are put together.
        plan = replace(whole, path=path, answers=-(-settings.answers // settings.rounds))
        found = _center(server.url, path, prepared_requests(replace(plan, samples=checked))[0])
        load = measure_load(plan)
        row["ok_ms"] += load.ok_ms
        row["turns"].append(
            {
                "per_second": load.per_second,
                "answers": load.ok.count,
                "p99_ms": load.ok.p99_ms,
                "not_200": load.sent - load.ok.count,
                "ready_seconds": server.ready_seconds,
                "resident_bytes": memory(server.process).now,
            }
        )
        return found


def _summed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the percentiles of all its answers, and without these."""
    summed = {key: value for key, value in row.items() if key != "ok_ms"}
    turns = row["turns"]
    if not turns or "failed" in row:
        return summed
    if not row["ok_ms"]:
        return {**summed, "failed": "nothing was answered with 200"}
    p50, p99 = np.percentile(row["ok_ms"], [50, 99]).tolist()
    return summed | {
        "answers": len(row["ok_ms"]),
        "per_second": float(np.mean([turn["per_second"] for turn in turns])),
        "slowest_turn": min(turn["per_second"] for turn in turns),
        "fastest_turn": max(turn["per_second"] for turn in turns),
        "p50_ms": p50,
        "p99_ms": p99,
        "not_200": sum(turn["not_200"] for turn in turns),
        "ready_seconds": max(turn["ready_seconds"] for turn in turns),
        "resident_bytes": max(turn["resident_bytes"] for turn in turns),
    }


@contextmanager
def _serving(
    settings: BenchSettings, name: str, served: ServedBundle
) -> Iterator[tuple[Server, str, str, str]]:
    """The server, what is posted to, its engine and its precision."""
    if name not in (OURS, OURS_FP32):
        peer = PEERS[name]
        with running_peer(name, served.directory, served.backbone) as server:
            engine = "torch" if name == "torch" else "onnxruntime-cpu"
            yield server, peer.path, engine, peer.precision
        return
    precision = "fp32" if name == OURS_FP32 else "auto"
    _, opened = open_served(served, precision=precision)
    with (
        tempfile.TemporaryDirectory() as scratch,
        served_by_vreid(served, opened, Path(scratch) / "gallery") as server,
    ):
        yield server, "/embed", opened.name, opened.precision


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
