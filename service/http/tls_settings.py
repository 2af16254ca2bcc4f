"""Settings of HTTPS."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TlsSettings(BaseModel):
    """Certificate and key; neither for HTTP."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate, followed by those of the authorities between; "
        "with it the service speaks HTTPS. A new version is read within seconds",
    )
    key: Path | None = Field(
        default=None, description="PEM file of the certificate's private key, without a password"
    )

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("needs both, certificate and key")
        return self
