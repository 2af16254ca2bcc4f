"""Settings of API keys, their rates and the audit log."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class AccessSettings(BaseModel):
    """Who may call, and where it is written down."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: Path | None = Field(
        default=None,
        description="file of API keys, made by `vreid keys create`; when set, every call but the "
        "probes and the console's page needs a key",
    )
    rate: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="requests a second of each key that has no rate of its own; no bound by "
        "default; more are told 429",
    )
    audit: Path | None = Field(
        default=None,
        description="directory of the audit log; by default audit beside the file of keys",
    )
    audit_file_bytes: int = Field(
        default=64 * 2**20, ge=4096, description="size from which on a new audit file is begun"
    )
    audit_files: int = Field(
        default=100, ge=1, description="older audit files that are kept; the oldest go first"
    )
