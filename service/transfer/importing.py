"""Importing: records whose features were computed elsewhere, from a file into a gallery.

    file --blocks--> checked --one transaction a block--> stored

A block is durable when it is counted. An import that was ended is run again: records that are in
the gallery already are compared with the file's and skipped when they are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from service.errors import DuplicateRecord
from service.gallery.blocks import RecordBlock
from service.gallery.store import GalleryStore
from service.indexing.rejects import RejectsFile
from service.transfer.checking import CheckedRows, RejectedRow, checked, without_repeated_ids
from service.transfer.files import open_records
from vreid.errors import FingerprintMismatch

DEFAULT_BATCH_SIZE = 2048

_TAKEN = (
    "The gallery has another record with this id; give this one another id, or delete that one "
    "first."
)


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did, in rows of the file. `rejects` is None when nothing was rejected."""

    imported: int
    skipped: int
    rejected: int
    seconds: float
    rejects: Path | None


def import_records(
    file: Path,
    fingerprint: str,
    feature_size: int,
    gallery_directory: Path,
    *,
    model: str | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    rejects: Path | None = None,
    warn: Callable[[str], None] = lambda sentence: None,
    show_progress: bool = True,
) -> ImportSummary:
    """Store every record of a file in the gallery of the model `fingerprint`.

    `model` is the fingerprint of what made the features, where the file does not say it. A row that
    is no record raises nothing: it is rejected, and so is one whose id another record has.

    Raises `FingerprintMismatch` when the features are another model's, or the gallery is;
    `UnusableRecordFile`, `ParquetUnavailable`, `GalleryError`, and `IndexingError` when the
    rejects file cannot be written.
    """
    started = time.monotonic()
    with closing(open_records(file, feature_size)) as records:
        _check_model(file, records.model, model, fingerprint, warn)
        store = GalleryStore.open(gallery_directory, fingerprint, feature_size)
        rejected = RejectsFile(rejects or _default_rejects(gallery_directory))
        progress = tqdm(
            total=records.count,
            unit="record",
            desc="importing",
            disable=None if show_progress else True,
        )
        imported = skipped = 0
        try:
            for rows in records.rows(batch_size):
                found = checked(rows)
                added, same, taken = store_new(found, store)
                imported += added
                skipped += same
                for each in sorted((*found.rejected, *taken), key=lambda row: row.row):
                    rejected.write_line(
                        {"source": file.name, "row": each.row, "id": each.id, "reason": each.reason}
                    )
                progress.update(len(rows.mask))
        finally:
            progress.close()
            rejected.close()
            store.close()
    return ImportSummary(
        imported, skipped, rejected.count, time.monotonic() - started, rejected.path
    )


def store_new(found: CheckedRows, store: GalleryStore) -> tuple[int, int, list[RejectedRow]]:
    """Store what is new: how many that was, how many were there, and whose id another has."""
    added = known = 0
    taken: list[RejectedRow] = []
    for rows in without_repeated_ids(found.block):
        block = found.block.rows(rows)
        same, other = _stored(block, store)
        added += len(rows) - len(same) - len(other)
        known += len(same)
        taken += [RejectedRow(found.numbers[rows[at]], block.id[at], _TAKEN) for at in other]
    return added, known, taken


def _stored(block: RecordBlock, store: GalleryStore) -> tuple[list[int], list[int]]:
    """Store the records that the gallery lacks; the rows of those it has, the same or not."""
    while True:
        same, other = store.compare_block(block)
        there = {*same, *other}
        new = [row for row in range(len(block)) if row not in there]
        if not new:
            return same, other
        try:
            store.add_block(block.rows(new))
        except DuplicateRecord:
            # Another process stored one of them in between: compared again, it is there.
            continue
        return same, other


def _check_model(
    file: Path,
    of_file: str | None,
    given: str | None,
    fingerprint: str,
    warn: Callable[[str], None],
) -> None:
    for said_by, model in ((str(file), of_file), ("--model", given)):
        if model is not None and model != fingerprint:
            raise FingerprintMismatch(
                f"{said_by} says that the features are of the model {model}, and the bundle is "
                f"{fingerprint}; features of two models cannot be compared. Use the bundle that "
                "made them, or embed the images again."
            )
    if of_file is None and given is None:
        warn(
            f"{file} does not say which model made its features; they are taken for this bundle's. "
            "Name the model with --model, or write its fingerprint into the file."
        )


def _default_rejects(gallery_directory: Path) -> Path:
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return gallery_directory / f"rejects-{now}.jsonl"
