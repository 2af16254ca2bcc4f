"""Exporting: the records of a gallery, as they are at one moment, into a file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from service.gallery.filters.filter import Filter
from service.gallery.store.store import GalleryStore
from service.parquet import SUFFIX as PARQUET_SUFFIX
from service.parquet import parquet_package
from service.transfer.files import new_file
from service.transfer.gallery_reading import snapshot
from service.transfer.npz_writing import write_npz
from service.transfer.parquet_writing import write_parquet
from service.transfer.rows import rows_at_once
from vreid.modality import MODALITIES

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an export wrote: records, bytes of the file, seconds."""

    exported: int
    bytes: int
    seconds: float


def export_records(
    store: GalleryStore, target: Path, only: Filter | None = None, *, show_progress: bool = True
) -> ExportSummary:
    """Write every record to `target`, whose suffix tells the kind of file.

    With a filter `only`, the records that pass it. The file is there when it is whole. Others may
    write to the gallery meanwhile; the file has what was committed when the export began.
    Thumbnails and kept images are not in it.

    Raises `UnwritableRecordFile`, `ParquetUnavailable`, and `GalleryDamaged` when a record is not
    what was stored.
    """
    started = time.monotonic()
    is_parquet = target.suffix.lower() == PARQUET_SUFFIX
    if is_parquet:
        parquet_package()
    write = write_parquet if is_parquet else write_npz
    at_once = rows_at_once(_BLOCK, len(MODALITIES) * store.facts.feature_size * 2)
    with (
        new_file(target) as path,
        snapshot(store, only) as records,
        tqdm(
            total=records.count,
            unit="record",
            desc="exporting",
            disable=None if show_progress else True,
        ) as progress,
    ):
        write(records, path, at_once, lambda count: _advance(progress, count))
    return ExportSummary(records.count, target.stat().st_size, time.monotonic() - started)


def _advance(progress: tqdm[NoReturn], count: int) -> None:
    progress.update(count)
