"""The settings of ingest."""

from __future__ import annotations

from pydantic import Field

from service.redis_address import RedisAddress


class IngestSettings(RedisAddress):
    """How sightings wait to be embedded."""

    name: str = Field(
        default="vreid",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="beginning of every key; one name for each gallery that shares a Redis server",
    )
    workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="threads of the service that embed accepted sightings; 0 leaves that to "
        "`vreid worker`",
    )
    length: int = Field(
        default=1000,
        ge=1,
        description="entries held at a time, waiting or being embedded; more are told 429",
    )
    attempts: int = Field(
        default=5, ge=1, description="times that an entry is tried before it is given up"
    )
    idle: float = Field(
        default=60.0,
        gt=0,
        description="seconds after which an entry whose worker is silent goes to another worker, "
        "and after which a failed try is repeated",
    )
    keep: int = Field(
        default=86_400,
        ge=1,
        description="seconds that GET /ingest/{id} knows an entry after it was stored or failed",
    )
    dead: int = Field(
        default=1000,
        ge=1,
        description="failed entries that are kept with their pictures; the oldest go first",
    )
    timeout: float = Field(
        default=2.0, gt=0, description="seconds to wait for Redis before answering 503"
    )
