"""What one request may ask for."""

from pydantic import BaseModel, ConfigDict, Field

from vreid.decoding import LARGEST_MAX_PIXELS


class Limits(BaseModel):
    """What one request may ask for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request_bytes: int = Field(
        default=64 * 2**20,
        ge=1024,
        description="bytes of a request's body; more is answered with 413",
    )
    image_bytes: int = Field(default=20 * 2**20, ge=1024, description="bytes of one encoded image")
    image_pixels: int = Field(
        default=50_000_000,
        ge=1024,
        le=LARGEST_MAX_PIXELS,
        description="pixels that an image may declare",
    )
    request_pixels: int = Field(
        default=200_000_000,
        ge=1024,
        description="pixels that the images of one request may declare together",
    )
    samples: int = Field(default=64, ge=1, description="samples in one request")
    k: int = Field(default=1000, ge=1, le=9999, description="results of one search")
    page: int = Field(default=500, ge=1, le=1000, description="records on one page of the gallery")
