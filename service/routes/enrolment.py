"""`POST /gallery`: enrol one sighting, or several that are stored together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.batching.urgency import Urgency
from service.embedding.query import refuse_too_many_samples, sent_sample, sent_samples
from service.errors import DuplicateRecord, UnknownRecord
from service.gallery.record import NewRecord
from service.gallery.store.crops import KeepCrops
from service.http.openapi import body_of, problems_of
from service.keys.details import details_of
from service.messages.answers import EnrolledRecord, EnrolledRecords
from service.messages.inputs import EnrolBatchInput, EnrolInput
from service.messages.presentation import enrolled_record, record_address
from service.messages.samples import EmbeddedSamples
from service.messages.sighting import check_sightings, name_taken_ids, new_record
from service.requests.bodies import json_response, passed_through
from service.requests.parsing import read_enrol
from service.requests.passage import Question
from service.routes.dependencies import RunningService
from service.routes.direct_route import DirectRoute
from service.running import Running

router = APIRouter(prefix="/gallery", tags=["gallery"], route_class=DirectRoute)


@router.post(
    "",
    status_code=201,
    summary="Enrol a sighting, or several together",
    response_model=EnrolledRecord | EnrolledRecords,
    openapi_extra=body_of("EnrolInput", alternative="EnrolBatchInput"),
    responses=problems_of(400, 409, 413, 415, 422, 429, 503, 504, 507),
)
async def enrol(request: Request, running: RunningService) -> Response:
    """When this answers 201, what was sent is on the disk and can be found.

    A JSON document with `samples` holds several sightings, which are stored together or not at
    all; the answer's `records` are in their order.
    """
    async with passed_through(request, running, read, _as_it_is, writes=True) as prepared:
        try:
            records = await running.workers.write(running.gallery.add_all, prepared.records)
        except DuplicateRecord as error:
            ids = [record.id for record in prepared.records]
            raise name_taken_ids(error, ids, prepared.is_batch) from error
    details_of(request.scope)["records"] = [record.id for record in records]
    enrolled = [
        enrolled_record(record, warnings)
        for record, warnings in zip(records, prepared.warnings, strict=True)
    ]
    if prepared.is_batch:
        return json_response(EnrolledRecords(records=enrolled), 201)
    return json_response(enrolled[0], 201, {"Location": record_address(enrolled[0].id)})


@dataclass(frozen=True, slots=True)
class Prepared:
    """Sightings ready to be stored, and sentences about each one's images."""

    records: list[NewRecord]
    warnings: tuple[tuple[str, ...], ...]
    is_batch: bool


def read(running: Running, body: bytes, content_type: str) -> Question[Prepared]:
    """Read the call's body; may block. Several sightings are embedded behind searches.

    Raises:
        RequestError: the body or a field is at fault, or an id is taken.
    """
    asked = read_enrol(body, content_type).value
    is_batch = isinstance(asked, EnrolBatchInput)
    sightings = asked.samples if isinstance(asked, EnrolBatchInput) else [asked]
    refuse_too_many_samples(sightings, running.settings.limits)
    check_sightings(sightings, is_batch)
    refuse_taken_ids(running, [each.id for each in sightings], is_batch)
    samples = (
        sent_samples(sightings, is_form=False) if is_batch else [sent_sample(sightings[0], "")]
    )
    return Question(
        samples,
        partial(prepare_records, sightings, is_batch, running.settings.keep_crops),
        Urgency.INGEST if is_batch else Urgency.SEARCH,
        with_thumbnails=True,
    )


def prepare_records(
    sightings: Sequence[EnrolInput],
    is_batch: bool,
    keep_crops: KeepCrops,
    embedded: EmbeddedSamples,
) -> Prepared:
    """Return the records of embedded sightings.

    Raises:
        InvalidRecord: a field cannot be stored.
    """
    records = [
        new_record(
            sighting,
            embedded.features[row],
            embedded.mask[row],
            embedded.thumbnails[row],
            sighting.id,
            keep_crops,
        )
        for row, sighting in enumerate(sightings)
    ]
    return Prepared(records, embedded.warnings, is_batch)


def _as_it_is(prepared: Prepared) -> Prepared:
    return prepared


def refuse_taken_ids(running: Running, ids: Sequence[str | None], is_batch: bool) -> None:
    """Refuse ids that are taken before anything is embedded; storing decides in the end.

    Raises:
        InvalidFields: naming those that a record has.
    """
    taken = []
    for record_id in filter(None, ids):
        try:
            running.gallery.get(record_id)
        except UnknownRecord:
            continue
        taken.append(record_id)
    if taken:
        raise name_taken_ids(DuplicateRecord(taken), ids, is_batch)
