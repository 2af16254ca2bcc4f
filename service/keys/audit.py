"""The audit log: who did what and when, one JSON object a line, appended and rotated.

No image and no feature is in it. A thread writes, so that no disk holds up the event loop; lines
that wait are written together. Where a line cannot be written, whoever wrote it is told.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from service.keys.errors import AuditClosed, AuditUnwritable
from service.threads.thread_names import name_this_thread

_MOST_LINES_AT_ONCE = 1000

logger = logging.getLogger(__name__)

_Waiting = tuple[bytes, "Future[None]"]


class AuditLog:
    """Appends to `NAME.jsonl` in a directory; older files are `NAME-TIME.jsonl`.

    Several processes may write the same log; each line is whole.

    Args:
        directory: made where it is absent, readable by its owner only.
        file_bytes: size from which the next line begins a new file.
        files: how many older files are kept; the oldest go first.
        name: of its files.

    Raises:
        AuditUnwritable: it cannot be opened.
    """

    def __init__(
        self,
        directory: Path,
        file_bytes: int = 64 * 2**20,
        files: int = 100,
        name: str = "audit",
    ) -> None:
        self._directory = directory
        self._name = name
        self._path = directory / f"{name}.jsonl"
        self._file_bytes = file_bytes
        self._files = files
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._turns = _open(directory / f".{name}.lock")
            self._descriptor = _open(self._path)
        except OSError as error:
            raise self._unwritable(error) from error
        self._thread = threading.Thread(target=self._run, name=f"{name}-log", daemon=True)
        self._thread.start()

    def submit(self, entry: Mapping[str, Any]) -> Future[None]:
        """Hand in one line, with the time in front; the future ends when it is written.

        The future raises AuditUnwritable where the disk is full or the directory is gone.

        Raises:
            AuditClosed: after `close`.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, **entry}) + "\n"
        written: Future[None] = Future()
        with self._closing:
            if self._closed:
                raise AuditClosed
            self._queue.put((line.encode(), written))
        return written

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one line and wait for it; errors as `submit`."""
        self.submit(entry).result()

    async def record(self, entry: Mapping[str, Any]) -> None:
        """Append one line and wait for it without blocking the loop; errors as `submit`."""
        await asyncio.wrap_future(self.submit(entry))

    def close(self) -> None:
        """Write everything to the disk and close; a second time does nothing."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            os.close(self._descriptor)
            os.close(self._turns)

    def _run(self) -> None:
        name_this_thread(self._thread.name)
        ended = False
        while not ended:
            waiting, ended = self._take()
            if not waiting:
                continue
            try:
                self._append(b"".join(line for line, _ in waiting))
            except OSError as error:
                logger.error("%s", self._unwritable(error))
                self._refuse(waiting, error)
            except Exception as error:  # Whatever it is: nobody may wait for this thread in vain.
                logger.exception("%s", self._unwritable(error))
                self._refuse(waiting, error)
            else:
                for _, written in waiting:
                    if written.set_running_or_notify_cancel():
                        written.set_result(None)

    def _refuse(self, waiting: list[_Waiting], error: Exception) -> None:
        for _, written in waiting:
            if written.set_running_or_notify_cancel():
                written.set_exception(self._unwritable(error))

    def _take(self) -> tuple[list[_Waiting], bool]:
        """Wait for a line and return it with all that came since, and whether it is the end."""
        waiting: list[_Waiting] = []
        item = self._queue.get()
        while item is not None:
            waiting.append(item)
            if len(waiting) == _MOST_LINES_AT_ONCE:
                return waiting, False
            try:
                item = self._queue.get_nowait()
            except Empty:
                return waiting, False
        return waiting, True

    def _append(self, lines: bytes) -> None:
        fcntl.flock(self._turns, fcntl.LOCK_EX)
        try:
            self._follow()
            size = os.fstat(self._descriptor).st_size
            if size >= self._file_bytes:
                try:
                    self._rotate()
                    size = 0
                except OSError as error:
                    # A file that grows is better than calls that leave no line.
                    logger.error("the audit log %s cannot be rotated: %s", self._path, error)
            if os.write(self._descriptor, lines) < len(lines):
                os.ftruncate(self._descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            fcntl.flock(self._turns, fcntl.LOCK_UN)

    def _follow(self) -> None:
        """Open the file anew where another process has rotated it, or somebody removed it."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            pass
        else:
            if os.path.samestat(found, os.fstat(self._descriptor)):
                return
        fresh = _open(self._path)
        os.close(self._descriptor)
        self._descriptor = fresh

    def _rotate(self) -> None:
        fresh_path = self._directory / f".{self._name}.fresh"
        fresh = _open(fresh_path)
        try:
            os.fsync(self._descriptor)
            now = datetime.now(UTC)
            os.link(self._path, self._directory / f"{self._name}-{now:%Y%m%dT%H%M%S%f}.jsonl")
            os.replace(fresh_path, self._path)
        except OSError:
            os.close(fresh)
            raise
        os.close(self._descriptor)
        self._descriptor = fresh
        older = sorted(self._directory.glob(f"{self._name}-*.jsonl"))
        for old in older[: -self._files or None]:
            old.unlink(missing_ok=True)

    def _unwritable(self, error: Exception) -> AuditUnwritable:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        return AuditUnwritable(
            f"the audit log {self._path} cannot be written ({reason}); check the disk's "
            "space and the directory's rights: nothing is answered without its line"
        )


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
