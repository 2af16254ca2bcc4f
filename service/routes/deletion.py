"""`DELETE /gallery`: delete the records that pass a filter."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from service.gallery.filters.filter import Filter
from service.gallery.filters.filter_text import parse_deletion
from service.gallery.protocol import GalleryProtocol
from service.http.openapi import problems_of
from service.messages.answers import DeletedRecords
from service.messages.filter_input import FilterText
from service.messages.inputs import WRITTEN_COUNT, Flag
from service.request_errors import FieldProblem, InvalidRequest
from service.routes.dependencies import (
    RunningService,
    audited_details,
    refuse_repeated_parameters,
)

router = APIRouter(prefix="/gallery", tags=["gallery"])


class DeletionParameters(BaseModel):
    """Which records are to be deleted."""

    model_config = ConfigDict(extra="forbid")

    filter: FilterText = Field(description="the records to delete: a filter as JSON text")
    dry_run: Flag = Field(default=False, description="only count them")
    all: Flag = Field(
        default=False,
        description="delete also where every record of the gallery passes the filter, which is "
        "refused otherwise",
    )
    expected: Annotated[int, Field(ge=0), WRITTEN_COUNT] | None = Field(
        default=None,
        description="how many records are meant, as `dry_run` counted them; where another number "
        "passes as they are to be deleted, none is",
    )


@router.delete(
    "",
    summary="Delete the records that pass a filter",
    dependencies=[Depends(refuse_repeated_parameters)],
    responses=problems_of(422, 429, 503, 507),
)
async def delete_matching(
    request: Request,
    running: RunningService,
    parameters: Annotated[DeletionParameters, Query()],
) -> DeletedRecords:
    """Delete them with their features and pictures, a few hundred at a time.

    The answer comes when all are deleted; others write in between, and what is enrolled meanwhile
    stays. When the call fails half-way, send it again, and with `expected` count again before: then
    `matched` is that number, and a record that others correct or delete meanwhile is not `deleted`.
    """
    conditions = parse_deletion(parameters.filter)
    if parameters.dry_run:
        matched = await running.workers.run(running.gallery.count_matching, conditions)
        return DeletedRecords(matched=matched, deleted=0)
    if not parameters.all:
        await running.workers.run(refuse_everything, running.gallery, conditions)
    with running.admission.admit_write():
        deleted = await running.workers.write(
            running.gallery.delete_matching, conditions, parameters.expected
        )
    told = audited_details(request, running)
    if told is not None:
        told["deleted"] = deleted
    matched = deleted if parameters.expected is None else parameters.expected
    return DeletedRecords(matched=matched, deleted=deleted)


def refuse_everything(gallery: GalleryProtocol, conditions: Filter) -> None:
    """Refuse a filter that every record passes, as one with a misspelt name in a `not` does.

    Raises:
        InvalidRequest: saying how to delete them all the same.
    """
    if gallery.page(limit=1, filter=Filter(negated=conditions)).records:
        return
    if passing := gallery.count(conditions):
        raise InvalidRequest(
            [
                FieldProblem(
                    "filter",
                    f"passes every record of the gallery ({passing}); narrow it, or send all=true "
                    "to delete all of them",
                )
            ]
        )
