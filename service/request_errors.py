"""What can be wrong with a request, as typed errors.

VreidError
└── RequestError
    ├── MalformedBody        the body is not what its Content-Type says
    ├── UnsupportedBody      a Content-Type that the call does not read
    ├── BodyTooLarge         more bytes than `limits.request_bytes`
    ├── TooManyPixels        the images together declare more than `limits.request_pixels`
    ├── BodyTooSlow          the body did not arrive within `body_timeout`
    ├── InvalidRequest       fields that are unknown, missing or out of range, each named
    ├── InvalidFields        fields whose content was refused by another room
    │   └── InvalidField         one such field
    ├── MisdirectedRequest   the Host is none that the service answers to
    ├── CrossSiteRequest     a page of another site sent it
    ├── Overloaded           more than the service holds, or computes in time
    └── NotReady             the bundle, the engine or the gallery cannot answer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import ServiceError
from vreid.errors import VreidError


class RequestError(ServiceError):
    """A request that cannot be answered as it was sent."""


class MalformedBody(RequestError):
    """The body is not what its Content-Type says."""


class UnsupportedBody(RequestError):
    """The Content-Type is none that the call reads."""


class BodyTooLarge(RequestError):
    """The body has more bytes than the service accepts."""


class TooManyPixels(RequestError):
    """The images of one request declare more pixels than the service decodes for it."""


class MisdirectedRequest(RequestError):
    """The header Host names none of the names that the service answers to."""


class CrossSiteRequest(RequestError):
    """A browser sent the request for a page of another site."""


class BodyTooSlow(RequestError):
    """The body did not arrive in time."""


LONGEST_RETRY_AFTER = 30
"""Seconds: an estimate of a longer time says no more than that it is long."""


class Overloaded(RequestError):
    """More is in work than the service holds, or computes in time.

    Attributes:
        retry_after: seconds after which to try again, 1 to LONGEST_RETRY_AFTER.
    """

    def __init__(self, message: str, retry_after: int = 1) -> None:
        self.retry_after = min(max(1, retry_after), LONGEST_RETRY_AFTER)
        super().__init__(message)


class NotReady(RequestError):
    """A part that the service needs cannot answer now."""


class UnknownThumbnail(RequestError):
    """The record has no picture of this modality."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of a request and what is wrong with it."""

    field: str
    message: str


class InvalidRequest(RequestError):
    """Fields that are unknown, missing or out of range.

    Attributes:
        problems: one entry per field, in the order of the request.
    """

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))


class InvalidFields(RequestError):
    """Fields whose content another room refused, such as ids that are taken.

    Attributes:
        fields: the fields' names as the client wrote them.
        cause: the error of the other room; it decides the problem's type and status.
    """

    def __init__(self, fields: Sequence[str], cause: VreidError) -> None:
        self.fields = tuple(fields)
        self.cause = cause
        super().__init__(f"{', '.join(fields)}: {cause}")


class InvalidField(InvalidFields):
    """A field whose content another room refused, such as an image that cannot be decoded.

    Attributes:
        field: the field's name as the client wrote it.
        cause: the error of the other room; it decides the problem's type and status.
    """

    def __init__(self, field: str, cause: VreidError) -> None:
        self.field = field
        super().__init__([field], cause)
