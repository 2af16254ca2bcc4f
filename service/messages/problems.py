"""Errors as RFC 9457 problems: one table from error class to status, type and title."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from service import errors as service_errors
from service import request_errors
from service.batching import errors as batching_errors
from service.ingest import errors as ingest_errors
from service.keys import errors as access_errors
from service.request_errors import FieldProblem, InvalidFields, InvalidRequest
from vreid import errors

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:vreid:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """What every problem of one kind has in common.

    Attributes:
        status: of the answer.
        slug: the end of the type.
        title: the kind in words.
        retry_after: seconds after which to try again, None where that does not help.
        closes: whether the connection ends, because the rest of a body may still be on its way.
    """

    status: int
    slug: str
    title: str
    retry_after: int | None = None
    closes: bool = False

    @property
    def type(self) -> str:
        """The stable identifier that clients may compare."""
        return TYPE_PREFIX + self.slug


UNEXPECTED = Kind(500, "unexpected", "The service failed")
NOT_FOUND = Kind(404, "not-found", "Nothing is here")
METHOD_NOT_ALLOWED = Kind(405, "method-not-allowed", "The method is not supported here")
UNKNOWN_RECORD = Kind(404, "unknown-record", "No such record")
SHUTTING_DOWN = Kind(
    503, "shutting-down", "The service is shutting down", retry_after=2, closes=True
)
UNREADABLE_REQUEST = Kind(400, "unreadable-request", "The request cannot be read", closes=True)
HEAD_TOO_LARGE = Kind(431, "head-too-large", "The request's headers are too large", closes=True)
TOO_MANY_CONNECTIONS = Kind(
    503, "too-many-connections", "Too many connections", retry_after=1, closes=True
)
UNKNOWN_THUMBNAIL = Kind(404, "unknown-thumbnail", "No such picture")

KINDS: dict[type[errors.VreidError], Kind] = {
    request_errors.MalformedBody: Kind(400, "malformed-body", "The body cannot be read"),
    request_errors.BodyTooSlow: Kind(
        408, "body-too-slow", "The body did not arrive in time", closes=True
    ),
    request_errors.BodyTooLarge: Kind(413, "body-too-large", "The body is too large", closes=True),
    request_errors.TooManyPixels: Kind(413, "too-many-pixels", "The images are too large together"),
    request_errors.CrossSiteRequest: Kind(
        403, "cross-site-request", "A page of another site sent this"
    ),
    request_errors.MisdirectedRequest: Kind(
        421, "misdirected-request", "The service does not answer to this name"
    ),
    request_errors.UnsupportedBody: Kind(415, "unsupported-body", "The body's type is not read"),
    request_errors.InvalidRequest: Kind(422, "invalid-request", "The request has invalid fields"),
    request_errors.Overloaded: Kind(429, "overloaded", "The service is busy", retry_after=1),
    batching_errors.DeadlinePassed: Kind(
        504, "deadline-passed", "The request waited too long", retry_after=1
    ),
    batching_errors.ClientGone: Kind(499, "client-gone", "The client has hung up"),
    batching_errors.LanesEnded: Kind(503, "not-ready", "The service cannot compute", retry_after=2),
    request_errors.NotReady: Kind(503, "not-ready", "The service is not ready", retry_after=2),
    request_errors.UnknownThumbnail: UNKNOWN_THUMBNAIL,
    errors.EmptyImage: Kind(422, "empty-image", "The image has no bytes"),
    errors.UndecodableImage: Kind(422, "undecodable-image", "The image cannot be decoded"),
    errors.UnsupportedImage: Kind(415, "unsupported-image", "The image's kind is not read"),
    errors.ImageTooLarge: Kind(413, "image-too-large", "The image is too large"),
    errors.ImageError: Kind(422, "unusable-image", "The image cannot be used"),
    errors.NoModality: Kind(422, "no-modality", "There is no image"),
    errors.UnknownModality: Kind(422, "unknown-modality", "The modality is not known"),
    errors.SampleError: Kind(422, "unusable-sample", "The sample cannot be used"),
    errors.FusionError: Kind(422, "unusable-features", "The features cannot be fused"),
    errors.ScoringError: Kind(422, "unusable-query", "The query cannot be scored"),
    errors.FingerprintMismatch: Kind(409, "fingerprint-mismatch", "Another model made this"),
    service_errors.UnknownRecord: UNKNOWN_RECORD,
    service_errors.DuplicateRecord: Kind(409, "duplicate-record", "The id is taken"),
    service_errors.InvalidRecord: Kind(422, "invalid-record", "The record cannot be stored"),
    service_errors.InvalidFilter: Kind(422, "invalid-filter", "The filter cannot be used"),
    service_errors.InvalidSearch: Kind(422, "invalid-search", "The search is out of range"),
    service_errors.UnexpectedCount: Kind(
        409, "unexpected-count", "Another number of records passes"
    ),
    service_errors.DeletionInterrupted: Kind(
        503, "deletion-interrupted", "Not all records are deleted", retry_after=1
    ),
    service_errors.GalleryLocked: Kind(
        503, "gallery-locked", "Another process holds the gallery", retry_after=1
    ),
    service_errors.GalleryUnavailable: Kind(
        503, "gallery-unavailable", "The gallery's server does not answer", retry_after=5
    ),
    service_errors.GalleryDamaged: Kind(503, "gallery-damaged", "The gallery is damaged"),
    service_errors.GalleryUnwritable: Kind(
        507, "gallery-unwritable", "The gallery cannot be written"
    ),
    service_errors.GalleryRetired: Kind(
        503, "gallery-retired", "The gallery has a newer generation", retry_after=30
    ),
    service_errors.GalleryClosed: Kind(
        503, "not-ready", "The service is shutting down", retry_after=2
    ),
    access_errors.Unauthenticated: Kind(
        401, "unauthenticated", "A valid API key is needed", closes=True
    ),
    access_errors.Forbidden: Kind(403, "forbidden", "The key may not do this", closes=True),
    access_errors.TooManyRequests: Kind(
        429, "too-many-requests", "The key's rate is used up", retry_after=1, closes=True
    ),
    access_errors.TooManyFailures: Kind(
        429, "too-many-failures", "Too many calls without a valid key", retry_after=1, closes=True
    ),
    access_errors.KeysUnreadable: Kind(503, "keys-unreadable", "The keys cannot be read"),
    access_errors.AuditUnwritable: Kind(503, "audit-unwritable", "The audit log cannot be written"),
    ingest_errors.IngestOff: Kind(501, "ingest-off", "There is no ingest here"),
    ingest_errors.IngestFull: Kind(429, "ingest-full", "Too much is waiting", retry_after=5),
    ingest_errors.IngestUnavailable: Kind(
        503, "ingest-unavailable", "Ingest cannot accept anything", retry_after=5
    ),
    ingest_errors.UnknownIngest: Kind(404, "unknown-ingest", "No such ingest"),
    ingest_errors.IdempotencyKeyReused: Kind(
        422, "idempotency-key-reused", "The key belongs to another request"
    ),
}
"""Error class -> kind. An error takes the entry of the nearest class it derives from; one with no
entry is a fault of the service and answered with 500."""


class FieldProblemBody(BaseModel):
    """One field of the request and what is wrong with it."""

    field: str = Field(examples=["k"])
    message: str = Field(examples=["has to be greater than or equal to 1"])


class ProblemBody(BaseModel):
    """An RFC 9457 problem."""

    type: str = Field(description="a stable URN", examples=["urn:vreid:problem:invalid-request"])
    title: str
    status: int
    detail: str = Field(description="what is wrong here and what to do")
    instance: str = Field(description="URN of this request")
    request_id: str = Field(description="the same as the header X-Request-ID")
    errors: list[FieldProblemBody] | None = Field(default=None, description="the fields at fault")


def kind_of(error: errors.VreidError) -> Kind:
    """Return the kind of the nearest class in the error's ancestry that the table names."""
    cause = error.cause if isinstance(error, InvalidFields) else error
    for ancestor in type(cause).__mro__:
        if ancestor in KINDS:
            return KINDS[ancestor]
    return UNEXPECTED


def fields_of(error: errors.VreidError) -> tuple[FieldProblem, ...]:
    """Return the fields that the error names."""
    if isinstance(error, InvalidRequest):
        return error.problems
    if isinstance(error, InvalidFields):
        return tuple(FieldProblem(field, str(error.cause)) for field in error.fields)
    if isinstance(error, service_errors.InvalidFilter):
        # Every call that takes a filter calls it so.
        return (FieldProblem("filter", str(error)),)
    if isinstance(error, service_errors.UnexpectedCount):
        return (FieldProblem("expected", str(error)),)
    return ()


def retry_after_of(error: errors.VreidError) -> int | None:
    """Return after how many seconds to try again: the error's own estimate, else its kind's."""
    if isinstance(
        error,
        request_errors.Overloaded | access_errors.TooManyRequests | access_errors.TooManyFailures,
    ):
        return error.retry_after
    return kind_of(error).retry_after


def problem(
    kind: Kind,
    detail: str,
    request_id: str,
    fields: Sequence[FieldProblem] = (),
    retry_after: int | None = None,
) -> Response:
    """Return the response for one problem; `retry_after` is the kind's where it is None."""
    body = problem_document(kind, detail, request_id, fields)
    seconds = kind.retry_after if retry_after is None else retry_after
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    if kind.closes:
        headers["Connection"] = "close"
    # Text that a client sent may hold lone surrogates; ASCII escapes carry them.
    return Response(json.dumps(body), kind.status, headers=headers, media_type=MEDIA_TYPE)


def problem_document(
    kind: Kind, detail: str, request_id: str, fields: Sequence[FieldProblem] = ()
) -> dict[str, Any]:
    """Return one problem as a JSON object, as `ProblemBody` describes it."""
    body: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": f"urn:vreid:request:{request_id}",
        "request_id": request_id,
    }
    if fields:
        body["errors"] = [{"field": one.field, "message": one.message} for one in fields]
    return body


def problem_document_of(error: errors.VreidError, request_id: str) -> dict[str, Any]:
    """Return a typed error as a problem; of a fault of the service no more than that it failed."""
    kind = kind_of(error)
    if kind.status == 500:
        return unexpected_problem_document(request_id)
    return problem_document(kind, str(error), request_id, fields_of(error))


def unexpected_problem(request_id: str) -> Response:
    """Return the response for an error that nobody expected; the log holds the rest."""
    return problem(UNEXPECTED, _unforeseen(request_id), request_id)


def unexpected_problem_document(request_id: str) -> dict[str, Any]:
    """Return the problem of an error that nobody expected."""
    return problem_document(UNEXPECTED, _unforeseen(request_id), request_id)


def _unforeseen(request_id: str) -> str:
    return f"an error that was not foreseen; look for {request_id} in the service's log"
