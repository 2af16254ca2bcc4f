"""The names of what ingest keeps in Redis."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = "workers"
"""The stream's one consumer group."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one queue; `name` is the setting `ingest.name`."""

    name: str

    @property
    def stream(self) -> str:
        """Entries that wait or are being embedded; an entry that is done is taken out."""
        return f"{self.name}:ingest:entries"

    @property
    def dead(self) -> str:
        """The stream of entries that were given up."""
        return f"{self.name}:ingest:dead"

    def progress(self, entry_id: str) -> str:
        """The hash with what `GET /ingest/{id}` answers."""
        return f"{self.name}:ingest:progress:{entry_id}"
