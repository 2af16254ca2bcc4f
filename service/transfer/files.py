"""Opening a file of records by its suffix, and making one that appears only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service import parquet
from service.errors import UnusableRecordFile, UnwritableRecordFile
from service.gallery.store.database import sync_directory
from service.transfer.npz_reading import NpzRecords
from service.transfer.parquet_reading import ParquetRecords
from service.transfer.rows import RecordFile

NPZ_SUFFIX = ".npz"
SUFFIXES = (NPZ_SUFFIX, parquet.SUFFIX)


def open_records(path: Path, feature_size: int) -> RecordFile:
    """Open a file of records for reading.

    Raises `UnusableRecordFile` when it is not made as one or has features of another size than
    `feature_size`, and `ParquetUnavailable`.
    """
    if not path.is_file():
        raise UnusableRecordFile(f"{path} is no file; name one that ends in {_suffixes()}.")
    records: RecordFile
    match path.suffix.lower():
        case ".npz":
            records = NpzRecords(path)
        case ".parquet":
            records = ParquetRecords(path, feature_size)
        case _:
            raise UnusableRecordFile(
                f"{path} is of no known kind; name a file that ends in {_suffixes()}."
            )
    if records.feature_size != feature_size:
        records.close()
        raise UnusableRecordFile(
            f"{path} has features of {records.feature_size} values a modality, and the bundle "
            f"makes {feature_size}; embed the images with the bundle."
        )
    return records


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to; when the block ends well, the file is on the disk under its own name.

    Raises `UnwritableRecordFile` when the file is there already or cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UnwritableRecordFile(
            f"{path} is of no known kind; name a file that ends in {_suffixes()}."
        )
    if path.exists():
        raise UnwritableRecordFile(f"{path} is there already; name a new file, or remove it first.")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        _give_name(partial, path)
        sync_directory(path.parent)
    except FileExistsError as error:
        raise UnwritableRecordFile(
            f"{path} has been made by somebody else meanwhile; name a new file, and export again."
        ) from error
    except OSError as error:
        raise UnwritableRecordFile(
            f"{path} cannot be written ({error.strerror or error}); free disk space, or name a "
            "file in a directory that you may write to."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _give_name(partial: Path, path: Path) -> None:
    """Give a whole file its name. Raises FileExistsError when somebody has made one meanwhile."""
    try:
        # Unlike a rename it fails when the name is taken.
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        # Not every file system has hard links: the name is taken first, by an empty file.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            partial.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _suffixes() -> str:
    return " or ".join(SUFFIXES)
