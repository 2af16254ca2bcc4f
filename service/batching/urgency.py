"""What goes first."""

from __future__ import annotations

from enum import IntEnum


class Urgency(IntEnum):
    """How urgent a request's images are; the smaller number goes first."""

    SEARCH = 0
    """Somebody waits: a search, an embedding, a comparison, one sighting to enrol."""
    INGEST = 1
    """Nobody waits for it alone: accepted sightings, several to enrol together."""

    # An enumeration's own hash is a function of Python, called at each look into a dict.
    __hash__ = int.__hash__


UP_TO = {urgency: tuple(each for each in Urgency if each <= urgency) for urgency in Urgency}
"""Each urgency with those that go before it."""
