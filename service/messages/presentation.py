"""From the rooms' objects to the models of answers, or to plain values with their members."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from service.gallery.record import Record
from service.messages.answers import EnrolledRecord, ModalityMask, ModelIdentity, StoredRecord
from service.messages.encoding import Document
from service.messages.samples import EmbeddedSamples
from vreid.bundle import Bundle
from vreid.fusion import center_and_concatenation
from vreid.modality import MODALITIES, Modality


def model_identity(bundle: Bundle) -> ModelIdentity:
    """Return who made the features."""
    return ModelIdentity.model_validate(model_members(bundle))


def model_members(bundle: Bundle) -> Document:
    """Return who made the features, as the members of `ModelIdentity`."""
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "fingerprint": bundle.fingerprint,
    }


def modality_mask(mask: NDArray[np.bool_]) -> ModalityMask:
    """Return a mask (3,) by name."""
    return ModalityMask(**mask_members(mask))


def mask_members(mask: NDArray[np.bool_]) -> dict[str, bool]:
    """Return a mask (3,) by name, as the members of `ModalityMask`."""
    return dict(zip(_NAMES, mask.tolist(), strict=True))


def embedded_samples(
    embedded: EmbeddedSamples, encoding: str, with_features: bool
) -> list[Document]:
    """Return the representations of each sample, with the members of `EmbeddedSample`."""
    centers, concatenations = center_and_concatenation(embedded.features, embedded.mask)
    return [
        {
            "mask": mask_members(mask),
            "center": vector(center, encoding),
            "concat": vector(concatenation, encoding) if mask.all() else None,
            "features": [
                vector(row, encoding) if there else None
                for row, there in zip(features, mask, strict=True)
            ]
            if with_features
            else None,
            "warnings": warnings,
        }
        for mask, center, concatenation, features, warnings in zip(
            embedded.mask,
            centers,
            concatenations,
            embedded.features,
            embedded.warnings,
            strict=True,
        )
    ]


def vector(values: NDArray[np.float32], encoding: str) -> NDArray[np.float32] | str:
    """Return a vector to be written as a list of numbers, or as base64 of little-endian float32."""
    if encoding == "base64":
        return base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")
    return np.ascontiguousarray(values, dtype=np.float32)


def record_address(record_id: str) -> str:
    """Return the path of a record."""
    return f"/gallery/{quote(record_id, safe='')}"


def stored_record(record: Record) -> StoredRecord:
    """Return a record as the gallery's calls show it."""
    return StoredRecord(
        **record_facts(record),
        source={modality.value: source for modality, source in record.source.items()},
        created_at=record.created_at,
    )


def enrolled_record(record: Record, warnings: tuple[str, ...]) -> EnrolledRecord:
    """Return a record that was just stored."""
    return EnrolledRecord(**stored_record(record).model_dump(), warnings=list(warnings))


def by_name(contributions: Mapping[Modality, float]) -> dict[str, float]:
    """Return contributions keyed rgb, nir, tir, in this order."""
    return {
        name: contributions[modality]
        for modality, name in zip(MODALITIES, _NAMES, strict=True)
        if modality in contributions
    }


def record_facts(record: Record) -> dict[str, Any]:
    """Return what every call tells about a record, by the members of `RecordBody`."""
    mask = mask_members(record.mask)
    pictures = f"{record_address(record.id)}/images/"
    return {
        "id": record.id,
        "identity": record.identity,
        "camera": record.camera,
        "scene": record.scene,
        "captured_at": record.captured_at,
        "attributes": record.attributes,
        "mask": mask,
        "thumbnails": {name: pictures + name if there else None for name, there in mask.items()},
    }


_NAMES = tuple(modality.value for modality in MODALITIES)
