"""From a sighting as a client sent it to the record that the gallery stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.errors import DuplicateRecord, InvalidRecord
from service.gallery.record import NewRecord, check_id
from service.gallery.store.crops import KeepCrops
from service.indexing.preparation import hash_content, hash_images
from service.messages.inputs import EnrolInput
from service.messages.label_fields import checked_labels
from service.request_errors import FieldProblem, InvalidField, InvalidFields, InvalidRequest
from vreid.modality import Modality
from vreid.sample import Sample


def check_fields(asked: EnrolInput, prefix: str = "") -> None:
    """Refuse what the gallery would refuse, before anything is embedded.

    Args:
        asked: the sighting.
        prefix: what stands before the client's names of its fields.

    Raises:
        InvalidField: naming the field.
    """
    if asked.id is not None:
        try:
            check_id(asked.id)
        except InvalidRecord as error:
            raise InvalidField(f"{prefix}id", error) from error
    checked_labels(
        asked.identity, asked.camera, asked.scene, asked.captured_at, asked.attributes, prefix
    )


def check_sightings(sightings: Sequence[EnrolInput], is_numbered: bool) -> None:
    """Refuse what the gallery would refuse of sightings that are stored together.

    Args:
        sightings: of one request.
        is_numbered: whether the client calls them samples[0] and so on.

    Raises:
        InvalidField: naming the field that cannot be stored.
        InvalidRequest: two have one id.
    """
    for number, sighting in enumerate(sightings):
        check_fields(sighting, f"samples[{number}]." if is_numbered else "")
    refuse_repeated_ids(sightings)


def refuse_repeated_ids(sightings: Sequence[EnrolInput]) -> None:
    """Refuse sightings of which two would have one id.

    Raises:
        InvalidRequest: naming each repetition.
    """
    seen: set[str] = set()
    problems: list[FieldProblem] = []
    for number, sighting in enumerate(sightings):
        if sighting.id is None:
            continue
        if sighting.id in seen:
            problems.append(
                FieldProblem(f"samples[{number}].id", "is the id of a sample before it")
            )
        seen.add(sighting.id)
    if problems:
        raise InvalidRequest(problems)


def name_taken_ids(
    error: DuplicateRecord, ids: Sequence[str | None], is_numbered: bool
) -> InvalidFields:
    """Return the error with the names of the fields whose ids are taken.

    Args:
        error: of sightings that were to be stored together.
        ids: of these sightings.
        is_numbered: whether the client calls them samples[0] and so on.
    """
    fields = [
        f"samples[{number}].id" if is_numbered else "id"
        for number, record_id in enumerate(ids)
        if record_id in error.ids
    ]
    return InvalidFields(fields, error)


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
    keep_crops: KeepCrops = "none",
) -> NewRecord:
    """Return the record of a sighting; features (3, D), mask (3,).

    `keep_crops` says whether the record holds the images as they were sent.

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
        crops=asked.by_modality() if keep_crops == "encoded" else {},
        tir_palette=asked.tir_palette,
    )
