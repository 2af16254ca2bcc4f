"""Giving records of a gallery the labels that the source has for their images."""

from __future__ import annotations

from collections.abc import Iterable

from service.errors import InvalidRecord, UnknownRecord
from service.gallery.protocol import RecordStore
from service.gallery.record import Labels
from service.indexing.preparation import Rejected, Relabelled


def relabel(samples: Iterable[Relabelled], store: RecordStore) -> tuple[int, list[Rejected]]:
    """Update the records of samples with other labels; return how many, and those that failed."""
    updated, rejected = 0, []
    for each in samples:
        sample = each.sample
        try:
            labels = Labels(
                sample.identity,
                sample.camera,
                sample.scene,
                sample.captured_at,
                sample.attributes,
            )
            store.relabel(each.id, labels, each.content_hash)
            updated += 1
        except (InvalidRecord, UnknownRecord) as error:
            rejected.append(Rejected(each.label, str(error)))
    return updated, rejected
