"""From an entry to records in the gallery, once however often the entry comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from service.embedding.embedder import Embedder
from service.embedding.preparation import Compute
from service.embedding.query import sent_samples
from service.errors import DuplicateRecord, UnknownRecord
from service.gallery.record import NewRecord, Record
from service.gallery.store.crops import KeepCrops
from service.ingest.entry import Entry
from service.messages.sighting import content_hash, new_record

Add: TypeAlias = Callable[[Sequence[NewRecord]], Sequence[Record]]
"""Stores records in one transaction; they are on the disk when it returns."""

Get: TypeAlias = Callable[[str], Record]
"""Returns the record of an id; raises UnknownRecord."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the gallery has of an entry.

    Attributes:
        record_ids: of its records.
        warnings: sentences about each sample's images; empty where they were stored before.
    """

    record_ids: tuple[str, ...]
    warnings: tuple[tuple[str, ...], ...]


class Storage:
    """An embedder and a gallery; safe to use from several threads.

    `compute` embeds, behind whatever is more urgent; by default the embedder does at once.
    """

    def __init__(
        self,
        embedder: Embedder,
        add: Add,
        get: Get,
        keep_crops: KeepCrops = "none",
        compute: Compute | None = None,
    ) -> None:
        self._embedder = embedder
        self._compute = compute
        self._keep_crops = keep_crops
        self._add = add
        self._get = get

    def store(self, entry: Entry) -> Stored:
        """Embed an entry and store its records, unless the gallery has them already.

        Raises:
            RequestError: an image cannot be used.
            GalleryError: the records cannot be stored; DuplicateRecord where an id is that of
                another sighting.
            EngineError: the engine failed.
        """
        if self._is_stored(entry):
            return Stored(entry.record_ids, ())
        embedded = self._embedder.embed(
            sent_samples(entry.samples, entry.is_form), with_thumbnails=True, compute=self._compute
        )
        records = [
            new_record(sample, features, mask, thumbnails, record_id, self._keep_crops)
            for sample, features, mask, thumbnails, record_id in zip(
                entry.samples,
                embedded.features,
                embedded.mask,
                embedded.thumbnails,
                entry.record_ids,
                strict=True,
            )
        ]
        try:
            self._add(records)
        except DuplicateRecord:
            # Another worker may have stored this entry in the meantime.
            if not self._is_stored(entry):
                raise
        return Stored(entry.record_ids, embedded.warnings)

    def _is_stored(self, entry: Entry) -> bool:
        """Tell whether the gallery has the entry's records, which were stored as one.

        An id that follows from the entry is proof by itself, also where a record beside it was
        deleted since. An id that the client chose may be that of another sighting.
        """
        found = [self._found(record_id) for record_id in entry.record_ids]
        made_here = [
            record is not None
            for sample, record in zip(entry.samples, found, strict=True)
            if sample.id is None
        ]
        if made_here:
            return any(made_here)
        return all(
            record is not None and record.content_hash == content_hash(sample)
            for sample, record in zip(entry.samples, found, strict=True)
        )

    def _found(self, record_id: str) -> Record | None:
        try:
            return self._get(record_id)
        except UnknownRecord:
            return None
