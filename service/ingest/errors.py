"""Errors of ingest.

VreidError
└── ServiceError
    └── IngestError
        ├── IngestOff               no Redis server is configured
        ├── IngestUnavailable       Redis cannot be reached or may not be trusted now
        ├── IngestFull              as many entries wait as may
        ├── UnknownIngest           nothing is known under this id
        ├── IdempotencyKeyReused    the key came before with another content
        └── UnsafeRedis             a Redis server that may lose what was accepted
"""

from __future__ import annotations

from service.errors import ServiceError


class IngestError(ServiceError):
    """Base of the errors of ingest."""


class IngestOff(IngestError):
    """No Redis server is configured, so nothing can wait."""

    def __init__(self) -> None:
        super().__init__(
            "ingest is off, because no Redis server is configured; set VREID_INGEST__REDIS, or "
            "enrol with POST /gallery"
        )


class IngestUnavailable(IngestError):
    """Redis cannot be reached, or may not be trusted, at the moment."""


class IngestFull(IngestError):
    """As many entries wait as may."""


class UnknownIngest(IngestError):
    """Nothing is known under this id, or not any more."""

    def __init__(self, entry_id: str) -> None:
        super().__init__(
            f"nothing is known about the ingest {entry_id!r}; use the id that POST /ingest "
            "answered, as long as the service keeps it (VREID_INGEST__KEEP)"
        )


class IdempotencyKeyReused(IngestError):
    """The idempotency key came before with another content."""

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key came before with another content; send a new key with a new "
            "sighting, and the same bytes again with an old one"
        )


class UnsafeRedis(IngestError):
    """The Redis server may lose what was accepted; the message names the setting."""
