"""The settings of micro-batching."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BatchingSettings(BaseModel):
    """How images of several requests are computed together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: int | None = Field(
        default=None,
        ge=1,
        description="most images of one branch in one run; default: as many as the engine takes",
    )
    delay: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="seconds that an image waits for others to share its run while a lane is "
        "free; default: 0 on a CPU, 0.002 on a GPU",
    )
    queue: int = Field(
        default=1024,
        ge=1,
        description="images that wait for a lane; more are told 429",
    )
    ingest_turn: int = Field(
        default=8,
        ge=2,
        description="while searches wait, one run of so many is for ingest, which waits too",
    )
