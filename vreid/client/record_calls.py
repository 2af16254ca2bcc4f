"""Calls about records that are stored: reading, correcting and deleting them, as flows.

They raise what those of `vreid.client.calls` raise.
"""

from __future__ import annotations

from collections.abc import Mapping

from vreid.client.answers import checked
from vreid.client.flows import Flow, Page, Paging, ask, ask_for
from vreid.client.inputs import Filter
from vreid.client.records import Deletion, RecordPage, StoredRecord
from vreid.client.requests import MERGE_PATCH, Request, encoded, record_path
from vreid.client.retrying import Exchanged
from vreid.modality import Modality


def get(id: str) -> Flow[StoredRecord]:
    """Read a record.

    Args:
        id: of the record.

    Raises:
        NotThere: there is none.
    """
    return (yield from ask_for(StoredRecord, Request("GET", record_path(id))))


def correct(id: str, changes: Mapping[str, object]) -> Flow[StoredRecord]:
    """Correct what is told about a record; images and features never change.

    Args:
        id: of the record.
        changes: ``identity``, ``camera``, ``scene``, ``captured_at``, ``attributes``; what is not
            given stays, None takes away, attributes are merged.

    Raises:
        NotThere: there is no such record.
    """
    request = Request(
        "PATCH", record_path(id), content=encoded(dict(changes)), media_type=MERGE_PATCH
    )
    return (yield from ask_for(StoredRecord, request))


def delete(id: str) -> Flow[None]:
    """Delete a record with its features and pictures.

    Args:
        id: of the record.

    Raises:
        NotThere: there is none.
    """
    exchanged: Exchanged = yield Request("DELETE", record_path(id))
    if exchanged.follows_lost and exchanged.answer.status == 404:
        return
    checked(exchanged.answer)


def delete_matching(
    filter: Filter, *, dry_run: bool = False, all: bool = False, expected: int | None = None
) -> Flow[Deletion]:
    """Delete the records that pass a filter.

    Args:
        filter: which; one that every record passes is refused.
        dry_run: only count them.
        all: delete also where every record passes.
        expected: how many records are meant, as a dry run counted them. What may have been carried
            out is not sent again then, as another number passes by then.

    Raises:
        Conflict: another number than ``expected`` passes; nothing was deleted.
        AnswerLost: some or all may be deleted; count again.
        Busy: nothing was deleted, or as many as the message says; count again.
    """
    parameters = {"filter": encoded(dict(filter)).decode()}
    parameters |= {"dry_run": "true"} if dry_run else {}
    parameters |= {"all": "true"} if all else {}
    parameters |= {} if expected is None else {"expected": str(expected)}
    request = Request(
        "DELETE",
        "/gallery",
        repeatable=dry_run or expected is None,
        before_repeating="count again with dry_run, and expect that number",
        parameters=parameters,
    )
    return (yield from ask_for(Deletion, request))


def page(
    cursor: str | None = None, *, limit: int | None = None, filter: Filter | None = None
) -> Flow[RecordPage]:
    """One page of the gallery, oldest record first.

    Args:
        cursor: `RecordPage.next_cursor` of the page before.
        limit: records on it.
        filter: only records that pass it.
    """
    parameters = {} if cursor is None else {"cursor": cursor}
    parameters |= {} if limit is None else {"limit": str(limit)}
    parameters |= {} if filter is None else {"filter": encoded(dict(filter)).decode()}
    return (yield from ask_for(RecordPage, Request("GET", "/gallery", parameters=parameters)))


def records(*, filter: Filter | None = None, limit: int | None = None) -> Paging[StoredRecord]:
    """Go through the gallery, oldest record first.

    Args:
        filter: only records that pass it.
        limit: records that are asked for at a time.
    """

    def read(cursor: str | None) -> Flow[Page[StoredRecord]]:
        found = yield from page(cursor, limit=limit, filter=filter)
        return Page(found.records, found.next_cursor)

    return Paging(read)


def thumbnail(id: str, modality: Modality | str) -> Flow[bytes]:
    """A record's thumbnail, as the bytes of a JPEG file.

    Args:
        id: of the record.
        modality: of the picture.

    Raises:
        NotThere: there is no such record, or it has no picture of this modality.
    """
    path = f"{record_path(id)}/images/{Modality(modality).value}"
    return (yield from ask(Request("GET", path))).body
