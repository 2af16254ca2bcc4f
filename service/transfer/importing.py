"""Importing: records whose features were computed elsewhere, from a file into a gallery.

    file --blocks--> checked --one transaction a block--> stored

A block is durable when it is counted. An import that was ended is run again: records that are in
the gallery already are compared with the file's and skipped when they are the same, and so are
those whose content the gallery has under another id.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from service.gallery.store.store import GalleryStore
from service.indexing.rejects import RejectsFile
from service.jobs.report import reported_job
from service.transfer.checking import checked
from service.transfer.files import open_records
from service.transfer.storing import Storing
from vreid.errors import FingerprintMismatch

DEFAULT_BATCH_SIZE = 2048


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did, in rows of the file. `rejects` is None when nothing was rejected.

    `known_content` is how many of the skipped ones have content that the gallery has under another
    id.
    """

    imported: int
    skipped: int
    known_content: int
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
        with ExitStack() as stack:
            store = stack.enter_context(
                closing(GalleryStore.open(gallery_directory, fingerprint, feature_size))
            )
            report = stack.enter_context(reported_job(gallery_directory, "import", str(file)))
            report.expect(records.count)
            rejected = stack.enter_context(
                closing(RejectsFile(rejects or _default_rejects(gallery_directory)))
            )
            progress = stack.enter_context(
                tqdm(
                    total=records.count,
                    unit="record",
                    desc="importing",
                    disable=None if show_progress else True,
                )
            )
            storing = Storing(store)
            imported = skipped = known_content = 0
            for rows in records.rows(batch_size):
                found = checked(rows)
                done = storing.store(found)
                imported += done.added
                skipped += done.same + done.known_content
                known_content += done.known_content
                refused = sorted((*found.rejected, *done.taken), key=lambda row: row.row)
                for each in refused:
                    rejected.write_line(
                        {"source": file.name, "row": each.row, "id": each.id, "reason": each.reason}
                    )
                progress.update(len(rows.mask))
                report.advance(
                    indexed=done.added,
                    skipped=done.same + done.known_content,
                    rejected=len(refused),
                )
    return ImportSummary(
        imported,
        skipped,
        known_content,
        rejected.count,
        time.monotonic() - started,
        rejected.path,
    )


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
