"""What goes first."""

from __future__ import annotations

from enum import IntEnum


class Urgency(IntEnum):
    """How urgent a request's images are; the smaller number goes first."""

    SEARCH = 0
    """Somebody waits: a search, an embedding, a comparison, one sighting to enrol."""
    INGEST = 1
    """Nobody waits for it alone: accepted sightings, several to enrol together."""
