"""Writes of several threads in one transaction, so that they wait for the disk once, together.

One thread leads: it begins a transaction, runs the write of each that waits inside a savepoint of
its own, and commits. Those that come meanwhile queue up, and the first of them leads the next
group. A thread that is alone waits for nobody, and nobody is told before the commit.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from service.errors import GalleryError, GalleryLocked
from service.gallery.store.database import Database

Result = TypeVar("Result")

# Bounds the memory of a transaction's log, and how long the first of a group waits for the last.
MAX_GROUP = 256


class _Write(Generic[Result]):
    """One thread's write and, when `done`, what came of it.

    `called` is set when its thread is to look: it is done, or it is to lead.
    """

    def __init__(self, work: Callable[[sqlite3.Connection], Result]) -> None:
        self.work = work
        self.called = threading.Event()
        self.done = False
        self.value: Result | None = None
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        self.error, self.done = error, True

    def outcome(self) -> Result:
        if self.error is not None:
            raise self.error
        return cast(Result, self.value)


class GroupCommit:
    """Runs writes in the order in which they came; safe from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Write[Any]] = []
        self._led = False
        self._lock = threading.Lock()

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` in a transaction; what it wrote is durable when this returns.

        When `work` raises, its writes are undone and the others of the group are not. It must not
        begin, commit or roll back. Raises what `work` raises, and what `Database.writing` raises;
        then nothing was stored.
        """
        write = _Write(work)
        with self._lock:
            self._waiting.append(write)
            leads, self._led = not self._led, True
        if not leads:
            self._wait(write)
        if not write.done:
            self._lead()
        return write.outcome()

    def _lead(self) -> None:
        """Commit all that wait, the leader's own write first, and call who leads next."""
        with self._lock:
            group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        try:
            self._commit(group)
        finally:
            with self._lock:
                self._call_next()
            for write in group:
                write.called.set()

    def _call_next(self) -> None:
        self._led = bool(self._waiting)
        if self._led:
            self._waiting[0].called.set()

    def _wait(self, write: _Write[Any]) -> None:
        try:
            write.called.wait()
        except BaseException:
            # A thread that was interrupted writes nothing, and leads nobody.
            with self._lock:
                if write in self._waiting:
                    self._waiting.remove(write)
                    if write.called.is_set():
                        self._call_next()
            raise

    def _commit(self, group: list[_Write[Any]]) -> None:
        try:
            with self._database.writing() as connection:
                refused = [_attempt(connection, write) for write in group]
        except GalleryLocked as error:
            # Those that came meanwhile have waited too: the lock is not asked for once for each.
            with self._lock:
                late, self._waiting = self._waiting, []
            for write in (*group, *late):
                write.fail(error)
                write.called.set()
            return
        except Exception as error:
            for write in group:
                write.fail(error)
            return
        except BaseException:
            for write in group:
                write.fail(
                    GalleryError(
                        "The write was interrupted, and it may have been stored or not; look for "
                        "the record and try again if it is not there."
                    )
                )
            raise
        for write, refusal in zip(group, refused, strict=True):
            write.error, write.done = refusal, True


def _attempt(connection: sqlite3.Connection, write: _Write[Any]) -> Exception | None:
    """Run one write; return what it was refused for. An error of the database ends the group."""
    connection.execute("SAVEPOINT one_write")
    try:
        write.value = write.work(connection)
    except sqlite3.Error:
        raise
    except Exception as error:
        connection.execute("ROLLBACK TO one_write")
        connection.execute("RELEASE one_write")
        return error
    connection.execute("RELEASE one_write")
    return None
