"""`/gallery`: page through, read and delete records; their thumbnails."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from service.gallery.filters.filter_text import parse_filter
from service.http.openapi import problems_of
from service.messages.answers import GalleryPage, StoredRecord
from service.messages.filter_input import FilterText
from service.messages.inputs import WRITTEN_COUNT
from service.messages.presentation import stored_record
from service.request_errors import FieldProblem, InvalidRequest, UnknownThumbnail
from service.routes.dependencies import RunningService, refuse_repeated_parameters
from vreid.modality import Modality

DEFAULT_PAGE = 100

router = APIRouter(prefix="/gallery", tags=["gallery"])


class PageParameters(BaseModel):
    """Which page of the gallery is wanted."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(default=None, description="`next_cursor` of the page before")
    limit: Annotated[int, Field(ge=1), WRITTEN_COUNT] | None = Field(
        default=None,
        description=f"records on the page; {DEFAULT_PAGE}, or as many as the service gives, "
        "when left out",
    )
    filter: FilterText | None = Field(
        default=None, description="only records that pass this filter, as JSON text"
    )


@router.get(
    "",
    summary="Page through the gallery, oldest record first",
    dependencies=[Depends(refuse_repeated_parameters)],
    responses=problems_of(422, 503),
)
def page(running: RunningService, parameters: Annotated[PageParameters, Query()]) -> GalleryPage:
    """Records that are enrolled meanwhile come on later pages; none appears twice."""
    most = running.settings.limits.page
    limit = min(DEFAULT_PAGE, most) if parameters.limit is None else parameters.limit
    if limit > most:
        raise InvalidRequest([FieldProblem("limit", f"is {limit}; ask for 1 to {most}")])
    conditions = None if parameters.filter is None else parse_filter(parameters.filter)
    found = running.gallery.page(parameters.cursor, limit, conditions)
    return GalleryPage(
        records=[stored_record(record) for record in found.records],
        next_cursor=found.next_cursor,
    )


@router.get("/{id}", summary="Read a record", responses=problems_of(404, 503))
def read(running: RunningService, id: str) -> StoredRecord:
    """Return what is known about a sighting."""
    return stored_record(running.gallery.get(id))


@router.delete(
    "/{id}", status_code=204, summary="Delete a record", responses=problems_of(404, 429, 503, 507)
)
async def delete(running: RunningService, id: str) -> Response:
    """Delete a record with its features and pictures."""
    with running.admission.admit_write():
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
