"""`PATCH /gallery/{id}`: correct what is told about a record."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.http.openapi import document_body_of, problems_of
from service.messages.answers import StoredRecord
from service.messages.correction import correct as correct_record
from service.messages.presentation import stored_record
from service.requests.bodies import content_type_of, json_response, received_body
from service.requests.parsing import read_correction
from service.routes.dependencies import RunningService

router = APIRouter(prefix="/gallery", tags=["gallery"])


@router.patch(
    "/{id}",
    summary="Correct what is told about a record",
    response_model=StoredRecord,
    openapi_extra=document_body_of("CorrectionInput"),
    responses=problems_of(400, 404, 413, 415, 422, 429, 503, 507),
)
async def correct(request: Request, running: RunningService, id: str) -> Response:
    """What is not given stays, null takes away (RFC 7396); images and features never change.

    A record that was corrected comes last in the order of storing, as `GET /gallery` pages it.
    """
    async with received_body(request, running) as body:
        with running.admission.admit_write():
            asked = await running.workers.run(read_correction, body, content_type_of(request))
            record = await running.workers.write(correct_record, running.gallery, id, asked)
    return json_response(stored_record(record))
