"""What the calls take, as models: one definition for JSON bodies, forms and the API document.

A form is the JSON document's flat sibling: its fields carry the same names, images as files
instead of base64, and `filter` and `attributes` as JSON text.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from vreid.modality import MODALITIES, Modality
from vreid.scoring import Policy
from vreid.thermal import STYLES

LARGEST_FEATURE = 65504.0
"""The largest number that a gallery can hold, float16's."""

DOCUMENT_CONTEXT: dict[str, bool] = {"is_document": True}
"""The context of validating a JSON document, which has numbers and booleans of its own; without it,
as in forms and addresses, they are written as texts."""

_WRITTEN_FLAGS = ("true", "false")
_WHOLE_NUMBER = re.compile("-?[0-9]+")
_TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}.*", re.DOTALL)

NO_IMAGE = "has no image; give at least one of rgb, nir, tir"


def _image_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("has to be the image file in base64")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(
            "is not base64; encode the image file's bytes, without a data: prefix or line breaks"
        ) from error


def _known_palette(value: str) -> str:
    if value not in STYLES:
        raise ValueError(f"is no palette; use one of {', '.join(STYLES)}, or leave it out")
    return value


def _is_document(info: ValidationInfo) -> bool:
    return info.context is DOCUMENT_CONTEXT


def _whole_number(value: object, info: ValidationInfo) -> object:
    misspelt = isinstance(value, str) and not _WHOLE_NUMBER.fullmatch(value)
    if misspelt or isinstance(value, bool | float):
        raise ValueError("has to be a whole number")
    if isinstance(value, str) and _is_document(info):
        raise ValueError("has to be a whole number without quotation marks")
    return value


def _number(value: object, info: ValidationInfo) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and _is_document(info)):
        raise ValueError("has to be a number")
    return value


def _flag(value: object, info: ValidationInfo) -> object:
    if isinstance(value, bool):
        return value
    if not _is_document(info) and value in _WRITTEN_FLAGS:
        return value == "true"
    raise ValueError("has to be true or false")


def _written_time(value: object) -> object:
    # pydantic takes numbers for seconds since 1970, and texts of digits too.
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME.fullmatch(value)):
        return value
    raise ValueError("has to be a time as text, with a time zone: as in 2026-03-01T12:00:00Z")


Image = Annotated[
    bytes,
    BeforeValidator(_image_bytes),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""An encoded image file (JPEG, PNG, WebP, BMP, TIFF); base64 in JSON."""

Palette = Annotated[str, AfterValidator(_known_palette), WithJsonSchema({"enum": list(STYLES)})]

WRITTEN_COUNT = BeforeValidator(_whole_number)

WRITTEN_NUMBER = BeforeValidator(_number)
"""How numbers are written. Where null is allowed, their bounds stand before this: behind it,
pydantic describes them by words that JSON Schema does not have."""

Count = Annotated[int, WRITTEN_COUNT]

Number = Annotated[float, WRITTEN_NUMBER]

Flag = Annotated[bool, BeforeValidator(_flag)]

Time = Annotated[datetime, BeforeValidator(_written_time)]

RecordId = Annotated[str, Field(min_length=1)]
"""The id of a record that there is, or is not."""


def _feature_row(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        data = base64.b64decode(value, validate=True)
        return np.frombuffer(data, dtype="<f4").tolist()
    except ValueError as error:
        raise ValueError(
            "is not base64 of little-endian float32; send the row as /embed returned it"
        ) from error


def _held_by_float16(row: list[float]) -> list[float]:
    if not all(abs(value) <= LARGEST_FEATURE for value in row):
        raise ValueError("has a number that float16 cannot hold; send features as /embed does")
    return row


FeatureRow = Annotated[
    list[Annotated[float, Field(strict=True)]],
    BeforeValidator(_feature_row),
    AfterValidator(_held_by_float16),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "number"}},
                {"type": "string", "contentEncoding": "base64"},
            ]
        }
    ),
]
"""Numbers of one modality; in JSON also base64 of little-endian float32."""


class Input(BaseModel):
    """Base of everything a client sends: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _one_of(*names: str) -> ConfigDict:
    """Describe that at least one of these members is there."""
    return ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in names]})


_ONE_IMAGE = _one_of("rgb", "nir", "tir")


class Images(Input):
    """One to three aligned images of one vehicle."""

    model_config = _ONE_IMAGE

    rgb: Image | None = None
    nir: Image | None = None
    tir: Image | None = None
    tir_palette: Palette | None = Field(
        default=None,
        description="false-colour palette of the thermal image, grey where it has none; "
        "found by measurement when left out",
    )

    @field_validator("tir_palette")
    @classmethod
    def _colours_a_thermal_image(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and "tir" in info.data and info.data["tir"] is None:
            raise ValueError("is given without tir; send the thermal image too, or leave it out")
        return value

    @model_validator(mode="after")
    def _has_an_image(self) -> Images:
        if not self.by_modality():
            raise ValueError(NO_IMAGE)
        return self

    def by_modality(self) -> dict[Modality, bytes]:
        """Return the images that are there, RGB, NIR, TIR in this order."""
        given = {modality: getattr(self, modality.value) for modality in MODALITIES}
        return {modality: data for modality, data in given.items() if data is not None}


class EmbedInput(Input):
    """Body of `POST /embed`."""

    samples: list[Images] = Field(min_length=1)
    features: Flag = Field(default=False, description="also return each branch's features")
    encoding: Literal["float", "base64"] = Field(
        default="float",
        description="vectors as lists of numbers, or as base64 of little-endian float32",
    )


class EmbeddingInput(Input):
    """Branch features of one vehicle, as `/embed` returns them with `features`."""

    features: list[FeatureRow | None] = Field(
        min_length=3,
        max_length=3,
        description="one row for rgb, nir, tir: a list of numbers, or base64 of little-endian "
        "float32; null where missing",
    )
    model: str | None = Field(
        default=None,
        description="fingerprint of the model that made the features; when given, features of "
        "another model are refused",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> EmbeddingInput:
        if all(row is None for row in self.features):
            raise ValueError("has no features; give at least one of the three rows")
        return self


class RecordFields(Input):
    """What is known about a sighting."""

    id: str | None = Field(default=None, description="made by the service when left out")
    identity: str | None = Field(default=None, description="which vehicle it is, where known")
    camera: str | None = None
    scene: str | None = None
    captured_at: Time | None = Field(default=None, description="RFC 3339 with a time zone")
    attributes: dict[str, Any] = Field(
        default_factory=dict, description="flat: texts, numbers, booleans"
    )


class EnrolInput(Images, RecordFields):
    """Body of `POST /gallery`."""


class IngestInput(Input):
    """Body of `POST /ingest`; the sightings are stored together or not at all."""

    samples: list[EnrolInput] = Field(min_length=1)


class EnrolBatchInput(IngestInput):
    """Body of `POST /gallery` with several sightings; stored together or not at all."""


class CorrectionInput(Input):
    """Body of `PATCH /gallery/{id}`: what is not given stays, null takes away."""

    identity: str | None = None
    camera: str | None = None
    scene: str | None = None
    captured_at: Time | None = Field(default=None, description="RFC 3339 with a time zone")
    attributes: dict[str, Any] | None = Field(
        default=None,
        description="merged with those that the record has; an attribute that is null is removed, "
        "and null alone removes all",
    )


class CompareSide(Images):
    """One side of a comparison: images, or a record of the gallery."""

    model_config = _one_of("rgb", "nir", "tir", "id")

    id: RecordId | None = Field(
        default=None, description="a record of the gallery, instead of images"
    )

    @model_validator(mode="after")
    def _has_an_image(self) -> CompareSide:
        if self.id is None and not self.by_modality():
            raise ValueError(f"{NO_IMAGE}, or the id of a record")
        if self.id is not None and self.by_modality():
            raise ValueError("has an id and images; give one or the other")
        return self


class CompareInput(Input):
    """Body of `POST /compare`."""

    a: CompareSide
    b: CompareSide
    policy: Policy = "auto"
