"""Galleries with segment files, whose codes are bytes that nothing reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.gallery.files.segment_files import SegmentFolder
from service.gallery.files.segment_writer import StoredSegment
from service.gallery.store.bulk_reading import RecordBatch, read_records
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, MASKS, new_record

CODE_BYTES = 11


def open_store(directory: Path) -> GalleryStore:
    """The store of a gallery with small features."""
    return GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)


def filled_store(directory: Path, records: int = 50) -> GalleryStore:
    """A store with records r0, r1, ... of all masks in turn."""
    store = open_store(directory)
    store.add(
        [
            new_record(
                seed, mask=MASKS[seed % len(MASKS)], id=f"r{seed}", identity=f"vehicle {seed}"
            )
            for seed in range(records)
        ]
    )
    return store


def read_whole(store: GalleryStore, after: int = 0, last: int | None = None) -> RecordBatch:
    """The records of a stretch as one batch."""
    (batch,) = read_records(store, after, store.last_sequence() if last is None else last, 10**6)
    return batch


def arrays_of(batch: RecordBatch) -> dict[str, NDArray[Any]]:
    """A segment's arrays: codes of all rows, and of those with all three modalities."""
    generator = np.random.default_rng(int(batch.sequence[0]))
    arrays: dict[str, NDArray[Any]] = {
        "sequence": batch.sequence,
        "checksum": batch.checksum,
        "mask": batch.mask,
    }
    for present, rows in ((0, np.arange(len(batch))), (7, np.flatnonzero(batch.mask == 7))):
        arrays[f"codes/{present}/rows"] = rows.astype(np.int32)
        arrays[f"codes/{present}/codes"] = generator.integers(
            1, 256, (len(rows), CODE_BYTES), dtype=np.uint8
        )
        arrays[f"codes/{present}/center"] = generator.normal(size=FEATURE_SIZE).astype(np.float32)
    return arrays


def write_segment(
    store: GalleryStore, folder: SegmentFolder, after: int = 0, last: int | None = None
) -> StoredSegment:
    """Write the records of a stretch into a segment file."""
    as_of = store.last_sequence()
    batch = read_whole(store, after, last)
    assert batch.features is not None
    blocks: Sequence[NDArray[np.float16]] = (batch.features[:7], batch.features[7:])
    return folder.write(arrays_of(batch), blocks, as_of)


def publish_segments(store: GalleryStore, folder: SegmentFolder, *ends: int) -> list[StoredSegment]:
    """Publish segments of the records up to each end."""
    starts = (0, *ends[:-1])
    written = [
        write_segment(store, folder, after, last) for after, last in zip(starts, ends, strict=True)
    ]
    folder.publish(written, store.last_sequence())
    return written


def segment_paths(directory: Path) -> list[Path]:
    """The segment files of a gallery, in order of their rows."""
    return sorted((directory / "index").glob("*.segment"))


def bytes_of(directory: Path) -> bytes:
    """Everything that any file of a gallery holds."""
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())
