"""A consistent copy of a database that is in use, as one file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from service.errors import GalleryUnwritable
from service.gallery.store.database import sync_directory, translated_errors


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copy what `source` sees to `target`, durably; the name appears when the file is complete.

    The copy is one read transaction: writers go on meanwhile, and it is never begun again however
    much they write. Raises `GalleryUnwritable` when it cannot be written.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with (
            translated_errors(partial, writing=True),
            closing(sqlite3.connect(partial, isolation_level=None)) as copy,
        ):
            source.backup(copy, pages=-1)
            # The copy is a file to carry away: it must not need a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
        sync_directory(target.parent)
    except OSError as error:
        raise GalleryUnwritable(
            f"{target} cannot be written ({error.strerror or error}); free disk space there, or "
            "name another place."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
