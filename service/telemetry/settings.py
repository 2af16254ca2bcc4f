"""The settings of what the service tells about itself."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

LogFormat = Literal["text", "json"]


class RecallSettings(BaseModel):
    """The estimate of how much of what is nearest searches find."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    estimate: bool = Field(
        default=True,
        description="search for some records of the gallery in the background and measure how many "
        "of the best are found",
    )
    interval: float = Field(
        default=600.0, gt=0, description="seconds from one estimate of the recall to the next"
    )
    load: float = Field(
        default=0.02, gt=0, le=1, description="share of one processor that estimating takes"
    )


class TracingSettings(BaseModel):
    """Where traces of requests go; needs the extra `telemetry`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str | None = Field(
        default=None,
        description="address of an OpenTelemetry collector that takes OTLP over HTTP, as "
        "http://127.0.0.1:4318; by default nothing is traced",
    )
    share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the requests that are traced; one that says in its traceparent "
        "whether it is traced is obeyed",
    )
    service: str = Field(default="vreid", min_length=1, description="name of the service in traces")

    @field_validator("endpoint")
    @classmethod
    def _address(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        try:
            parts = urlsplit(endpoint)
            _ = parts.port
        except ValueError as error:
            raise ValueError("is no address; give one such as http://127.0.0.1:4318") from error
        if parts.username or parts.password:
            raise ValueError(
                "holds a password; put it into OTEL_EXPORTER_OTLP_HEADERS, as authorization=..."
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is no address; give one such as http://127.0.0.1:4318")
        return endpoint
