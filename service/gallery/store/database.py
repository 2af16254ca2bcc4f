"""Connections to a gallery's SQLite file: one writer, any number of readers, durable commits.

WAL lets readers go on while one writes; `synchronous=FULL` makes COMMIT wait for fsync, so what
is committed survives `kill -9` and power loss. `BEGIN IMMEDIATE` takes the write lock at the
start, so two processes queue for it instead of failing halfway.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import (
    GalleryClosed,
    GalleryDamaged,
    GalleryError,
    GalleryLocked,
    GalleryNotFound,
    GalleryUnwritable,
)
from vreid.layouts.image_names import PICTURE_SUFFIXES

DATABASE_NAME = "gallery.sqlite3"

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNWRITABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}


class Database:
    """Hands out connections to one file; safe to use from several threads.

    `busy_timeout` is how many seconds a writer waits for another process's transaction.
    """

    def __init__(self, path: Path, *, create: bool, busy_timeout: float = 30.0) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self._write_lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._idle_readers: list[sqlite3.Connection] = []
        self._closed = False
        # Asked within each transaction before anything is written; raises to refuse it.
        self.before_write: Callable[[sqlite3.Connection], None] | None = None
        if create:
            _make_durable_file(path)
        elif not path.is_file():
            raise GalleryNotFound(
                f"{path.parent} holds no gallery ({path.name} is not there); "
                "`vreid index` makes one, or name another directory."
            )
        self._file = _file_number(path)
        with translated_errors(path):
            self._writer = self._connect()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block ends, undone when it raises.

        Raises `GalleryDamaged` when the file is no longer there: what is written into a deleted
        file is lost without an error, and what `before_write` raises.
        """
        with self._write_lock, translated_errors(self.path, writing=True):
            if self._closed:
                raise _closed(self.path)
            self.check()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                if self.before_write is not None:
                    self.before_write(self._writer)
                yield self._writer
            except BaseException:
                self._roll_back()
                raise
            try:
                self._writer.execute("COMMIT")
            except sqlite3.Error:
                self._roll_back()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one statement or, inside BEGIN ... COMMIT, for one consistent view."""
        with translated_errors(self.path):
            connection = self._take_reader()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def erase_log(self, patience: float = 1.0) -> bool:
        """Fold the write-ahead log into the file and cut it to nothing; what it held is gone.

        Returns False when another reader or writer needed it for longer than `patience` seconds.
        """
        with self._write_lock, translated_errors(self.path):
            if self._closed:
                raise _closed(self.path)
            self._writer.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
            try:
                (busy, *_) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._writer.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
        return not busy

    def rebuild(self) -> None:
        """Write the whole file anew; nothing that was deleted is left in unused parts of pages."""
        with self._write_lock, translated_errors(self.path, writing=True):
            if self._closed:
                raise _closed(self.path)
            self.check()
            self._writer.execute("VACUUM")

    def check(self) -> None:
        """Raise `GalleryDamaged` unless the path still leads to the file that is open; cheap."""
        if _file_number(self.path) != self._file:
            raise GalleryDamaged(
                f"{self.path} was deleted or replaced while it was in use; "
                "put it back or restore a backup, then start again."
            )

    def close(self) -> None:
        """Close every connection; the last one folds the write-ahead log into the file."""
        with self._write_lock, self._pool_lock:
            if self._closed:
                return
            self._closed = True
            for connection in self._idle_readers:
                connection.close()
            self._idle_readers.clear()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            enter_wal(connection, self.path, self._busy_timeout)
            connection.text_factory = decoded_text
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _take_reader(self) -> sqlite3.Connection:
        with self._pool_lock:
            if self._closed:
                raise _closed(self.path)
            if self._idle_readers:
                return self._idle_readers.pop()
        self.check()
        return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.rollback()
        with self._pool_lock:
            if not self._closed:
                self._idle_readers.append(connection)
                return
        connection.close()

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.rollback()


@contextmanager
def translated_errors(path: Path, *, writing: bool = False) -> Iterator[None]:
    """Turn SQLite's errors into the gallery's, each with a sentence that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, error, writing) from error


def _translated(path: Path, error: sqlite3.Error, writing: bool) -> GalleryError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _LOCKED:
        return GalleryLocked(
            f"{path} is being written by another process ({error}); try again, "
            "or end the job that keeps it locked."
        )
    if code in _DAMAGED:
        return GalleryDamaged(
            f"{path} is damaged ({error}); keep the file, restore a backup or index the source "
            "again "
            "into a new gallery directory."
        )
    if code in _UNWRITABLE and writing:
        return GalleryUnwritable(
            f"{path} cannot be written ({error}); free disk space and check that the directory is "
            "writable. Nothing of the last change was stored."
        )
    if code in _UNWRITABLE:
        return GalleryUnwritable(
            f"{path} cannot be opened or read ({error}); check that the disk is there and not "
            "full, and that the directory is writable: its log files are made by readers too."
        )
    return GalleryError(f"{path} refused an operation ({error}).")


def enter_wal(connection: sqlite3.Connection, path: Path, patience: float) -> None:
    """Switch to the write-ahead log, waiting `patience` seconds for other processes.

    Raises `GalleryUnwritable` when the file system cannot have one.
    """
    # Switching the journal mode does not always wait for the lock as other statements do.
    deadline = time.monotonic() + patience
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            busy = (error.sqlite_errorcode & 0xFF) in _LOCKED
            if not busy or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise GalleryUnwritable(
            f"{path} cannot have a write-ahead log here (SQLite stays with {mode!r}), which the "
            "gallery needs; put the gallery on a local file system."
        )


def decoded_text(stored: bytes) -> str:
    """A damaged text must not end the reading of other rows; `decode_record` refuses it."""
    return stored.decode(errors="surrogateescape")


def _file_number(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file, None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_durable_file(path: Path) -> None:
    """Make the directory and an empty file whose names survive a power loss."""
    directory = path.parent
    try:
        missing = [each for each in (directory, *directory.parents) if not each.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _refuse_pictures(directory)
            path.touch()
            sync_directory(directory)
        for made in missing:
            sync_directory(made.parent)
    except OSError as error:
        raise GalleryUnwritable(
            f"The gallery directory {directory} cannot be made ({error.strerror or error}); "
            "name a directory that you may write to."
        ) from error


def _refuse_pictures(directory: Path) -> None:
    # Somebody named the pictures' folder by mistake; other files, as lost+found, are no sign of it.
    if any(each.suffix.lower() in PICTURE_SUFFIXES for each in directory.iterdir()):
        raise GalleryUnwritable(
            f"{directory} holds pictures and no gallery; name another directory for the gallery."
        )


def sync_directory(directory: Path) -> None:
    """Make names in a directory survive a power loss."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _closed(path: Path) -> GalleryClosed:
    return GalleryClosed(f"The gallery {path.parent} has been closed; open it again.")
