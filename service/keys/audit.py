"""The audit log: who did what and when, one JSON object a line, appended and rotated.

No image and no feature is in it. A line is written before the answer is sent; where it cannot be
written, the call fails: what leaves no trace must not happen.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.keys.errors import AuditUnwritable


class AuditLog:
    """Appends to `audit.jsonl` in a directory; older files are `audit-TIME.jsonl`.

    Args:
        directory: made where it is absent, readable by its owner only.
        file_bytes: size from which the next line begins a new file.
        files: how many older files are kept; the oldest go first.
    """

    def __init__(self, directory: Path, file_bytes: int = 64 * 2**20, files: int = 100) -> None:
        self._directory = directory
        self._path = directory / "audit.jsonl"
        self._file_bytes = file_bytes
        self._files = files
        self._lock = threading.Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = self._open()
        except OSError as error:
            raise self._unwritable(error) from error

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one line, with the time in front.

        Raises:
            AuditUnwritable: the disk is full or the directory is gone.
        """
        now = datetime.now(UTC)
        line = json.dumps({"time": now.isoformat(timespec="milliseconds"), **entry}) + "\n"
        with self._lock:
            try:
                if os.fstat(self._descriptor).st_size >= self._file_bytes:
                    self._rotate(now)
                # One write of a whole line: O_APPEND keeps lines of several processes apart.
                os.write(self._descriptor, line.encode())
            except OSError as error:
                raise self._unwritable(error) from error

    def close(self) -> None:
        """Write everything to the disk and close."""
        with self._lock:
            os.fsync(self._descriptor)
            os.close(self._descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _rotate(self, now: datetime) -> None:
        os.fsync(self._descriptor)
        os.replace(self._path, self._directory / f"audit-{now:%Y%m%dT%H%M%S%f}.jsonl")
        fresh = self._open()
        os.close(self._descriptor)
        self._descriptor = fresh
        for old in sorted(self._directory.glob("audit-*.jsonl"))[: -self._files or None]:
            old.unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> AuditUnwritable:
        return AuditUnwritable(
            f"the audit log {self._path} cannot be written ({error.strerror}); check the disk's "
            "space and the directory's rights: nothing is answered without its line"
        )
