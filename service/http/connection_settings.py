"""Settings of connections: how many there may be, and how long one may take."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ConnectionSettings(BaseModel):
    """What one client may hold of the service without asking anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most: int = Field(
        default=1000,
        ge=8,
        description="connections at a time; a further one takes the place of the one that has "
        "asked for nothing the longest",
    )
    head_timeout: float = Field(
        default=10.0, gt=0, description="seconds for a request's line and headers to arrive"
    )
    write_timeout: float = Field(
        default=30.0, gt=0, description="seconds for which a client may take nothing of its answer"
    )
    head_bytes: int = Field(
        default=64 * 2**10, ge=4096, description="bytes of a request's line and headers"
    )
