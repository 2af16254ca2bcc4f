"""From a sighting as a client sent it to the record that the gallery stores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from service.gallery.record import Labels, NewRecord, check_id
from service.indexing.preparation import hash_content, hash_images
from service.inputs import EnrolInput
from vreid.modality import Modality
from vreid.sample import Sample


def check_fields(asked: EnrolInput) -> None:
    """Refuse what the gallery would refuse, before anything is embedded.

    Raises:
        InvalidRecord: naming the field.
    """
    if asked.id is not None:
        check_id(asked.id)
    # Building them validates them.
    Labels(asked.identity, asked.camera, asked.scene, asked.captured_at, asked.attributes)


def content_hash(asked: EnrolInput) -> str:
    """Return the hash by which `vreid index` recognises what was enrolled over HTTP."""
    images = asked.by_modality()
    sample = Sample(images, asked.identity, asked.camera, asked.scene, asked.captured_at)
    return hash_content(asked.id, sample, images)


def new_record(
    asked: EnrolInput,
    features: NDArray[np.float32],
    mask: NDArray[np.bool_],
    thumbnails: Mapping[Modality, bytes],
    record_id: str | None,
) -> NewRecord:
    """Return the record of a sighting; features (3, D), mask (3,).

    Raises:
        InvalidRecord: a field cannot be stored.
    """
    return NewRecord(
        features=features,
        mask=mask,
        id=record_id,
        identity=asked.identity,
        camera=asked.camera,
        scene=asked.scene,
        captured_at=asked.captured_at,
        attributes=asked.attributes,
        content_hash=content_hash(asked),
        images_hash=hash_images(asked.by_modality()),
        thumbnails=thumbnails,
    )
