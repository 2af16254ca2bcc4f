"""The settings of the embedding cache."""

from __future__ import annotations

from pydantic import Field

from service.redis_address import RedisAddress


class CacheSettings(RedisAddress):
    """Where features are kept, and how many for how long."""

    name: str = Field(
        default="vreid",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="beginning of every key of the cache",
    )
    ttl: int = Field(default=604_800, ge=1, description="seconds that features are kept")
    pictures: int = Field(
        default=100_000, ge=1, description="pictures whose features are kept; the oldest go first"
    )
    timeout: float = Field(
        default=0.2, gt=0, description="seconds to wait for Redis before embedding without it"
    )
