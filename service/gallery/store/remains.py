"""What was deleted and may still lie in a file: in the write-ahead log, in a file of the index."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from service.errors import GalleryError
from service.gallery.files.segment_erasure import erase_deleted
from service.gallery.store.database import Database

logger = logging.getLogger(__name__)


class Remains:
    """Erases them, now or when a file can be written again; safe from several threads.

    Nothing here raises: the deletion itself is committed, and an error would make the caller do it
    again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_log = False
        self._in_segments = False
        self._erasing = threading.Lock()

    def note(self) -> None:
        """Something was deleted; it is erased with the next call of `try_again`."""
        self._in_log = self._in_segments = True

    def erase(self) -> None:
        """Erase what was deleted from every file, waiting a moment for readers of the log."""
        self.erase_segments()
        self._erase_log(patience=1.0)

    def try_again(self) -> None:
        """Erase what is left, without waiting; does nothing when nothing is."""
        if self._in_segments:
            self.erase_segments()
        if self._in_log:
            self._erase_log(patience=0.0)

    def erase_segments(self) -> None:
        """Erase what was deleted, by any process, from the files of the index, durably."""
        with self._erasing:
            self._in_segments = True
            try:
                erase_deleted(self._database)
                self._in_segments = False
            except (GalleryError, OSError) as error:
                logger.warning(
                    "What was deleted is still in an index file; trying again: %s", error
                )

    def _erase_log(self, patience: float) -> None:
        self._in_log = True
        with suppress(GalleryError):
            self._in_log = not self._database.erase_log(patience)
