"""The address of a Redis server as a setting; reading settings does not import the client."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

_SCHEMES = ("redis://", "rediss://", "unix://")
_CREDENTIALS = re.compile(r"//[^/]*:[^/]*@")


class RedisAddress(BaseModel):
    """Where a Redis server is; nothing uses Redis while `redis` is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    redis: str | None = Field(
        default=None,
        description="address of the Redis server, as redis://host:6379/0, rediss:// or unix://; "
        "off when it is not given",
    )
    password: SecretStr | None = Field(
        default=None, description="password of the Redis server; never shown"
    )

    @field_validator("redis")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None or value == "":
            return None
        if not value.startswith(_SCHEMES):
            raise ValueError(f"an address begins with {', '.join(_SCHEMES)}")
        if _CREDENTIALS.search(value):
            raise ValueError("the address is shown and logged; give the password as PASSWORD")
        # What it refuses would otherwise be refused at the first connection, as a bare ValueError.
        # Importing it takes longer than all the settings do, and most services have no Redis.
        from redis.connection import parse_url

        parse_url(value)  # type: ignore[no-untyped-call]
        return value
