"""Errors of the gallery and of the indexing job.

    VreidError
    └── ServiceError
        ├── GalleryError
        │   ├── UnknownRecord        no record carries this id
        │   ├── DuplicateRecord      a record with this id is already stored
        │   ├── InvalidRecord        a field of the record cannot be stored
        │   ├── InvalidFilter        a filter names something that does not exist
        │   ├── InvalidSearch        k, cursor or query of a search out of range
        │   ├── UnexpectedCount      other than the expected number of records would be deleted
        │   ├── DeletionInterrupted  some of the records that pass a filter are deleted
        │   ├── GalleryNotFound      the directory holds no gallery
        │   ├── GalleryLocked        another process held the write lock for too long
        │   ├── GalleryUnavailable   the Milvus server that holds it does not answer
        │   ├── GalleryUnwritable    disk full, read-only, a network disk, a directory of pictures
        │   ├── GalleryDamaged       the file is not what was written, or gone
        │   ├── GalleryUnsupported   written by a newer vreid
        │   ├── GalleryRetired       a newer generation of the gallery is served
        │   ├── FeedForgotten        a reader missed deletions that the feed no longer has
        │   └── GalleryClosed        used after close
        ├── IndexingError
        │   ├── SourceNotFound       the source is not there
        │   └── SourceUnsupported    the source is of a kind that cannot be read
        ├── TransferError
        │   ├── UnusableRecordFile   a file of records that cannot be read, or not as one
        │   └── UnwritableRecordFile a file of records that cannot be written
        ├── ParquetUnavailable       the package that reads Parquet files is not installed
        └── ReindexingError          a gallery cannot be embedded with another bundle
            ├── ReindexingRunning    another process is at it
            ├── NotEmbeddable        records whose images are kept nowhere, or are others now
            └── VerificationFailed   the new generation is not what it should be

A gallery made under another model raises `vreid.errors.FingerprintMismatch`.
"""

from __future__ import annotations

from collections.abc import Sequence

from vreid.errors import VreidError


class ServiceError(VreidError):
    """Base of everything the service raises on purpose."""


class GalleryError(ServiceError):
    """Base of the gallery's errors."""


class UnknownRecord(GalleryError):
    """No record carries this id."""

    def __init__(self, record_id: str) -> None:
        super().__init__(
            f"No record has the id {record_id!r}; list the gallery for the ids that exist."
        )
        self.record_id = record_id


class DuplicateRecord(GalleryError):
    """At least one id of a batch is taken; nothing of the batch was stored."""

    def __init__(self, ids: Sequence[str]) -> None:
        shown = ", ".join(repr(each) for each in ids[:3]) + (", ..." if len(ids) > 3 else "")
        super().__init__(
            f"The gallery already has a record with the id {shown}; "
            "choose another id, leave the id out to have one made, or delete the old record first."
        )
        self.ids = tuple(ids)


class InvalidRecord(GalleryError):
    """A field of a record cannot be stored; the message names the field."""


class InvalidFilter(GalleryError):
    """A filter has an unknown member or a value of the wrong kind; the message names it."""


class InvalidSearch(GalleryError):
    """The number of results, the cursor or the query itself is out of range."""


class UnexpectedCount(GalleryError):
    """Not as many records pass a filter as were expected; nothing was deleted.

    Attributes:
        expected: how many records were to be deleted.
        matched: how many pass the filter.
    """

    def __init__(self, expected: int, matched: int) -> None:
        super().__init__(
            f"{matched} records pass the filter and {expected} were expected; nothing was deleted. "
            "Look at what passes now, and expect that number."
        )
        self.expected = expected
        self.matched = matched


class DeletionInterrupted(GalleryError):
    """A deletion by filter was kept from going on, when some of the records were deleted.

    Attributes:
        deleted: how many are.
    """

    def __init__(self, deleted: int, reason: GalleryError) -> None:
        super().__init__(
            f"{deleted} of the records that pass the filter were deleted, and then it could not go "
            f"on ({reason}). Count what passes now, and delete the rest."
        )
        self.deleted = deleted


class GalleryNotFound(GalleryError):
    """The directory holds no gallery."""


class GalleryLocked(GalleryError):
    """Another process kept the gallery's write lock for longer than the waiting time."""


class GalleryUnavailable(GalleryError):
    """The Milvus server that holds the gallery does not answer; it may soon."""


class GalleryUnwritable(GalleryError):
    """The gallery's files cannot be written.

    The disk is full, read-only or a network disk, permission is lacking, or the directory holds
    pictures or other files that are no gallery.
    """


class GalleryDamaged(GalleryError):
    """The gallery's file does not hold what was written to it, or was deleted."""


class GalleryUnsupported(GalleryError):
    """The gallery was written by a newer version of vreid."""


class GalleryRetired(GalleryError):
    """The gallery has been embedded with another bundle; what was opened takes no more changes."""


class FeedForgotten(GalleryError):
    """Deletions after the reader's position, up to `floor`, are no longer in the feed."""

    def __init__(self, floor: int) -> None:
        super().__init__(
            f"Deletions up to change {floor} are no longer in the feed; drop the records that "
            "`missing_sequences` names and go on, or read the gallery anew."
        )
        self.floor = floor


class GalleryClosed(GalleryError):
    """The gallery was used after it had been closed."""


class IndexingError(ServiceError):
    """Base of the indexing job's errors."""


class SourceNotFound(IndexingError):
    """The source to index does not exist."""


class SourceUnsupported(IndexingError):
    """The source is of a kind that the job cannot read."""


class TransferError(ServiceError):
    """Base of the errors of importing and exporting records."""


class UnusableRecordFile(TransferError):
    """A file of records is not there, damaged, or not made as one; the message says how."""


class UnwritableRecordFile(TransferError):
    """A file of records cannot be written, or is there already."""


class ParquetUnavailable(ServiceError):
    """Parquet files need a package that is not installed; the message says how to get it."""


class ReindexingError(ServiceError):
    """A gallery cannot be embedded with another bundle; the message says what to do."""


class ReindexingRunning(ReindexingError):
    """Another process embeds this gallery, or swaps its generations."""


class NotEmbeddable(ReindexingError):
    """Records cannot be embedded again; the generation that is served stays."""


class VerificationFailed(ReindexingError):
    """The new generation is not what it should be; the one that is served stays."""
