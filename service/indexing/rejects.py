"""The file of samples that could not be indexed: JSONL with source, modality and reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from service.errors import IndexingError
from service.indexing.preparation import Rejected


class RejectsFile:
    """Written line by line; made when the first sample is rejected, replacing an older file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: TextIO | None = None
        self.count = 0

    @property
    def path(self) -> Path | None:
        """The file, None when nothing was rejected."""
        return self._path if self.count else None

    def write(self, rejected: Rejected) -> None:
        """Add a sample. Raises `IndexingError` when the file cannot be written."""
        self.write_line(
            {
                "source": rejected.label,
                "modality": None if rejected.modality is None else str(rejected.modality),
                "reason": rejected.reason,
            }
        )

    def write_line(self, line: Mapping[str, object]) -> None:
        """Add a line. Raises `IndexingError` when the file cannot be written."""
        try:
            if self._stream is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # File names need not be UTF-8; such a byte is written as a JSON escape.
                self._stream = self._path.open("w", encoding="utf-8", errors="backslashreplace")
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._stream.flush()
        except OSError as error:
            raise IndexingError(
                f"The rejects file {self._path} cannot be written ({error.strerror}); "
                "name another with --rejects."
            ) from error
        self.count += 1

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
