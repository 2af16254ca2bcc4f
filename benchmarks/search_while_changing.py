"""Measures searches of a real gallery, SQLite and all, while records are added and deleted."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered_vectors import ClusteredVectors
from benchmarks.real_photographs import BUNDLE
from service.gallery.gallery import Gallery
from service.gallery.record import NewRecord
from vreid.bundle import Bundle

ADDED_PER_SECOND = 100
DELETED_PER_SECOND = 10

_ADDED_AT_ONCE = 500
_QUERIES = 100
_MASK = np.array([True, False, False])


@dataclass(slots=True)
class Changes:
    """Adds and deletes at a steady pace in a thread of its own."""

    gallery: Gallery
    vectors: NDArray[np.float32]
    ids: list[str]
    added: int = 0
    deleted: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Change until `end`; late changes are caught up with."""
        started = time.perf_counter()
        while not self._ended.is_set():
            due = started + self.added / ADDED_PER_SECOND
            if self._ended.wait(max(0.0, due - time.perf_counter())):
                return
            vector = self.vectors[self.added % len(self.vectors)]
            self.ids.append(self.gallery.add(_record(vector)).id)
            self.added += 1
            if self.added % (ADDED_PER_SECOND // DELETED_PER_SECOND) == 0:
                self.gallery.delete(self.ids[self.deleted])
                self.deleted += 1

    def end(self) -> None:
        """Let `run` return."""
        self._ended.set()


def measure_while_changing(scratch: Path, rows: int, seconds: float) -> dict[str, Any]:
    """p50 and p99 of a search of a gallery of `rows` records, at rest and while it changes."""
    bundle = Bundle.load(BUNDLE)
    source = ClusteredVectors(rows, bundle.manifest.feature_size)
    queries = source.queries(_QUERIES)
    with (
        tempfile.TemporaryDirectory(dir=scratch) as place,
        Gallery.open(Path(place) / "gallery", bundle) as gallery,
    ):
        ids: list[str] = []
        for block in source.blocks():
            for first in range(0, len(block), _ADDED_AT_ONCE):
                records = [_record(vector) for vector in block[first : first + _ADDED_AT_ONCE]]
                ids += [each.id for each in gallery.add_all(records)]
        changes = Changes(gallery, source.queries(1000), ids)
        phases = {"at rest": _searches(gallery, queries, seconds, None)}
        phases["changing"] = _searches(gallery, queries, seconds, changes)
    return {"rows": rows, "dimensions": bundle.manifest.feature_size, "phases": phases}


def _searches(
    gallery: Gallery, queries: NDArray[np.float32], seconds: float, changes: Changes | None
) -> dict[str, float]:
    features = np.zeros((len(queries), 3, queries.shape[1]), np.float32)
    features[:, 0] = queries
    for each in features[:20]:
        gallery.search(each, _MASK)
    thread = None if changes is None else threading.Thread(target=changes.run)
    if thread is not None:
        thread.start()
    latencies: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() < started + seconds or len(latencies) < len(queries):
        began = time.perf_counter()
        gallery.search(features[len(latencies) % len(queries)], _MASK)
        latencies.append(time.perf_counter() - began)
    took = time.perf_counter() - started
    if changes is not None and thread is not None:
        changes.end()
        thread.join()
    return {
        "added_per_second": 0.0 if changes is None else round(changes.added / took, 1),
        "deleted_per_second": 0.0 if changes is None else round(changes.deleted / took, 1),
        "searches": len(latencies),
        "p50_ms": round(1000 * float(np.percentile(latencies, 50)), 3),
        "p99_ms": round(1000 * float(np.percentile(latencies, 99)), 3),
    }


def _record(vector: NDArray[np.float32]) -> NewRecord:
    features = np.zeros((3, len(vector)), np.float32)
    features[0] = vector
    return NewRecord(features=features, mask=_MASK)
