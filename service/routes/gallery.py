"""`/gallery`: enrol, page through, read and delete records; their thumbnails."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from service.answers import EnrolledRecord, GalleryPage, StoredRecord
from service.bodies import content_type_of, json_response, received_body
from service.errors import DuplicateRecord, UnknownRecord
from service.gallery.record import NewRecord
from service.inputs import Count
from service.openapi import body_of, problems_of
from service.presentation import enrolled_record, record_address, stored_record
from service.query import sent_sample
from service.request_errors import FieldProblem, InvalidRequest, UnknownThumbnail
from service.requests import read_enrol
from service.routes.dependencies import RunningService
from service.running import Running
from service.sighting import check_fields, new_record
from vreid.modality import Modality

DEFAULT_PAGE = 100

router = APIRouter(prefix="/gallery", tags=["gallery"])


class PageParameters(BaseModel):
    """Which page of the gallery is wanted."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(default=None, description="`next_cursor` of the page before")
    limit: Count | None = Field(
        default=None,
        ge=1,
        description=f"records on the page; {DEFAULT_PAGE}, or as many as the service gives, "
        "when left out",
    )


@router.post(
    "",
    status_code=201,
    summary="Enrol a sighting",
    response_model=EnrolledRecord,
    openapi_extra=body_of("EnrolInput"),
    responses=problems_of(400, 409, 413, 415, 422, 503, 507),
)
async def enrol(request: Request, running: RunningService) -> Response:
    """When this answers 201, the record is on the disk and can be found."""
    async with received_body(request, running) as body:
        with running.workers.admit_write():
            new, warnings = await running.workers.run(
                prepare_record, running, body, content_type_of(request)
            )
            record = await running.workers.write(running.gallery.add, new)
            return json_response(
                enrolled_record(record, warnings), 201, {"Location": record_address(record.id)}
            )


def prepare_record(
    running: Running, body: bytes, content_type: str
) -> tuple[NewRecord, tuple[str, ...]]:
    """Embed a sighting; return what is to be stored, and sentences about its images; may block.

    Raises:
        RequestError: the body or a field is at fault.
        InvalidRecord: a field cannot be stored.
        DuplicateRecord: its id is taken.
        EngineError: the engine failed.
    """
    reading = read_enrol(body, content_type)
    asked = reading.value
    check_fields(asked)
    refuse_taken_id(running, asked.id)
    embedded = running.embedder.embed([sent_sample(asked, "")], with_thumbnails=True)
    new = new_record(
        asked, embedded.features[0], embedded.mask[0], embedded.thumbnails[0], asked.id
    )
    return new, embedded.warnings[0]


def refuse_taken_id(running: Running, record_id: str | None) -> None:
    """Refuse an id that is taken before anything is embedded; storing decides in the end.

    Raises:
        DuplicateRecord: a record has it.
    """
    if record_id is None:
        return
    try:
        running.gallery.get(record_id)
    except UnknownRecord:
        return
    raise DuplicateRecord([record_id])


@router.get(
    "",
    summary="Page through the gallery, oldest record first",
    responses=problems_of(422, 503),
)
def page(running: RunningService, parameters: Annotated[PageParameters, Query()]) -> GalleryPage:
    """Records that are enrolled meanwhile come on later pages; none appears twice."""
    most = running.settings.limits.page
    limit = min(DEFAULT_PAGE, most) if parameters.limit is None else parameters.limit
    if limit > most:
        raise InvalidRequest([FieldProblem("limit", f"is {limit}; ask for 1 to {most}")])
    found = running.gallery.page(parameters.cursor, limit)
    return GalleryPage(
        records=[stored_record(record) for record in found.records],
        next_cursor=found.next_cursor,
    )


@router.get("/{id}", summary="Read a record", responses=problems_of(404, 503))
def read(running: RunningService, id: str) -> StoredRecord:
    """Return what is known about a sighting."""
    return stored_record(running.gallery.get(id))


@router.delete(
    "/{id}", status_code=204, summary="Delete a record", responses=problems_of(404, 503, 507)
)
async def delete(running: RunningService, id: str) -> Response:
    """Delete a record with its features and pictures."""
    with running.workers.admit_write():
        await running.workers.write(running.gallery.delete, id)
    return Response(status_code=204)


@router.get(
    "/{id}/images/{modality}",
    summary="A record's thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **problems_of(404, 422, 503)},
)
def thumbnail(running: RunningService, id: str, modality: Modality) -> Response:
    """Return the thumbnail of one modality as JPEG."""
    jpeg = running.gallery.thumbnail(id, modality)
    if jpeg is None:
        raise UnknownThumbnail(
            f"the record {id!r} has no {modality} picture; its mask and thumbnails say which it has"
        )
    # A record never changes its pictures, but its id can be deleted and enrolled again.
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-cache"})
