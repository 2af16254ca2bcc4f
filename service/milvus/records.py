"""A gallery in Milvus as the indexing job uses one: batches of records, known by their content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.gallery.record import Labels, NewRecord, Record
from service.milvus.gallery import MilvusGallery


class MilvusRecords:
    """A `RecordStore` in Milvus.

    Two jobs that index the same pictures at the same moment may both store them: Milvus has no
    transaction around looking and storing. Samples with an id of their own are stored once even so.
    """

    def __init__(self, gallery: MilvusGallery) -> None:
        self._gallery = gallery

    def add(
        self, records: Sequence[NewRecord], *, skip_known_content: bool = False
    ) -> list[Record]:
        """Store records; with `skip_known_content`, those whose content hash is stored are not."""
        return self._gallery.add_all(self._unknown(records) if skip_known_content else records)

    def get(self, record_id: str) -> Record:
        """The record with this id. Raises `UnknownRecord`."""
        return self._gallery.get(record_id)

    def relabel(self, record_id: str, labels: Labels, content_hash: str | None) -> None:
        """Replace what is told about a record. Raises `UnknownRecord`."""
        self._gallery.relabel(record_id, labels, content_hash)

    def known_content(self, hashes: Iterable[str]) -> set[str]:
        """Those of the content hashes that some record carries."""
        return self._gallery.known_content(hashes)

    def ids_with_images(self, images_hash: str) -> list[str]:
        """Ids of the records that were made of these images, whatever their labels."""
        return self._gallery.ids_with_images(images_hash)

    def close(self) -> None:
        """Close the connection."""
        self._gallery.close()

    def _unknown(self, records: Sequence[NewRecord]) -> list[NewRecord]:
        seen = self.known_content(each.content_hash for each in records if each.content_hash)
        kept = []
        for record in records:
            if record.content_hash is not None and record.content_hash in seen:
                continue
            if record.content_hash is not None:
                seen.add(record.content_hash)
            kept.append(record)
        return kept
