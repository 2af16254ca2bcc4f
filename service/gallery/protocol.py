"""What the rest of the service uses of a gallery, wherever it keeps its records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from service.gallery.filters.filter import Filter
from service.gallery.query import Position
from service.gallery.record import Labels, NewRecord, Record
from service.gallery.store.deletion import Selection
from vreid.modality import Modality
from vreid.policy import Policy

if TYPE_CHECKING:
    from service.gallery.gallery import GalleryInfo, Match, Page


class GalleryProtocol(Protocol):
    """An open gallery; every method is safe from several threads.

    What the calls that add, relabel and delete did is durable, and searched by whoever called
    them, when they return. Every method may raise `GalleryError`: an error that
    `service.messages.problems` answers with 503 will pass by itself.
    """

    def add(self, record: NewRecord) -> Record:
        """Store a record. Raises `DuplicateRecord` when its id is taken, or `InvalidRecord`."""
        ...

    def add_all(self, records: Sequence[NewRecord]) -> list[Record]:
        """Store records, all of them or, when this raises, none."""
        ...

    def relabel(self, record_id: str, labels: Labels, content_hash: str | None) -> None:
        """Replace what is told about a record; it comes last in the order of storing then.

        Raises `UnknownRecord`.
        """
        ...

    def get(self, record_id: str) -> Record:
        """The record with this id. Raises `UnknownRecord`."""
        ...

    def thumbnail(self, record_id: str, modality: Modality) -> bytes | None:
        """The JPEG thumbnail of one modality, None when it has none. Raises `UnknownRecord`."""
        ...

    def page(
        self, cursor: str | None = None, limit: int = 100, filter: Filter | None = None
    ) -> Page:
        """The records after a cursor, in the order of storing. Raises `InvalidSearch`."""
        ...

    def delete(self, record_id: str) -> None:
        """Delete a record with its features and pictures. Raises `UnknownRecord`."""
        ...

    def delete_selected(self, selection: Selection) -> int:
        """Delete every record that is selected; return how many there were."""
        ...

    def delete_matching(self, filter: Filter, expected: int | None = None) -> int:
        """Delete every record that passes a filter; return how many there were.

        Raises `UnexpectedCount`, and deletes none, where `expected` is another number than pass;
        `DeletionInterrupted` where some are deleted and the others cannot be now.
        """
        ...

    def count_matching(self, filter: Filter) -> int:
        """How many records `delete_matching` would delete."""
        ...

    def count(self, filter: Filter | None = None) -> int:
        """How many records there are, or how many pass a filter."""
        ...

    def search(
        self,
        query_features: NDArray[np.floating],
        query_mask: NDArray[np.bool_],
        k: int = 20,
        policy: Policy = "auto",
        filter: Filter | None = None,
        *,
        after: Position | None = None,
        as_of: int | None = None,
    ) -> list[Match]:
        """The `k` records most like the query, best first; equal ones in the order of storing.

        `query_features` is (3, D), `query_mask` (3,). With `after`, those behind a position of the
        ranking; with `as_of`, only records whose sequence number is not above it. Raises
        `InvalidSearch` and `vreid.errors.ScoringError`.
        """
        ...

    @property
    def sequence(self) -> int:
        """The number of the newest change that searches see."""
        ...

    def refresh(self) -> int:
        """See that the gallery can be read, and follow what others changed; how much was new."""
        ...

    def check(self) -> None:
        """Raise `GalleryError` when the gallery is gone; cheap."""
        ...

    @property
    def remark(self) -> str | None:
        """What an operator should know of a gallery that is searched, None for nothing."""
        ...

    def info(self) -> GalleryInfo:
        """Where it is, how many records it has, and which model it belongs to."""
        ...

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""
        ...


class RecordStore(Protocol):
    """Where jobs and workers store records: `GalleryStore`, or a gallery in Milvus."""

    def add(
        self, records: Sequence[NewRecord], *, skip_known_content: bool = False
    ) -> list[Record]:
        """Store records durably, all or none; those with known content are left out if asked."""
        ...

    def get(self, record_id: str) -> Record:
        """The record with this id. Raises `UnknownRecord`."""
        ...

    def relabel(self, record_id: str, labels: Labels, content_hash: str | None) -> None:
        """Replace what is told about a record. Raises `UnknownRecord`."""
        ...

    def known_content(self, hashes: Iterable[str]) -> set[str]:
        """Those of the content hashes that some record carries."""
        ...

    def ids_with_images(self, images_hash: str) -> list[str]:
        """Ids of the records that were made of these images, whatever their labels."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
