"""Enrolling one sighting, or many in batches that fit into the service's limits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vreid.client.answers import checked, read_answer
from vreid.client.calls import info
from vreid.client.errors import (
    ClientError,
    Conflict,
    FieldError,
    NotThere,
    RecordExists,
    RequestRefused,
    ServiceProblem,
)
from vreid.client.facts import LimitFacts
from vreid.client.flows import Flow, ask_for
from vreid.client.inputs import Sighting
from vreid.client.record_calls import get
from vreid.client.records import (
    EnrolledRecord,
    EnrolledRecords,
    EnrolOutcome,
    EnrolReport,
    StoredRecord,
)
from vreid.client.requests import Request, document_of, encoded, enrolled
from vreid.client.retrying import Exchanged
from vreid.errors import VreidError
from vreid.modality import MODALITIES

BATCH = 16
"""Sightings sent together: enough that the service's processors are busy and the network does not
count; few enough that searches which come meanwhile do not wait long."""

PATIENCE = 60.0
"""Seconds that the service gets for a batch where the caller names no deadline."""

Progress = Callable[[EnrolOutcome], None]

_HEAD, _JOINT, _TAIL = b'{"samples": [', b", ", b"]}"
_FIELD = re.compile(r"samples\[(\d+)\]")
_FOUND_STORED = (
    "the answer to an earlier attempt was lost; the record was found stored, and what was said "
    "about its images is not known"
)


class EnrolmentInterrupted(ClientError):
    """The service could not be reached, or failed, before all sightings were settled.

    Attributes:
        report: what became of the sightings until then. Where they have ids of their own, the same
            call can be made again: what is stored is told as present.
    """

    def __init__(self, cause: ClientError, report: EnrolReport) -> None:
        self.report = report
        super().__init__(
            f"{report.settled} sightings were settled ({report.stored} stored now); then: {cause}"
        )


def enrol(sighting: Sighting) -> Flow[EnrolledRecord]:
    """Enrol a sighting; when this returns, it is on the service's disk.

    With an id of its own it is sent again where an answer is lost, and stored once.

    Args:
        sighting: its images and what is known about it.

    Raises:
        RecordExists: another record has the id.
        AnswerLost: whether it was stored is not known; never where it has an id and the service
            comes back in time.
    """
    request = enrolled(sighting)
    exchanged: Exchanged = yield request
    try:
        answer = checked(exchanged.answer)
    except RecordExists:
        if not exchanged.follows_lost or sighting.id is None:
            raise
        record = yield from get(sighting.id)
        if not _is_of(record, sighting, sighting.encoded()):
            raise
        return _as_enrolled(record)
    return read_answer(EnrolledRecord, answer, "the answer to POST /gallery")


def enrol_many(
    sightings: Iterable[Sighting], *, batch: int = BATCH, progress: Progress | None = None
) -> Flow[EnrolReport]:
    """Enrol many sightings, as many at a time as `batch` and the service's limits allow.

    They are taken from the iterable as they are needed, so it may be longer than memory. One that
    cannot be used does not stop the others. Give them ids of their own: then an interrupted run
    is resumed by running it again. Of an id that is taken the record is read: where it tells what
    the sighting does, the sighting is present, else it has failed.

    Args:
        sightings: to store.
        batch: most that are sent, and stored, together.
        progress: is told of each sighting as soon as it is settled.

    Raises:
        EnrolmentInterrupted: the service could not be reached, or failed; it says what was settled.
    """
    limits = (yield from info()).limits
    tally = _Tally()

    def settle(outcome: EnrolOutcome) -> None:
        tally.add(outcome)
        if progress is not None:
            progress(outcome)

    try:
        for group in _batches(_prepared(sightings, settle), min(batch, limits.samples), limits):
            yield from _store(group, settle)
    except ClientError as error:
        raise EnrolmentInterrupted(error, tally.report()) from error
    return tally.report()


class _Tally:
    """Counts of outcomes, and those that failed: of millions that are stored nothing is kept."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._failed: list[EnrolOutcome] = []

    def add(self, outcome: EnrolOutcome) -> None:
        self._counts[outcome.status] += 1
        if outcome.status == "failed":
            self._failed.append(outcome)

    def report(self) -> EnrolReport:
        failed = sorted(self._failed, key=lambda outcome: outcome.number)
        return EnrolReport(self._counts["stored"], self._counts["present"], tuple(failed))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A sighting as it travels in a JSON document."""

    number: int
    sighting: Sighting
    modalities: frozenset[str]
    text: bytes

    @property
    def id(self) -> str | None:
        return self.sighting.id


def _prepared(
    sightings: Iterable[Sighting], settle: Callable[[EnrolOutcome], None]
) -> Iterator[_Prepared]:
    for number, sighting in enumerate(sightings):
        try:
            document = document_of(sighting)
            text = encoded(document)
        except (VreidError, ValueError, TypeError) as error:
            known = error if isinstance(error, VreidError) else ClientError(str(error))
            settle(EnrolOutcome(number, "failed", sighting.id, error=known))
            continue
        modalities = frozenset(each.value for each in MODALITIES if each.value in document)
        yield _Prepared(number, sighting, modalities, text)


def _batches(
    prepared: Iterable[_Prepared], most: int, limits: LimitFacts
) -> Iterator[list[_Prepared]]:
    room = limits.request_bytes - len(_HEAD) - len(_TAIL)
    group: list[_Prepared] = []
    size = 0
    for each in prepared:
        needed = len(each.text) + len(_JOINT)
        if group and (len(group) >= max(1, most) or size + needed > room):
            yield group
            group, size = [], 0
        group.append(each)
        size += needed
    if group:
        yield group


def _store(group: list[_Prepared], settle: Callable[[EnrolOutcome], None]) -> Flow[None]:
    """Store a batch; where some of it is refused, store what is left without it."""
    waiting = [group]
    while waiting:
        part = waiting.pop()
        try:
            stored = yield from ask_for(EnrolledRecords, _request_of(part))
        except (RequestRefused, Conflict) as error:
            waiting += yield from _without_refused(part, error, settle)
        else:
            for each, record in zip(part, stored.records, strict=True):
                settle(EnrolOutcome(each.number, "stored", record.id, record))


def _request_of(part: Sequence[_Prepared]) -> Request:
    return Request(
        "POST",
        "/gallery",
        repeatable=all(each.id is not None for each in part),
        content=_HEAD + _JOINT.join(each.text for each in part) + _TAIL,
        seconds=PATIENCE,
    )


def _without_refused(
    part: list[_Prepared], error: ServiceProblem, settle: Callable[[EnrolOutcome], None]
) -> Flow[list[list[_Prepared]]]:
    """Settle the sightings that a refusal names; return what is to be sent again, last part first.

    A refusal that names none, as of a body that is too large, halves the batch.
    """
    refused = _named(error, len(part))
    if not refused and len(part) > 1:
        middle = len(part) // 2
        return [part[middle:], part[:middle]]
    for position in sorted(refused or {0}):
        each = part[position]
        is_present = isinstance(error, RecordExists) and (yield from _is_stored(each))
        status: Literal["present", "failed"] = "present" if is_present else "failed"
        settle(EnrolOutcome(each.number, status, each.id, error=_of_one(error, position)))
    left = [each for position, each in enumerate(part) if position not in refused]
    return [left] if refused and left else []


def _is_stored(prepared: _Prepared) -> Flow[bool]:
    """Whether the record that has the id is that of the sighting."""
    if prepared.id is None:
        return False
    try:
        record = yield from get(prepared.id)
    except NotThere:
        return False
    return _is_of(record, prepared.sighting, prepared.modalities)


def _named(error: ServiceProblem, count: int) -> set[int]:
    """Positions of the sightings that a problem's fields name."""
    matches = (_FIELD.match(each.field) for each in error.errors)
    return {int(match[1]) for match in matches if match and int(match[1]) < count}


def _of_one(error: ServiceProblem, position: int) -> ServiceProblem:
    """What a problem with a batch says about one of its sightings, as of a request of its own."""
    prefix = f"samples[{position}]"
    own = tuple(
        FieldError(each.field.removeprefix(prefix).lstrip("."), each.message)
        for each in error.errors
        if each.field == prefix or each.field.startswith(f"{prefix}.")
    )
    if not own:
        return error
    detail = "; ".join(f"{each.field}: {each.message}" for each in own)
    return type(error)(replace(error.problem, detail=detail, errors=own))


def _is_of(record: StoredRecord, sighting: Sighting, modalities: Iterable[str]) -> bool:
    """Whether a record tells of its sighting what was to be stored; pictures are not compared."""
    return (
        record.identity == sighting.identity
        and record.camera == sighting.camera
        and record.scene == sighting.scene
        and record.captured_at == sighting.captured_at
        and dict(record.attributes) == dict(sighting.attributes)
        and {each.value for each in record.mask.modalities} == set(modalities)
    )


def _as_enrolled(record: StoredRecord) -> EnrolledRecord:
    return EnrolledRecord(
        id=record.id,
        identity=record.identity,
        camera=record.camera,
        scene=record.scene,
        captured_at=record.captured_at,
        attributes=record.attributes,
        mask=record.mask,
        thumbnails=record.thumbnails,
        created_at=record.created_at,
        source=record.source,
        warnings=(_FOUND_STORED,),
    )
