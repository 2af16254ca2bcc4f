"""What a call to the service can end with.

VreidError
└── ClientError
    ├── ServiceUnreachable       no connection came about: nothing was sent
    ├── AnswerLost               sent, and no whole answer came: it may have been carried out
    ├── DeadlineExceeded         the time that the caller gave is over
    ├── IngestUnfinished         an accepted entry is not stored yet, or failed
    ├── EnrolmentInterrupted     not all of many sightings were settled (vreid.client.enrolment)
    ├── UnexpectedAnswer         an answer that the API does not have
    └── ServiceProblem           the service said what is wrong (RFC 9457)
        ├── RequestRefused       400 405 408 413 415 421 422: the request has to be another
        │   ├── TooLarge         413: smaller images, or fewer in one request
        │   └── ImageRefused     an image that cannot be used (also a vreid ImageError)
        ├── NotPermitted         401 403: another API key is needed
        │   └── KeyNeeded        401, 429 after many: there was none, or it is not valid
        ├── NotThere             404: no such record, thumbnail or entry
        ├── Conflict             409
        │   ├── RecordExists     the id is taken
        │   └── ModelMismatch    features of another model (also a vreid FingerprintMismatch)
        ├── Busy                 429, or 503 with Retry-After: the same request may pass later
        ├── NotSetUp             501: the service is not set up for this call
        └── ServiceFailed        500, 502, 503, 504, 507 and what else is the service's fault

A message says what to do next: `ServiceProblem` carries the service's own sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

from vreid.client.variables import API_KEY_VARIABLE, URL_VARIABLE
from vreid.errors import FingerprintMismatch, ImageError, VreidError

PROBLEM_TYPE = "urn:vreid:problem:"
"""What the type of every problem of the service begins with."""

TOO_MANY_FAILURES = "too-many-failures"
"""Says in place of 401 that the key is not valid: a valid one is never told it."""


class ClientError(VreidError):
    """Base of everything that a call can end with, besides its result."""


class ServiceUnreachable(ClientError):
    """No connection to the service came about, so nothing was sent.

    Attributes:
        may_pass: whether a later try may find the service; not where its certificate is refused.
    """

    def __init__(self, message: str, may_pass: bool = True) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class AnswerLost(ClientError):
    """The request was sent, or a part of it, and no whole answer came back.

    What it asked for may have been done.
    """


class DeadlineExceeded(ClientError):
    """The call took longer than its caller gave it."""


class UnexpectedAnswer(ClientError):
    """The answer is none that the API has: of another version, or of something in between."""


class IngestUnfinished(ClientError):
    """An entry that was accepted is not stored: it failed, or it still waits.

    Attributes:
        entry_id: of the entry.
    """

    def __init__(self, message: str, entry_id: str) -> None:
        super().__init__(message)
        self.entry_id = entry_id


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of the request and what is wrong with it.

    Attributes:
        field: as the request called it: ``k``, ``samples[1].rgb``.
        message: what is wrong, and what would be right.
    """

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error answer of the service, as RFC 9457 describes it.

    Attributes:
        status: of the answer.
        type: stable URN of the kind of problem; ``about:blank`` where something in between
            answered.
        title: the kind in words.
        detail: what is wrong here and what to do.
        request_id: by which the service's log knows the request; None where it was not told.
        errors: the fields at fault.
        retry_after: seconds after which to try again; None where that does not help.
    """

    status: int
    type: str
    title: str
    detail: str
    request_id: str | None = None
    errors: tuple[FieldError, ...] = ()
    retry_after: float | None = None

    @property
    def is_own(self) -> bool:
        """Whether the service itself wrote it, and not a proxy before it."""
        return self.type.startswith(PROBLEM_TYPE)

    @property
    def slug(self) -> str:
        """The end of the type: ``invalid-request``."""
        return self.type.removeprefix(PROBLEM_TYPE)


class ServiceProblem(ClientError):
    """The service answered what is wrong.

    Attributes:
        problem: the answer; its members are attributes of the error too.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        known = f" (request {problem.request_id})" if problem.request_id else ""
        super().__init__(f"{problem.title}: {problem.detail}{known}")

    @property
    def type(self) -> str:
        """Stable URN of the kind of problem."""
        return self.problem.type

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return self.problem.status

    @property
    def request_id(self) -> str | None:
        """By which the service's log knows the request."""
        return self.problem.request_id

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """The fields at fault."""
        return self.problem.errors

    @property
    def retry_after(self) -> float | None:
        """Seconds after which to try again; None where that does not help."""
        return self.problem.retry_after


class RequestRefused(ServiceProblem):
    """The request cannot be answered as it was sent."""


class TooLarge(RequestRefused):
    """The body or an image is larger than the service takes."""


class ImageRefused(RequestRefused, ImageError):
    """An image of the request cannot be used."""


class NotPermitted(ServiceProblem):
    """There is no API key, or it does not allow this."""


class KeyNeeded(NotPermitted):
    """The service asked for an API key: none was sent, or it is not valid any more."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.args = (
            f"{self}; a key is given by {API_KEY_VARIABLE}, beside {URL_VARIABLE} where the "
            "service is not at this machine's port 8000, or by Client(url, api_key)",
        )


class NotThere(ServiceProblem):
    """There is no such record, thumbnail or entry."""


class Conflict(ServiceProblem):
    """What the service has does not go with the request."""


class RecordExists(Conflict):
    """The gallery already has a record with this id."""


class ModelMismatch(Conflict, FingerprintMismatch):
    """The features come from another model than the one that is served."""


class Busy(ServiceProblem):
    """The service cannot answer now; the same request may be sent again later."""


class NotSetUp(ServiceProblem):
    """The service is not set up for this call."""


class ServiceFailed(ServiceProblem):
    """The service, or something before it, failed."""


_BY_SLUG: dict[str, type[ServiceProblem]] = {
    "duplicate-record": RecordExists,
    "fingerprint-mismatch": ModelMismatch,
    TOO_MANY_FAILURES: KeyNeeded,
    "empty-image": ImageRefused,
    "undecodable-image": ImageRefused,
    "unsupported-image": ImageRefused,
    "unusable-image": ImageRefused,
}

_BY_STATUS: dict[int, type[ServiceProblem]] = {
    400: RequestRefused,
    401: KeyNeeded,
    403: NotPermitted,
    404: NotThere,
    405: RequestRefused,
    408: RequestRefused,
    409: Conflict,
    413: TooLarge,
    415: RequestRefused,
    421: RequestRefused,
    422: RequestRefused,
    429: Busy,
    501: NotSetUp,
}


def error_of(problem: Problem) -> ServiceProblem:
    """The error of a problem: by its type where that says more, else by its status."""
    if problem.slug in _BY_SLUG:
        return _BY_SLUG[problem.slug](problem)
    if problem.status == 503 and problem.retry_after is not None:
        return Busy(problem)
    return _BY_STATUS.get(problem.status, ServiceFailed)(problem)
