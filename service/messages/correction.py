"""Correcting what is told about a stored record: labels and attributes, never its images."""

from __future__ import annotations

import threading

from service.gallery.protocol import GalleryProtocol
from service.gallery.record import AttributeValue, Labels, Record
from service.messages.inputs import CorrectionInput
from service.messages.label_fields import checked_labels

# Two corrections of one record at the same moment have to count both.
_ONE_AT_A_TIME = threading.Lock()


def correct(gallery: GalleryProtocol, record_id: str, asked: CorrectionInput) -> Record:
    """Correct a record and return it; where nothing changes it keeps its place.

    Raises:
        UnknownRecord: no record has the id.
        InvalidField: naming the field that cannot be stored.
    """
    with _ONE_AT_A_TIME:
        record = gallery.get(record_id)
        before = Labels(
            record.identity, record.camera, record.scene, record.captured_at, record.attributes
        )
        after = corrected(before, asked)
        if after == before:
            return record
        # The hash stays: by it, the source that the record came from is still known as indexed.
        gallery.relabel(record_id, after, record.content_hash)
        return gallery.get(record_id)


def corrected(labels: Labels, asked: CorrectionInput) -> Labels:
    """Return the labels as RFC 7396 merges a correction into them.

    What is not given stays, null takes away, and attributes are merged one by one.

    Raises:
        InvalidField: naming the field that cannot be stored.
    """
    given = asked.model_fields_set
    return checked_labels(
        identity=asked.identity if "identity" in given else labels.identity,
        camera=asked.camera if "camera" in given else labels.camera,
        scene=asked.scene if "scene" in given else labels.scene,
        captured_at=asked.captured_at if "captured_at" in given else labels.captured_at,
        attributes=_merged(labels, asked) if "attributes" in given else labels.attributes,
    )


def _merged(labels: Labels, asked: CorrectionInput) -> dict[str, AttributeValue]:
    if asked.attributes is None:
        return {}
    merged = {**labels.attributes, **asked.attributes}
    return {name: value for name, value in merged.items() if value is not None}
