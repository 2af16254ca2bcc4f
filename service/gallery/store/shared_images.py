"""Images that are stored once under their SHA-256, however many records have them.

Thumbnails and kept crops lie so, each in tables of their own: `NAME` with the images, `record_NAME`
and `quarantine_NAME` with the records, quarantined ones too, that have them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass


def hash_image(image: bytes) -> bytes:
    """The name under which an image is stored."""
    return hashlib.sha256(image).digest()


@dataclass(frozen=True, slots=True)
class SharedImages:
    """The tables of one kind of images, called by their `name`."""

    name: str

    @property
    def _unreferenced(self) -> str:
        return " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {links}_{self.name} AS l WHERE l.hash = {self.name}.hash)"
            for links in ("record", "quarantine")
        )

    def hashes_of(
        self, connection: sqlite3.Connection, record_sequences: str
    ) -> list[tuple[bytes]]:
        """Hashes of the images of records, quarantined ones too; numbers as a JSON list."""
        return connection.execute(
            f"SELECT hash FROM record_{self.name} "
            "WHERE record_sequence IN (SELECT value FROM json_each(:of)) "
            f"UNION SELECT hash FROM quarantine_{self.name} "
            "WHERE record_sequence IN (SELECT value FROM json_each(:of))",
            {"of": record_sequences},
        ).fetchall()

    def count_unreferenced(self, connection: sqlite3.Connection) -> int:
        """How many images no record has."""
        (count,) = connection.execute(
            f"SELECT count(*) FROM {self.name} WHERE {self._unreferenced}"
        ).fetchone()
        return int(count)

    def remove_unreferenced(
        self, connection: sqlite3.Connection, hashes: Iterable[tuple[bytes]] | None = None
    ) -> None:
        """Remove images that no record has, out of those hashes or of all."""
        remove = f"DELETE FROM {self.name} WHERE {self._unreferenced}"
        if hashes is None:
            connection.execute(remove)
        else:
            connection.executemany(f"{remove} AND hash = ?", list(hashes))


THUMBNAILS = SharedImages("picture")
CROPS = SharedImages("crop")
