"""`/ingest`: accept sightings now, embed them later; say how far they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.embedding.query import refuse_too_many_samples, sent_samples
from service.http.openapi import body_of, problems_of
from service.ingest.entry import Entry, make_entry
from service.ingest.errors import IngestOff
from service.ingest.progress import now
from service.keys.caller import caller_of
from service.keys.key import Key
from service.messages.answers import AcceptedIngest, IngestLinks, IngestProgress
from service.messages.presentation import record_address
from service.messages.problems import ProblemBody
from service.messages.sighting import check_sightings
from service.request_errors import FieldProblem, InvalidRequest
from service.requests.bodies import content_type_of, json_response, received_body
from service.requests.parsing import read_ingest
from service.routes.dependencies import RunningService, audited_details
from service.running import Running

if TYPE_CHECKING:
    from service.ingest.intake import Intake

IDEMPOTENCY_KEY = "Idempotency-Key"
LONGEST_KEY = 255

_KEY_PARAMETER: dict[str, Any] = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "a text of your own for this request: sent again, it stores nothing twice and "
    "answers the same id. When left out, the same content counts as the same request.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    "example": "camera-7/2026-03-01T12:00:00.123Z",
}

router = APIRouter(prefix="/ingest", tags=["ingest"])


@router.post(
    "",
    status_code=202,
    summary="Accept sightings, to be embedded later",
    response_model=AcceptedIngest,
    openapi_extra={**body_of("IngestInput"), "parameters": [_KEY_PARAMETER]},
    responses=problems_of(400, 413, 415, 422, 429, 501, 503),
)
async def accept(request: Request, running: RunningService) -> Response:
    """202 means accepted, not stored: `GET /ingest/{id}` says when the gallery has it.

    A form holds one sighting; a JSON document holds several, which are stored together or not at
    all.
    """
    intake = intake_of(running)
    key = holders_key(idempotency_key(request), caller_of(request.scope))
    async with received_body(request, running) as body:
        with running.admission.admit():
            entry = await running.workers.run(
                prepare_entry,
                running,
                body,
                content_type_of(request),
                key,
                str(request.state.request_id),
            )
        told = audited_details(request, running)
        if told is not None:
            told.update(entry=entry.id, records=list(entry.record_ids))
        is_new = await intake.accept(entry)
        if told is not None:
            told["repeated"] = not is_new
    if is_new:
        for sample in entry.samples:
            running.metrics.sample_sent(sample.by_modality(), running.bundle.manifest.modalities)
    address = ingest_address(entry.id)
    answer = AcceptedIngest(id=entry.id, repeated=not is_new, links=IngestLinks(self=address))
    return json_response(answer, 202, {"Location": address})


@router.get("/{id}", summary="How far an accepted request is", responses=problems_of(404, 501, 503))
async def progress(running: RunningService, id: str) -> IngestProgress:
    """Known from the moment of the 202 until some time after the end (`VREID_INGEST__KEEP`)."""
    found = await intake_of(running).progress(id)
    records = list(found.record_ids) if found.status == "stored" else None
    return IngestProgress(
        id=id,
        status=found.status,
        accepted_at=found.accepted_at,
        updated_at=found.updated_at,
        attempts=found.attempts,
        records=records,
        warnings=[list(each) for each in found.warnings],
        problem=None if found.problem is None else ProblemBody(**found.problem),
        links=IngestLinks(
            self=ingest_address(id), records=[record_address(each) for each in records or ()]
        ),
    )


def intake_of(running: Running) -> Intake:
    """Return the queue.

    Raises:
        IngestOff: no Redis server is configured.
    """
    if running.intake is None:
        raise IngestOff
    return running.intake


def idempotency_key(request: Request) -> str | None:
    """Return the client's name for its request, None where it gave none.

    Raises:
        InvalidRequest: there are several, or it is empty, too long or not printable ASCII.
    """
    given = request.headers.getlist(IDEMPOTENCY_KEY)
    if not given:
        return None
    [key] = given if len(given) == 1 else [""]
    if not (key.isascii() and key.isprintable() and 1 <= len(key) <= LONGEST_KEY):
        raise InvalidRequest(
            [
                FieldProblem(
                    IDEMPOTENCY_KEY,
                    f"has to be one text of 1 to {LONGEST_KEY} printable ASCII characters",
                )
            ]
        )
    return key


def holders_key(idempotency_key: str | None, caller: Key | None) -> str | None:
    """Return the idempotency key as that of its holder, by the name of the holder's API key.

    Nobody learns from it which requests others sent, and a new API key of the same name goes on
    where the old one was.
    """
    if idempotency_key is None or caller is None:
        return idempotency_key
    return f"{caller.name}\n{idempotency_key}"


def prepare_entry(
    running: Running, body: bytes, content_type: str, key: str | None, request_id: str
) -> Entry:
    """Read a request, refuse what no worker could store, and return the entry; may block.

    Raises:
        RequestError: the body, a field or an image's header is at fault.
    """
    reading = read_ingest(body, content_type)
    asked = reading.value
    refuse_too_many_samples(asked.samples, running.settings.limits)
    check_sightings(asked.samples, is_numbered=not reading.is_form)
    running.embedder.check_headers(sent_samples(asked.samples, reading.is_form))
    return make_entry(asked.samples, reading.is_form, key, request_id, now())


def ingest_address(entry_id: str) -> str:
    """Return the path of an entry's progress."""
    return f"/ingest/{entry_id}"
