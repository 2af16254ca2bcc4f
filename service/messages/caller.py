"""Answer of `GET /me`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from service.keys.key import Role


class CallerAnswer(BaseModel):
    """Who sent the request, as far as the service knows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"authenticated": True, "role": "search", "name": "gate-north"}]
        }
    )

    authenticated: bool = Field(description="whether the request came with a key; false without")
    role: Role = Field(description="what the caller may do; each role may do what those before may")
    name: str | None = Field(description="whom or what the key was made for")
