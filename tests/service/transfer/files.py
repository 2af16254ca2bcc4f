"""Files of records for the tests of importing and exporting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from service.gallery.record import DamagedRecord, Record
from service.gallery.store.store import GalleryStore
from service.transfer.importing import ImportSummary, import_records
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT


def arrays(count: int = 4, feature_size: int = FEATURE_SIZE, seed: int = 0) -> dict[str, Any]:
    """Arrays of an npz file: records r0, r1, ... with every modality."""
    drawn = np.random.default_rng(seed).normal(size=(count, 3, feature_size))
    return {
        "features": drawn.astype(np.float16),
        "mask": np.ones((count, 3), dtype=np.bool_),
        "id": np.array([f"r{number}" for number in range(count)]),
        "model": np.array(FINGERPRINT),
    }


def write_npz(path: Path, **members: Any) -> Path:  # noqa: ANN401
    """Write a file of records as `numpy.savez` does."""
    np.savez(path, **members)
    return path


def imported(file: Path, gallery: Path, **options: Any) -> ImportSummary:  # noqa: ANN401
    """Import a file into the gallery of the tests' model."""
    return import_records(file, FINGERPRINT, FEATURE_SIZE, gallery, show_progress=False, **options)


def counts(summary: ImportSummary) -> tuple[int, int, int]:
    """Imported, skipped, rejected."""
    return summary.imported, summary.skipped, summary.rejected


def stored(gallery: Path) -> list[dict[str, Any]]:
    """Everything of the gallery's records that a file of records has, in their order."""
    store = GalleryStore.open_existing(gallery)
    try:
        return [_told(store, record) for record in store.all_records()]
    finally:
        store.close()


def rejected_rows(summary: ImportSummary) -> list[dict[str, Any]]:
    """The lines of the rejects file."""
    assert summary.rejects is not None
    return [json.loads(line) for line in summary.rejects.read_text().splitlines()]


def _told(store: GalleryStore, record: Record | DamagedRecord) -> dict[str, Any]:
    assert isinstance(record, Record)
    with store.database.reading() as connection:
        hashes = connection.execute(
            "SELECT hash FROM record_images WHERE record_sequence = ?", (record.sequence,)
        ).fetchall()
    return {
        "id": record.id,
        "features": record.features.tobytes(),
        "mask": record.mask.tolist(),
        "identity": record.identity,
        "camera": record.camera,
        "scene": record.scene,
        "captured_at": record.captured_at,
        # As text: true and 1 are equal in Python.
        "attributes": json.dumps(dict(record.attributes)),
        "source": dict(record.source),
        "content_hash": record.content_hash,
        "images_hash": hashes,
        "created_at": record.created_at,
    }
